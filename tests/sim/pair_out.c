/* SPDX-License-Identifier: MIT */
/* pair_out.c - the sending end of a pair: reads wait, paths take runs of them and number them; the
 * paths are those that answer probes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/compiler.h>

#include "pair.h"
#include "sched/path_choice.h"
#include "vtrunkd/wire.h"

static const struct health_settings settings = {.interval_ns = NS_PER_S,
                                                .timeout_ns = 5 * NS_PER_S,
                                                .busy_ns = 100 * NS_PER_MS,
                                                .slack_ns = 150 * NS_PER_MS};

/* A path of which nothing came around for so long and the time that it takes at the longest is
 * known to be dead (health_check_timeout_ms).
 */
#define VERDICT_NS (5 * NS_PER_S)

static unsigned id_of(const struct pair *p, const struct pair_link *link)
{
	return (unsigned)(link - p->link);
}

/* ---- runs ---- */

static uint64_t pipe_ns(const struct net_pipe *pipe)
{
	return pipe->delay_ns + pipe->jitter_ns + pipe->queue_ns + pipe->late_ns;
}

static uint64_t around_ns(const struct pair_link *link)
{
	return pipe_ns(&link->out->up) + pipe_ns(&link->in->down) + pipe_ns(&link->in->up) +
	       pipe_ns(&link->out->down);
}

static void check_run(struct pair *p, const struct send_run *run)
{
	uint16_t usable = 0;

	for (unsigned i = 0; i < p->table->len; i++)
		usable |= (uint16_t)(1u << p->table->slot[i].path_id);
	if (!run->path_mask || run->path_mask & ~usable || !(run->path_mask & 1u << run->path_id))
		pair_break(p, "a run over the paths %#x, where %#x may carry data", run->path_mask,
		           usable);
	if (p->mode == BONDING_REDUNDANT && run->path_mask != usable)
		pair_break(p, "a redundant run over the paths %#x of %#x", run->path_mask, usable);
	for (unsigned i = 0; i < p->links; i++) {
		struct pair_link *link = &p->link[i];

		if (run->path_mask & 1u << i && link->dead_ns != NEVER_NS &&
		    p->now_ns > link->dead_ns + VERDICT_NS + around_ns(link))
			pair_break(p, "a run over path %u, which is dead for %.1f s", i,
			           (double)(p->now_ns - link->dead_ns) / NS_PER_S);
	}
}

static void send_packet(struct pair *p, uint32_t id, uint32_t bytes, uint16_t mask)
{
	uint8_t data[NET_LEN_MAX] = {0};
	struct pair_datagram d = {.kind = PAIR_DATA, .packet = id, .sent_ns = p->now_ns};
	size_t len = bytes + TRANSPORT_OVERHEAD;

	for (unsigned i = 0; i < p->links; i++) {
		struct pair_link *link = &p->link[i];

		if (!(mask & 1u << i))
			continue;
		d.link = (uint8_t)i;
		memcpy(data, &d, sizeof d);
		link->packets++;
		net_send(&p->net, link->out, &link->in->address, data,
		         len > sizeof d ? len : sizeof d, p->now_ns);
	}
}

/* A path takes what it was given, or less, when the caller's memory is full: numbers in a row. */
static uint32_t take(struct pair *p, struct send_run *run, uint8_t lane)
{
	struct pair_key *key = &p->keys[p->key];
	uint32_t most = sim_chance(&p->random, MILLION / 8)
	                        ? (uint32_t)sim_between(&p->random, 1, 20)
	                        : UINT32_MAX;
	struct send_ticket *ticket;
	uint32_t taken = 0;

	while (taken < most) {
		uint32_t before = run->bytes, id;

		ticket = sender_take(&p->sender, run);
		if (!ticket)
			break;
		id = caa_container_of(ticket, struct pair_read, ticket)->next++;
		if (p->packet[id].state != PACKET_WAITS)
			pair_break(p, "packet %u is taken, and does not wait", id);
		packet_becomes(p, id, PACKET_SENT);
		p->packet[id].key = (uint16_t)p->key;
		p->packet[id].lane = lane;
		p->packet[id].seq = key->next[lane]++;
		send_packet(p, id, run->bytes - before, run->path_mask);
		taken++;
	}
	return taken;
}

/* What was sent is remembered, on every path that took it. */
static void check_record(struct pair *p, const struct send_run *run,
                         const struct send_numbers *numbers)
{
	struct send_numbers last = *numbers;

	last.first += run->packets - 1;
	for (unsigned i = 0; i < p->links; i++) {
		const struct send_record *record = sender_find(&p->sender, i, &last);

		if (run->path_mask & 1u << i && (!record || record->first > numbers->first ||
		                                 record->first + record->packets <= last.first))
			pair_break(p, "what path %u took is not in its record", i);
	}
}

static void send_run(struct pair *p, const struct sender_facts *facts, struct send_run *run)
{
	uint8_t lane = run->is_ordered ? LANE_ORDERED : LANE_UNORDERED;
	struct send_numbers numbers = {
		.first = p->keys[p->key].next[lane], .key = 1000 + p->key, .lane = lane};
	uint32_t taken;

	check_run(p, run);
	taken = take(p, run, lane);
	if (!taken || taken != run->packets)
		pair_break(p, "%u packets were taken for a run of %u", taken, run->packets);
	if (p->is_broken)
		return;
	sender_sent(&p->sender, facts, run, &numbers, p->now_ns);
	check_record(p, run, &numbers);
}

/* Who asks twice is told the same twice. */
static void ask_again(struct pair *p, const struct sender_facts *facts, const struct send_run *run)
{
	struct send_run again;

	if (!sim_chance(&p->random, MILLION / 8))
		return;
	if (sender_next_run(&p->sender, facts, p->now_ns, &again) != SENDER_RUN ||
	    again.path_mask != run->path_mask || again.bytes_max != run->bytes_max)
		pair_break(p, "asked again, the sender gives another run");
}

static void pump(struct pair *p)
{
	const struct sender_facts facts = {.table = p->table, .has_session = p->has_session};
	bool is_blocked = !p->has_session || !p->table || !p->table->len;
	enum sender_outcome outcome;
	struct send_run run;

	while (!p->is_broken &&
	       (outcome = sender_next_run(&p->sender, &facts, p->now_ns, &run)) == SENDER_RUN) {
		ask_again(p, &facts, &run);
		send_run(p, &facts, &run);
	}
	if (p->is_broken)
		return;
	p->wait_ns = outcome == SENDER_WAIT ? sender_alarm_ns(&p->sender) : NEVER_NS;
	if (outcome == SENDER_WAIT && p->wait_ns == NEVER_NS)
		pair_break(p, "the sender waits, and does not say for how long");
	if (!is_blocked && (outcome == SENDER_NOTHING) != !p->count[PACKET_WAITS])
		pair_break(p, "%u packets wait, and the sender gives none", p->count[PACKET_WAITS]);
	if (is_blocked && outcome != SENDER_BLOCKED && p->count[PACKET_WAITS])
		pair_break(p, "a run without a session or a path");
}

/* ---- what waits too long ---- */

static void drop(struct pair *p, enum sender_excess why)
{
	struct send_ticket *ticket = sender_drop(&p->sender);
	uint32_t id;

	if (!ticket) {
		pair_break(p, "too much waits, and nothing is there");
		return;
	}
	id = caa_container_of(ticket, struct pair_read, ticket)->next++;
	if (p->packet[id].state != PACKET_WAITS)
		pair_break(p, "packet %u is dropped, and does not wait", id);
	if (why == SENDER_TOO_OLD && p->now_ns < p->packet[id].since_ns + SENDER_AGE_NS)
		pair_break(p, "packet %u is dropped too early", id);
	if (why == SENDER_TOO_MANY && p->count[PACKET_WAITS] <= STAGED_MAX)
		pair_break(p, "packet %u is dropped, one of %u", id, p->count[PACKET_WAITS]);
	packet_becomes(p, id, PACKET_DROPPED);
}

static void drop_excess(struct pair *p)
{
	enum sender_excess why;

	while (!p->is_broken && (why = sender_excess(&p->sender, p->now_ns)) != SENDER_KEEPS)
		drop(p, why);
	sender_service(&p->sender, p->now_ns);
}

static void check_waiting(struct pair *p)
{
	struct sender_view view;

	while (p->oldest < p->offered && p->packet[p->oldest].state != PACKET_WAITS)
		p->oldest++;
	if (p->oldest < p->offered && p->now_ns >= p->packet[p->oldest].since_ns + SENDER_AGE_NS)
		pair_break(p, "packet %u waits for longer than %.0f s", p->oldest,
		           (double)SENDER_AGE_NS / NS_PER_S);
	sender_view(&p->sender, &view);
	if (view.waiting_packets != p->count[PACKET_WAITS])
		pair_break(p, "%u packets wait, the sender says %llu", p->count[PACKET_WAITS],
		           (unsigned long long)view.waiting_packets);
	for (unsigned i = 0; i < p->links; i++) {
		if (view.path[i].packets != p->link[i].packets)
			pair_break(p, "path %u took %llu packets, the sender says %llu", i,
			           (unsigned long long)p->link[i].packets,
			           (unsigned long long)view.path[i].packets);
	}
}

/* Whether too much waits is asked after an offer and at the alarm, as the sender says. */
static void move_packets(struct pair *p, bool is_offered)
{
	pump(p);
	if (is_offered || sender_alarm_ns(&p->sender) <= p->now_ns)
		drop_excess(p);
	if (!p->is_broken)
		check_waiting(p);
}

void pair_offer(struct pair *p, uint32_t packets, uint32_t bytes, uint32_t last_bytes)
{
	struct pair_read *read = &p->read[p->offered];

	assert(p->offered + packets <= PAIR_PACKETS_MAX);
	*read = (struct pair_read){.ticket = {.since_ns = p->now_ns,
	                                      .packets = packets,
	                                      .packet_bytes = bytes,
	                                      .last_bytes = last_bytes},
	                           .next = p->offered};
	for (uint32_t i = 0; i < packets; i++)
		p->packet[p->offered++].since_ns = p->now_ns;
	p->count[PACKET_WAITS] += packets;
	p->data_ns = p->now_ns;
	sender_offer(&p->sender, &read->ticket);
	move_packets(p, true);
}

/* ---- the table of paths ---- */

static struct path_choice choice_of(const struct pair *p)
{
	struct path_choice choice = {.is_bonded = true, .followed = PATHS_MAX};

	for (unsigned i = 0; i < p->links; i++) {
		const struct pair_link *link = &p->link[i];

		choice.path[i] = (struct path_facts){.has_target = true,
		                                     .has_link = !link->is_gone,
		                                     .heard_ns = link->heard_ns,
		                                     .weight = link->weight,
		                                     .health = &link->health};
	}
	return choice;
}

static bool is_as_before(const struct path_table *table, const struct path_table *before)
{
	if (!before || table->len != before->len)
		return false;
	for (unsigned i = 0; i < table->len; i++) {
		if (table->slot[i].path_id != before->slot[i].path_id)
			return false;
	}
	return true;
}

static void choose(struct pair *p)
{
	const struct path_choice choice = choice_of(p);
	struct path_candidate candidates[PATHS_MAX];
	unsigned len = path_choose(&choice, candidates, p->now_ns);
	struct path_table *table = path_table_build(p->mode, candidates, len);

	assert(table);
	if (is_as_before(table, p->table)) {
		path_table_retire(table);
		return;
	}
	path_table_retire(p->table);
	p->table = table;
}

/* ---- probes ---- */

static void probe(struct pair *p, struct pair_link *link)
{
	uint8_t data[PAIR_PROBE_LEN] = {0};
	struct pair_datagram d = {.kind = PAIR_PROBE,
	                          .link = (uint8_t)id_of(p, link),
	                          .probe = health_probe_sent(&link->health, &settings, p->now_ns),
	                          .sent_ns = p->now_ns};

	memcpy(data, &d, sizeof d);
	net_send(&p->net, link->out, &link->in->address, data, sizeof data, p->now_ns);
}

/* Returns whether the paths may be others now. */
static bool serve_link(struct pair *p, struct pair_link *link, bool is_busy)
{
	bool changed;

	if (link->is_gone)
		return false;
	if (link->health.is_busy != is_busy)
		health_set_busy(&link->health, &settings, is_busy, p->now_ns);
	changed = health_tick(&link->health, &settings, p->now_ns);
	if (link->health.probe_at_ns <= p->now_ns)
		probe(p, link);
	return changed;
}

void pair_out_hears(struct pair *p, struct pair_link *link, const struct pair_datagram *d)
{
	link->heard_ns = p->now_ns;
	if (!link->is_gone)
		health_answered(&link->health, &settings, d->probe, p->now_ns - d->sent_ns,
		                p->now_ns);
}

/* ---- events ---- */

uint64_t pair_out_next_ns(const struct pair *p)
{
	uint64_t next_ns = p->key_at_ns < p->wait_ns ? p->key_at_ns : p->wait_ns, at_ns;

	at_ns = sender_alarm_ns(&p->sender);
	next_ns = at_ns < next_ns ? at_ns : next_ns;
	for (unsigned i = 0; i < p->links; i++) {
		if (p->link[i].is_gone)
			continue;
		at_ns = health_deadline_ns(&p->link[i].health, &settings);
		next_ns = at_ns < next_ns ? at_ns : next_ns;
	}
	return next_ns;
}

static void take_key(struct pair *p)
{
	if (p->key_at_ns > p->now_ns)
		return;
	p->key_at_ns = NEVER_NS;
	p->key++;
}

void pair_out_serve(struct pair *p)
{
	bool is_busy = p->data_ns && p->now_ns < p->data_ns + NS_PER_S;

	take_key(p);
	for (unsigned i = 0; i < p->links; i++)
		serve_link(p, &p->link[i], is_busy);
	choose(p);
	move_packets(p, false);
}

void pair_set_dead(struct pair *p, struct pair_link *link, bool is_out_dead, bool is_in_dead)
{
	struct net_pipe *out = &link->out->up, *in = &link->out->down;

	/* Where the directions change places something may slip through. */
	if (!is_out_dead && !is_in_dead)
		link->dead_ns = NEVER_NS;
	else if (out->is_dead != is_out_dead || in->is_dead != is_in_dead)
		link->dead_ns = p->now_ns;
	out->is_dead = is_out_dead;
	in->is_dead = is_in_dead;
}

void pair_set_gone(struct pair *p, struct pair_link *link, bool is_gone)
{
	link->is_gone = is_gone;
	if (is_gone)
		health_fail(&link->health, "its device is gone", p->now_ns);
	else
		health_hurry(&link->health, &settings);
	pair_out_serve(p);
}

void pair_set_session(struct pair *p, bool has_session)
{
	p->has_session = has_session;
	move_packets(p, false);
}

void pair_change_key(struct pair *p, uint64_t after_ns)
{
	if (p->key_at_ns != NEVER_NS || p->key + 1 == PAIR_KEYS_MAX)
		return;
	p->keys[p->key + 1] = (struct pair_key){.born_ns = p->now_ns};
	p->key_at_ns = p->now_ns + after_ns;
}
