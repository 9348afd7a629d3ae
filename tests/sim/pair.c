/* SPDX-License-Identifier: MIT */
#include "pair.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu/compiler.h>

static struct endpoint address(unsigned link, unsigned host)
{
	struct endpoint ep = {.in4 = {.sin_family = AF_INET, .sin_port = htons(51820)}};

	ep.in4.sin_addr.s_addr = htonl(10u << 24 | link << 16 | host);
	return ep;
}

static void receive(struct net_port *port, const struct endpoint *from, const uint8_t *data,
                    size_t len, uint64_t now_ns)
{
	struct pair *p = port->owner;
	struct pair_datagram d;

	(void)from;
	assert(len >= sizeof d && now_ns >= p->now_ns);
	p->now_ns = now_ns;
	memcpy(&d, data, sizeof d);
	if (port == p->link[d.link].in)
		pair_in_hears(p, &p->link[d.link], &d);
	else
		pair_out_hears(p, &p->link[d.link], &d);
}

static void *array(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	assert(memory);
	return memory;
}

void pair_init(struct pair *p, uint64_t seed, uint64_t now_ns)
{
	*p = (struct pair){.seed = seed,
	                   .now_ns = now_ns,
	                   .has_session = true,
	                   .key_at_ns = NEVER_NS,
	                   .wait_ns = NEVER_NS,
	                   .alarm_ns = NEVER_NS};
	net_init(&p->net, seed, receive);
	sim_random_init(&p->random, seed, 'p');
	sender_init(&p->sender);
	p->keys[0].born_ns = now_ns;
	p->packet = array(PAIR_PACKETS_MAX, sizeof *p->packet);
	p->read = array(PAIR_PACKETS_MAX, sizeof *p->read);
	p->arrivals = array(PAIR_PACKETS_MAX, sizeof *p->arrivals);
	p->holds = array(PAIR_HELD_MAX, sizeof *p->holds);
	memset(p->holds, 0xff, PAIR_HELD_MAX * sizeof *p->holds);
}

void pair_fini(struct pair *p)
{
	while (sender_drop(&p->sender))
		;
	sender_fini(&p->sender);
	path_table_retire(p->table);
	net_fini(&p->net);
	free(p->packet);
	free(p->read);
	free(p->arrivals);
	free(p->holds);
}

struct pair_link *pair_add_link(struct pair *p, uint32_t weight)
{
	struct endpoint out = address(p->links, 1), in = address(p->links, 2);
	struct pair_link *link = &p->link[p->links++];

	*link = (struct pair_link){.weight = weight, .dead_ns = NEVER_NS};
	link->out = net_open(&p->net, &out, p);
	link->in = net_open(&p->net, &in, p);
	health_init(&link->health, p->now_ns);
	return link;
}

void pair_break(struct pair *p, const char *fmt, ...)
{
	va_list args;

	if (p->is_broken)
		return;
	p->is_broken = true;
	va_start(args, fmt);
	vsnprintf(p->why, sizeof p->why, fmt, args);
	va_end(args);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_ns(const struct pair *p)
{
	return earlier(earlier(net_next_ns(&p->net), p->alarm_ns), pair_out_next_ns(p));
}

/* Datagrams that arrive at one moment are there before anybody's deadline of that moment. */
static void turn(struct pair *p)
{
	net_run(&p->net, p->now_ns);
	pair_out_serve(p);
	pair_in_serve(p);
	pair_in_look(p);
	p->events++;
	if (!p->is_broken && next_ns(p) <= p->now_ns)
		pair_break(p, "there is no end of what is due");
}

bool pair_run(struct pair *p, uint64_t ns)
{
	uint64_t end_ns = p->now_ns + ns, at_ns;

	while (!p->is_broken && (at_ns = next_ns(p)) <= end_ns) {
		if (at_ns > p->now_ns)
			p->now_ns = at_ns;
		turn(p);
	}
	if (!p->is_broken)
		p->now_ns = end_ns;
	return !p->is_broken;
}

void pair_settle_accounts(struct pair *p)
{
	const uint32_t *count = p->count;

	if (p->is_broken)
		return;
	if (p->net.in_flight || p->net.sent != p->net.lost + p->net.delivered)
		pair_break(p, "of %llu datagrams %llu were lost and %llu came",
		           (unsigned long long)p->net.sent, (unsigned long long)p->net.lost,
		           (unsigned long long)p->net.delivered);
	if (count[PACKET_WAITS] || count[PACKET_HELD])
		pair_break(p, "%u packets wait and %u are held for ever", count[PACKET_WAITS],
		           count[PACKET_HELD]);
	if (count[PACKET_DROPPED] + count[PACKET_SENT] + count[PACKET_DELIVERED] != p->offered)
		pair_break(p, "of %u packets %u were dropped, %u lost, %u delivered", p->offered,
		           count[PACKET_DROPPED], count[PACKET_SENT], count[PACKET_DELIVERED]);
	if (count[PACKET_SENT] > p->net.lost)
		pair_break(p, "%u packets are missing, and %llu datagrams were lost",
		           count[PACKET_SENT], (unsigned long long)p->net.lost);
}
