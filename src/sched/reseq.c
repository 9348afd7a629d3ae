/* SPDX-License-Identifier: MIT */
#include "sched/reseq.h"

#include <assert.h>
#include <stddef.h>

#define IN_USE_NS        (300 * NS_PER_MS) /* of traffic, none of it here: brings no gap */
#define YOUNG_NS         (200 * NS_PER_MS) /* of traffic: all paths have brought packets */
#define PAUSE_NS         (20 * NS_PER_MS)  /* longer silence of all paths tells nothing of one */
#define SLACK_NS         (5 * NS_PER_MS)   /* beyond the difference of the delays */
#define OWD_UNKNOWN_NS   (20 * NS_PER_MS)  /* assumed difference before probes have told */
#define MARGIN_MAX_NS    (60 * NS_PER_MS)
#define MARGIN_STEP_NS   (200 * NS_PER_US)
#define MARGIN_PERIOD_NS (100 * NS_PER_MS) /* it loses a fiftieth in this time */

static struct reseq_slot *slot_of(struct reseq *r, uint64_t seq)
{
	return &r->slot[seq % RESEQ_SLOTS];
}

uint64_t reseq_begin(struct reseq *r)
{
	r->room_from = r->end;
	r->end += RESEQ_ROOM;
	r->room_to = r->end;
	return r->end;
}

/* Everything below @seq. The room between two orders is no loss. */
static void give_up_below(struct reseq *r, uint64_t seq, uint64_t now_ns)
{
	uint64_t from = r->room_from > r->next ? r->room_from : r->next;
	uint64_t to = r->room_to < seq ? r->room_to : seq;

	r->gaps_given_up += seq - r->next - (from < to ? to - from : 0);
	r->next = seq;
	r->given_up_ns = now_ns;
	r->has_lesson = true;
}

static uint64_t latest(struct reseq *r, uint64_t now_ns)
{
	if (now_ns > r->now_ns)
		r->now_ns = now_ns;
	return r->now_ns;
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

/* It came after all: we should have waited that much longer, and do so half the way from now on. A
 * train that is late says so once, not once per packet: the next lesson needs another gap that was
 * given up.
 */
static void learn_from_late(struct reseq *r, uint64_t now_ns)
{
	if (!r->given_up_ns)
		return; /* older than where order began */
	r->came_late++;
	if (!r->has_lesson)
		return;
	r->has_lesson = false;
	r->margin_ns += (now_ns - r->given_up_ns) / 2 + MARGIN_STEP_NS;
	if (r->margin_ns > MARGIN_MAX_NS)
		r->margin_ns = MARGIN_MAX_NS;
}

/* A path is out of use when packets come and none of them over it; when nothing comes at all, after
 * a burst, they will all be used again.
 */
static void note_traffic(struct reseq *r, uint64_t seq, unsigned path, uint64_t now_ns)
{
	uint64_t pause_ns = now_ns - r->traffic_at_ns;

	r->traffic_ns += pause_ns < PAUSE_NS ? pause_ns : PAUSE_NS;
	r->traffic_at_ns = now_ns;
	if (r->end <= seq)
		r->end = seq + 1;
	if (path >= PATHS_MAX)
		return;
	if (r->path[path].passed <= seq)
		r->path[path].passed = seq + 1;
	r->path[path].traffic_ns = r->traffic_ns;
}

enum reseq_verdict reseq_arrived(struct reseq *r, uint64_t seq, unsigned path, uint64_t now_ns)
{
	now_ns = latest(r, now_ns);
	if (!r->is_started) {
		r->is_started = true;
		if (seq < r->next || seq >= r->next + RESEQ_BEGINS_WITHIN)
			r->next = seq;
	}
	if (seq >= r->next + RESEQ_SLOTS && r->held)
		return RESEQ_FULL;
	decay_margin(r, now_ns);
	note_traffic(r, seq, path, now_ns);
	if (seq < r->next) {
		learn_from_late(r, now_ns);
		return RESEQ_DELIVER;
	}
	if (seq >= r->next + RESEQ_SLOTS) {
		/* Nothing held and a jump beyond all memory: order begins anew here. */
		give_up_below(r, seq, now_ns);
	}
	if (seq != r->next)
		return RESEQ_HOLD;
	r->next++;
	return RESEQ_DELIVER;
}

void reseq_hold(struct reseq *r, uint64_t seq, unsigned path, uint16_t ticket, uint64_t now_ns)
{
	uint16_t at = seq % RESEQ_SLOTS;
	uint64_t bit = 1ull << seq % 64;

	assert(!(r->is_held[at / 64] & bit));
	r->is_held[at / 64] |= bit;
	*slot_of(r, seq) = (struct reseq_slot){.arrived_ns = latest(r, now_ns),
	                                       .ticket = ticket,
	                                       .older = r->newest_at,
	                                       .path = (uint8_t)path};
	if (r->held)
		r->slot[r->newest_at].newer = at;
	else
		r->oldest_at = at;
	r->newest_at = at;
	if (!r->held || seq < r->first_held)
		r->first_held = seq;
	r->held++;
}

/* In the beginning a path over which probes come is expected to bring data as well: else all that
 * overtakes its first packets would count as having come in order.
 */
static bool is_in_use(const struct reseq *r, const struct reseq_path *p)
{
	if (!p->traffic_ns)
		return p->owd_len && r->traffic_ns < YOUNG_NS;
	return r->traffic_ns - p->traffic_ns < IN_USE_NS;
}

/* How much later than over @fast (NULL: unknown) a packet sent at the same time may come over
 * @slow. Wrapping differences: the clocks' offset may be anything.
 */
static uint64_t difference_ns(const struct reseq_path *slow, const struct reseq_path *fast)
{
	int32_t us;

	if (!fast || !slow->owd_len || !fast->owd_len)
		return OWD_UNKNOWN_NS;
	us = (int32_t)((uint32_t)slow->most_us - (uint32_t)fast->least_us);
	return us > 0 ? (uint64_t)us * NS_PER_US : 0;
}

/* Data or probes ever came over it. */
static bool is_known(const struct reseq_path *p)
{
	return p->passed || p->owd_len;
}

/* When the gap before the first one held is given up, unless it is filled before. Only arrivals
 * change it, not time, once mark_passed() has seen what came. Who sends over a single path has
 * nothing to choose from, and sends nothing again.
 */
static uint64_t gap_deadline(const struct reseq *r, uint64_t now_ns)
{
	const struct reseq_slot *first = &r->slot[r->first_held % RESEQ_SLOTS];
	const struct reseq_path *fast = first->path < PATHS_MAX ? &r->path[first->path] : NULL;
	uint64_t last_ns = r->slot[r->oldest_at].arrived_ns + RESEQ_WAIT_MAX_NS;
	uint64_t wait_ns = 0, at_ns;
	unsigned known = 0;
	bool can_come = !fast; /* over another unknown path, for all we know */

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct reseq_path *p = &r->path[i];

		known += is_known(p);
		if (!is_in_use(r, p) || p->passed > r->first_held)
			continue;
		can_come = true;
		uint64_t d_ns = difference_ns(p, fast);
		if (d_ns > wait_ns)
			wait_ns = d_ns;
	}
	if (can_come)
		at_ns = first->arrived_ns + wait_ns + SLACK_NS + r->margin_ns + r->death_ns;
	else
		at_ns = (r->first_held < r->passed ? r->passed_ns : now_ns) + r->margin_ns;
	if (known > 1)
		at_ns += r->repair_ns;
	return at_ns < last_ns ? at_ns : last_ns;
}

/* Takes down how far all paths in use have come, once for all gaps below: each waits for the margin
 * then, but they do so together.
 */
static void mark_passed(struct reseq *r, uint64_t now_ns)
{
	uint64_t passed = r->next + RESEQ_SLOTS; /* none in use: all that is held */

	if (r->first_held < r->passed)
		return;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (!is_in_use(r, &r->path[i]))
			continue;
		if (r->path[i].passed <= r->first_held)
			return;
		if (r->path[i].passed < passed)
			passed = r->path[i].passed;
	}
	r->passed = passed;
	r->passed_ns = now_ns;
}

/* The next one held from @seq on; there is one. Looks at 129 words at most. */
static uint64_t find_held(const struct reseq *r, uint64_t seq)
{
	uint64_t word = r->is_held[seq % RESEQ_SLOTS / 64] >> seq % 64 << seq % 64;

	while (!word) {
		seq += 64;
		word = r->is_held[seq % RESEQ_SLOTS / 64];
	}
	return seq - seq % 64 + (unsigned)__builtin_ctzll(word);
}

/* The first one from @seq on that is not held. What is above the newest is not. */
static uint64_t find_missing(const struct reseq *r, uint64_t seq)
{
	uint64_t word = ~r->is_held[seq % RESEQ_SLOTS / 64] >> seq % 64 << seq % 64;

	while (!word) {
		seq += 64;
		word = ~r->is_held[seq % RESEQ_SLOTS / 64];
	}
	return seq - seq % 64 + (unsigned)__builtin_ctzll(word);
}

bool reseq_missing(const struct reseq *r, uint64_t at, uint64_t *ret_from, uint64_t *ret_to)
{
	uint64_t from, to, top = r->next + RESEQ_SLOTS;

	if (!r->held || at >= top)
		return false;
	from = at > r->next ? at : r->next;
	/* A full ring has no gap; else there is an empty slot, but perhaps only behind the top. */
	if (r->held == RESEQ_SLOTS)
		return false;
	from = find_missing(r, from);
	if (from >= top)
		return false;
	to = find_held(r, from);
	if (to >= top)
		return false;
	*ret_from = from;
	*ret_to = to;
	return true;
}

static void unlink_slot(struct reseq *r, uint16_t at)
{
	const struct reseq_slot *s = &r->slot[at];

	if (at == r->oldest_at)
		r->oldest_at = s->newer;
	else
		r->slot[s->older].newer = s->newer;
	if (at == r->newest_at)
		r->newest_at = s->older;
	else
		r->slot[s->newer].older = s->older;
}

static void pop(struct reseq *r, uint16_t *ret_ticket)
{
	uint16_t at = r->next % RESEQ_SLOTS;

	*ret_ticket = r->slot[at].ticket;
	r->is_held[at / 64] &= ~(1ull << at % 64);
	unlink_slot(r, at);
	r->next++;
	if (--r->held)
		r->first_held = find_held(r, r->next);
}

bool reseq_take_any(struct reseq *r, uint64_t now_ns, uint16_t *ret_ticket)
{
	if (!r->held)
		return false;
	if (r->first_held > r->next)
		give_up_below(r, r->first_held, latest(r, now_ns));
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
	now_ns = latest(r, now_ns);
	mark_passed(r, now_ns);
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
	p->least_us = p->most_us = owd_us;
	for (unsigned i = 0; i < p->owd_len; i++) {
		if ((int32_t)((uint32_t)p->owd_us[i] - (uint32_t)p->least_us) < 0)
			p->least_us = p->owd_us[i];
		if ((int32_t)((uint32_t)p->owd_us[i] - (uint32_t)p->most_us) > 0)
			p->most_us = p->owd_us[i];
	}
}
