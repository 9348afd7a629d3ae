/* SPDX-License-Identifier: MIT */
/* pair_in.c - the receiving end of a pair: copies end, the rest is put in order and delivered. */
#include <assert.h>
#include <string.h>

#include "pair.h"
#include "vtrunkd/wire.h"

/* ---- delivering ---- */

static bool is_before(const struct pair_packet *a, const struct pair_place *place)
{
	return a->key < place->key || (a->key == place->key && a->seq < place->seq);
}

/* The first packet decides where order begins; two keypairs have an order at a time, the older one
 * up to some numbers beyond those heard of at the change (docs/protocol.md).
 */
static bool has_order(const struct pair *p, const struct pair_packet *packet)
{
	const struct pair_key *key = &p->keys[packet->key];

	if (is_before(packet, &p->first) || packet->key + 1u < p->newest_key)
		return false;
	return packet->key == p->newest_key ||
	       (key->heard_before && packet->seq < key->heard_before + RESEQ_ROOM);
}

/* None of the same keypair that has come is left behind. */
static void check_order(struct pair *p, uint32_t id)
{
	const struct pair_packet *packet = &p->packet[id];

	if (!has_order(p, packet))
		return;
	for (uint32_t i = p->arrivals_from; i < p->arrivals_to; i++) {
		const struct pair_packet *held = &p->packet[p->arrivals[i]];

		if (held->state == PACKET_HELD && held->key == packet->key &&
		    held->seq < packet->seq)
			pair_break(p, "packet %u is delivered before %u, which is here", id,
			           p->arrivals[i]);
	}
}

static void note_order(struct pair *p, uint32_t id)
{
	const struct pair_packet *packet = &p->packet[id];

	check_order(p, id);
	if (is_before(packet, &p->newest)) {
		p->overtaken++;
		if (p->is_steady && p->now_ns >= p->steady_ns && has_order(p, packet))
			pair_break(p, "packet %u was overtaken, on links that keep their delay",
			           id);
		return;
	}
	p->newest = (struct pair_place){packet->key, packet->seq};
}

static void deliver(struct pair *p, uint32_t id)
{
	if (p->packet[id].state == PACKET_DELIVERED)
		pair_break(p, "packet %u is delivered twice", id);
	packet_becomes(p, id, PACKET_DELIVERED);
	if (p->packet[id].lane == LANE_ORDERED)
		note_order(p, id);
}

/* ---- holding ---- */

static void deliver_held(struct pair *p, uint16_t ticket)
{
	uint32_t id = ticket < PAIR_HELD_MAX ? p->holds[ticket] : UINT32_MAX;

	if (id == UINT32_MAX) {
		pair_break(p, "the receiver gives a ticket that it does not have");
		return;
	}
	p->holds[ticket] = UINT32_MAX;
	deliver(p, id);
}

static unsigned take_ready(struct pair *p)
{
	unsigned taken = 0;
	uint16_t ticket;

	for (; !p->is_broken && receiver_take(&p->receiver, p->now_ns, &ticket); taken++)
		deliver_held(p, ticket);
	while (p->arrivals_from < p->arrivals_to &&
	       p->packet[p->arrivals[p->arrivals_from]].state != PACKET_HELD)
		p->arrivals_from++;
	return taken;
}

static void hold(struct pair *p, uint32_t id, const struct receiver_packet *packet, uint64_t place)
{
	while (p->holds[p->next_ticket] != UINT32_MAX)
		p->next_ticket = (uint16_t)((p->next_ticket + 1) % PAIR_HELD_MAX);
	p->holds[p->next_ticket] = id;
	packet_becomes(p, id, PACKET_HELD);
	p->arrivals[p->arrivals_to++] = id;
	receiver_hold(&p->receiver, packet, place, p->next_ticket, p->now_ns);
}

static void note_arrival(struct pair *p, const struct pair_packet *packet)
{
	struct pair_key *key = &p->keys[packet->key];

	if (!p->has_order)
		p->first = p->newest = (struct pair_place){packet->key, packet->seq};
	p->has_order = true;
	if (packet->seq >= key->heard)
		key->heard = packet->seq + 1;
	for (; p->newest_key < packet->key; p->newest_key++)
		p->keys[p->newest_key].heard_before = p->keys[p->newest_key].heard;
}

static void put_in_order(struct pair *p, uint32_t id, unsigned path)
{
	const struct pair_packet *packet = &p->packet[id];
	const struct receiver_packet came = {.seq = packet->seq,
	                                     .born_ns = p->keys[packet->key].born_ns,
	                                     .index = 1 + packet->key,
	                                     .path = path};
	enum reseq_verdict verdict;
	uint64_t place;
	uint16_t ticket;

	note_arrival(p, packet);
	while ((verdict = receiver_arrived(&p->receiver, &came, p->now_ns, &place)) == RESEQ_FULL) {
		if (!receiver_take_any(&p->receiver, p->now_ns, &ticket)) {
			pair_break(p, "the receiver is full of nothing");
			return;
		}
		deliver_held(p, ticket);
	}
	if (verdict == RESEQ_HOLD)
		hold(p, id, &came, place);
	else
		deliver(p, id);
}

static void take_data(struct pair *p, const struct pair_datagram *d)
{
	struct pair_packet *packet = &p->packet[d->packet];

	if (packet->arrived_ns)
		return; /* a copy: it ends at the replay window */
	packet->arrived_ns = p->now_ns;
	if (packet->lane == LANE_ORDERED)
		put_in_order(p, d->packet, d->link);
	else
		deliver(p, d->packet);
}

/* Answered at once; the clocks of the two ends differ by whatever it may be. */
static void take_probe(struct pair *p, struct pair_link *link, const struct pair_datagram *d)
{
	struct pair_datagram echo = *d;
	uint8_t data[PAIR_PROBE_LEN] = {0};
	uint32_t offset_us = (uint32_t)p->seed * 2654435761u;

	receiver_probed(&p->receiver, d->link,
	                (int32_t)(offset_us + (uint32_t)((p->now_ns - d->sent_ns) / NS_PER_US)));
	echo.kind = PAIR_ECHO;
	memcpy(data, &echo, sizeof echo);
	net_send(&p->net, link->in, &link->out->address, data, sizeof data, p->now_ns);
}

/* ---- events ---- */

static void set_alarm(struct pair *p)
{
	p->alarm_ns = receiver_alarm_ns(&p->receiver, p->now_ns);
	if (p->count[PACKET_HELD] && p->alarm_ns == NEVER_NS)
		pair_break(p, "%u packets are held without an alarm", p->count[PACKET_HELD]);
	if (!p->count[PACKET_HELD] && p->alarm_ns != NEVER_NS)
		pair_break(p, "an alarm, and nothing is held");
}

void pair_in_hears(struct pair *p, struct pair_link *link, const struct pair_datagram *d)
{
	if (d->kind == PAIR_PROBE)
		take_probe(p, link, d);
	else
		take_data(p, d);
	take_ready(p);
	set_alarm(p);
}

void pair_in_serve(struct pair *p)
{
	if (p->is_broken || p->alarm_ns > p->now_ns)
		return;
	if (!take_ready(p) && !p->is_broken)
		pair_break(p, "the alarm came, and the receiver has nothing to deliver");
	set_alarm(p);
}

void pair_in_look(struct pair *p)
{
	uint32_t oldest;

	if (p->arrivals_from == p->arrivals_to)
		return;
	oldest = p->arrivals[p->arrivals_from];
	if (p->now_ns > p->packet[oldest].arrived_ns + RESEQ_WAIT_MAX_NS)
		pair_break(p, "packet %u is held for longer than %.1f s", oldest,
		           (double)RESEQ_WAIT_MAX_NS / NS_PER_S);
}
