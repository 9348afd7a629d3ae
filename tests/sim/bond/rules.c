/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/reorder.h"
#include "events.h"
#include "host.h"
#include "sched/patience.h"
#include "sched/reseq.h"
#include "vtrunkd/wire.h"

#define ALARM_REST_NS NS_PER_S /* dataplane/outflow.c looks for what is too old so seldom */
#define SLACK_NS      NS_PER_MS
#define WAITING_MAX   ((32u << 20) + INNER_BYTES)

static char why[200];

static void broken(const char *format, ...)
{
	va_list args;

	if (why[0])
		return;
	int len = snprintf(why, sizeof why, "at %.6f s: ", (double)sim_now_ns / 1e9);
	va_start(args, format);
	vsnprintf(why + len, sizeof why - (size_t)len, format, args);
	va_end(args);
}

const char *rules_broken(void)
{
	return why[0] ? why : NULL;
}

void rules_forget(void)
{
	why[0] = 0;
}

static struct rules_packet *of(struct packet *p)
{
	return &p->rules->packet[p->id];
}

void rules_begin(struct rules *r)
{
	struct rules_packet *packet = r->packet;
	uint64_t room = r->room;

	memset(r, 0, sizeof *r);
	r->packet = packet;
	r->room = room;
}

void rules_offered(struct rules *r, struct packet *p)
{
	if (r->offered == r->room) {
		r->room = r->room ? 2 * r->room : 1u << 16;
		r->packet = realloc(r->packet, r->room * sizeof *r->packet);
		if (!r->packet)
			abort();
	}
	p->rules = r;
	p->id = r->offered++;
	p->offered_ns = sim_now_ns;
	*of(p) = (struct rules_packet){0};
}

void rules_dropped(struct packet *p)
{
	if (of(p)->is_dropped || of(p)->sent)
		broken("packet %" PRIu64 " was dropped, but sent or dropped before", p->id);
	of(p)->is_dropped = true;
	p->rules->dropped++;
}

void rules_sent(struct packet *p)
{
	uint64_t waited_ns = sim_now_ns - p->offered_ns;

	if (of(p)->sent || of(p)->is_dropped)
		broken("packet %" PRIu64 " was sent anew, or after it was dropped", p->id);
	if (waited_ns > SENDER_AGE_NS + ALARM_REST_NS + SLACK_NS)
		broken("packet %" PRIu64 " waited for %.3f s", p->id, (double)waited_ns / 1e9);
	of(p)->sent = of(p)->copies = 1;
	of(p)->counter = p->counter;
}

void rules_doubled(struct packet *p)
{
	of(p)->copies++;
	if (of(p)->is_doubled)
		broken("packet %" PRIu64 " was doubled twice", p->id);
	of(p)->is_doubled = true;
	if (of(p)->counter != p->counter)
		broken("packet %" PRIu64 " was doubled with another counter", p->id);
}

void rules_repaired(struct packet *p)
{
	of(p)->copies++;
	if (++of(p)->sent > 1 + PATIENCE_REPAIRS)
		broken("packet %" PRIu64 " was sent %u times", p->id, of(p)->sent);
	if (of(p)->counter != p->counter)
		broken("packet %" PRIu64 " was sent with another counter", p->id);
}

void rules_lost(struct packet *p)
{
	if (p->rules)
		of(p)->copies--;
}

void rules_refused(struct packet *p)
{
	of(p)->copies--;
	if (!of(p)->has_come)
		broken("packet %" PRIu64 " was refused, though it never came", p->id);
}

static uint64_t *word_of(const struct packet *p, uint64_t place)
{
	return &p->rules->here[p->group][place % RULES_RING / 64];
}

void rules_came(struct packet *p)
{
	struct rules *r = p->rules;

	if (of(p)->has_come)
		broken("packet %" PRIu64 " was accepted twice", p->id);
	of(p)->copies--;
	of(p)->has_come = true;
	p->came_ns = sim_now_ns;
	if (p->lane != LANE_ORDERED)
		return;
	*word_of(p, p->place) |= 1ull << p->place % 64;
	r->held++;
	r->held_max = MAX(r->held_max, r->held);
	if (r->held > RULES_GROUPS * (REORDER_HELD_MAX + 1))
		broken("%u packets are held", r->held);
}

static void check_order(struct packet *p)
{
	uint64_t *top = &p->rules->top[p->group];

	p->rules->held--;
	*word_of(p, p->place) &= ~(1ull << p->place % 64);
	for (; *top < p->place; ++*top) {
		if (*word_of(p, *top) >> *top % 64 & 1)
			broken("packet %" PRIu64 " overtook what was here", p->id);
	}
	if (*top == p->place)
		++*top;
}

void rules_delivered(struct packet *p)
{
	uint64_t held_ns = sim_now_ns - p->came_ns;

	if (of(p)->is_delivered || !of(p)->has_come)
		broken("packet %" PRIu64 " was delivered twice, or never came", p->id);
	if (held_ns > RESEQ_WAIT_MAX_NS + SLACK_NS)
		broken("packet %" PRIu64 " was held for %.3f s", p->id, (double)held_ns / 1e9);
	of(p)->is_delivered = true;
	p->rules->delivered++;
	if (p->lane == LANE_ORDERED)
		check_order(p);
}

void rules_turned(const struct host *h)
{
	if (h->sender.waiting.bytes > WAITING_MAX)
		broken("%" PRIu64 " bytes wait", h->sender.waiting.bytes);
	if (h->kept.bytes > HOST_KEPT_BYTES)
		broken("%" PRIu64 " bytes are kept", h->kept.bytes);
}

void rules_end(struct rules *r)
{
	for (uint64_t id = 0; id < r->offered; id++) {
		const struct rules_packet *p = &r->packet[id];

		if (p->copies || (p->has_come && !p->is_delivered) || (!p->sent && !p->is_dropped))
			broken("packet %" PRIu64 " is nowhere", id);
	}
}
