/* SPDX-License-Identifier: MIT */
#include "sched/reseq.h"

#include <stddef.h>

#define ACTIVE_NS        (300 * NS_PER_MS) /* a path without data for so long brings no gap */
#define SLACK_NS         (5 * NS_PER_MS)   /* beyond the difference of the delays */
#define OWD_UNKNOWN_NS   (20 * NS_PER_MS)  /* assumed difference before probes have told */
#define MARGIN_MAX_NS    (60 * NS_PER_MS)
#define MARGIN_STEP_NS   (200 * NS_PER_US)
#define MARGIN_PERIOD_NS (100 * NS_PER_MS) /* it loses a fiftieth in this time */

static struct reseq_slot *slot_of(struct reseq *r, uint64_t seq)
{
	return &r->slot[seq % RESEQ_SLOTS];
}

void reseq_restart(struct reseq *r)
{
	r->next = 0;
	r->is_started = true;
	r->passed_ns = 0;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		r->path[i].passed = 0;
		r->path[i].data_ns = 0;
	}
}

static void decay_margin(struct reseq *r, uint64_t now_ns)
{
	while (r->margin_ns && now_ns - r->margin_at_ns >= MARGIN_PERIOD_NS) {
		r->margin_at_ns += MARGIN_PERIOD_NS;
		r->margin_ns -= r->margin_ns / 50 + 1;
	}
	if (!r->margin_ns)
		r->margin_at_ns = now_ns;
}

/* It came after all: we should have waited that much longer, and do so half the way from now on. */
static void learn_from_late(struct reseq *r, uint64_t now_ns)
{
	r->came_late++;
	if (!r->given_up_ns)
		return;
	r->margin_ns += (now_ns - r->given_up_ns) / 2 + MARGIN_STEP_NS;
	if (r->margin_ns > MARGIN_MAX_NS)
		r->margin_ns = MARGIN_MAX_NS;
}

static void note_passed(struct reseq *r, uint64_t seq, unsigned path, uint64_t now_ns)
{
	if (path >= PATHS_MAX)
		return;
	if (r->path[path].passed <= seq)
		r->path[path].passed = seq + 1;
	r->path[path].data_ns = now_ns;
}

enum reseq_verdict reseq_arrived(struct reseq *r, uint64_t seq, unsigned path, uint64_t now_ns)
{
	if (!r->is_started) {
		r->is_started = true;
		r->next = seq;
	}
	if (seq >= r->next + RESEQ_SLOTS && r->held)
		return RESEQ_FULL;
	decay_margin(r, now_ns);
	note_passed(r, seq, path, now_ns);
	if (seq < r->next) {
		learn_from_late(r, now_ns);
		return RESEQ_DELIVER;
	}
	if (seq >= r->next + RESEQ_SLOTS) {
		/* Nothing held and a jump beyond all memory: order begins anew here. */
		r->gaps_given_up += seq - r->next;
		r->given_up_ns = now_ns;
		r->next = seq;
	}
	if (seq != r->next)
		return RESEQ_HOLD;
	r->next++;
	r->passed_ns = 0;
	return RESEQ_DELIVER;
}

void reseq_hold(struct reseq *r, uint64_t seq, unsigned path, uint16_t ticket, uint64_t now_ns)
{
	*slot_of(r, seq) = (struct reseq_slot){
		.arrived_ns = now_ns, .ticket = ticket, .path = (uint8_t)path, .is_held = true};
	if (!r->held || seq < r->first_held)
		r->first_held = seq;
	r->held++;
}

static bool is_active(const struct reseq_path *p, uint64_t now_ns)
{
	return p->passed && now_ns - p->data_ns < ACTIVE_NS;
}

/* How much later than over @fast a packet sent at the same time may come over @slow. */
static uint64_t difference_ns(const struct reseq_path *slow, const struct reseq_path *fast)
{
	int32_t worst, least;

	if (!slow->owd_len || !fast->owd_len)
		return OWD_UNKNOWN_NS;
	worst = slow->owd_us[0];
	least = fast->owd_us[0];
	/* Wrapping differences: the clocks' offset may be anything. */
	for (unsigned i = 1; i < slow->owd_len; i++) {
		if ((int32_t)((uint32_t)slow->owd_us[i] - (uint32_t)worst) > 0)
			worst = slow->owd_us[i];
	}
	for (unsigned i = 1; i < fast->owd_len; i++) {
		if ((int32_t)((uint32_t)fast->owd_us[i] - (uint32_t)least) < 0)
			least = fast->owd_us[i];
	}
	int32_t us = (int32_t)((uint32_t)worst - (uint32_t)least);
	return us > 0 ? (uint64_t)us * NS_PER_US : 0;
}

/* When the gap before the first one held is given up, unless it is filled before. */
static uint64_t gap_deadline(const struct reseq *r, uint64_t now_ns)
{
	const struct reseq_slot *first = &r->slot[r->first_held % RESEQ_SLOTS];
	const struct reseq_path *fast = first->path < PATHS_MAX ? &r->path[first->path] : NULL;
	uint64_t wait_ns = 0, at_ns;
	bool is_any_left = !fast;

	for (unsigned i = 0; fast && i < PATHS_MAX; i++) {
		const struct reseq_path *p = &r->path[i];

		if (!is_active(p, now_ns) || p->passed > r->first_held)
			continue;
		is_any_left = true;
		uint64_t d_ns = difference_ns(p, fast);
		if (d_ns > wait_ns)
			wait_ns = d_ns;
	}
	if (is_any_left)
		at_ns = first->arrived_ns + wait_ns + SLACK_NS + r->margin_ns;
	else
		at_ns = (r->passed_ns ? r->passed_ns : now_ns) + r->margin_ns;
	if (at_ns > first->arrived_ns + RESEQ_WAIT_MAX_NS)
		at_ns = first->arrived_ns + RESEQ_WAIT_MAX_NS;
	return at_ns;
}

static bool is_passed_by_all(const struct reseq *r, uint64_t now_ns)
{
	if (r->slot[r->first_held % RESEQ_SLOTS].path >= PATHS_MAX)
		return false;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (is_active(&r->path[i], now_ns) && r->path[i].passed <= r->first_held)
			return false;
	}
	return true;
}

/* The next one held after @seq; there is one. */
static uint64_t find_held(struct reseq *r, uint64_t seq)
{
	while (!slot_of(r, seq)->is_held)
		seq++;
	return seq;
}

static void pop(struct reseq *r, uint16_t *ret_ticket)
{
	struct reseq_slot *s = slot_of(r, r->next);

	*ret_ticket = s->ticket;
	s->is_held = false;
	r->next++;
	r->passed_ns = 0;
	if (--r->held)
		r->first_held = find_held(r, r->next);
}

bool reseq_take_any(struct reseq *r, uint64_t now_ns, uint16_t *ret_ticket)
{
	if (!r->held)
		return false;
	if (r->first_held > r->next) {
		r->gaps_given_up += r->first_held - r->next;
		r->given_up_ns = now_ns;
		r->next = r->first_held;
	}
	pop(r, ret_ticket);
	return true;
}

bool reseq_take(struct reseq *r, uint64_t now_ns, uint16_t *ret_ticket)
{
	if (!r->held)
		return false;
	if (r->first_held == r->next) {
		pop(r, ret_ticket);
		return true;
	}
	if (!r->passed_ns && is_passed_by_all(r, now_ns))
		r->passed_ns = now_ns;
	if (now_ns < gap_deadline(r, now_ns))
		return false;
	return reseq_take_any(r, now_ns, ret_ticket);
}

uint64_t reseq_deadline_ns(const struct reseq *r, uint64_t now_ns)
{
	return r->held ? gap_deadline(r, now_ns) : NEVER_NS;
}

void reseq_probed(struct reseq *r, unsigned path, int32_t owd_us)
{
	struct reseq_path *p = &r->path[path];

	p->owd_us[p->owd_at] = owd_us;
	p->owd_at = (p->owd_at + 1) % RESEQ_OWD_KEPT;
	if (p->owd_len < RESEQ_OWD_KEPT)
		p->owd_len++;
}
