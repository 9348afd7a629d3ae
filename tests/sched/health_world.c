/* SPDX-License-Identifier: MIT */
#include "health_world.h"

#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#define PROBES_MAX 200000u
#define LOOK_BACK  512u /* probes the oracle looks through: more than can be on their way */

const struct health_settings usual = {
	.interval_ns = 1000 * MS,
	.timeout_ns = 5000 * MS,
	.busy_ns = 100 * MS,
	.slack_ns = 150 * MS,
};

void world_init(struct world *w, const struct health_settings *set, uint64_t rtt_ns)
{
	memset(w, 0, sizeof(*w));
	w->set = *set;
	w->rtt_ns = rtt_ns;
	w->now_ns = START;
	w->probes = calloc(PROBES_MAX, sizeof(*w->probes));
	cr_assert(ne(ptr, w->probes, NULL));
	health_init(&w->h, w->now_ns);
}

void world_fini(struct world *w)
{
	free(w->probes);
}

static bool is_in_hole(const struct world *w, uint64_t at_ns)
{
	if (at_ns < w->hole_from_ns)
		return false;
	if (w->hole_every_ns)
		at_ns = w->hole_from_ns + (at_ns - w->hole_from_ns) % w->hole_every_ns;
	return at_ns < w->hole_to_ns;
}

static uint64_t delay_ns(const struct world *w)
{
	uint64_t delay = w->rtt_ns + (w->jitter_ns ? random_below(w->jitter_ns) : 0);

	if (!w->queue_ns || w->now_ns < w->queue_from_ns)
		return delay;
	uint64_t since = w->now_ns - w->queue_from_ns;
	if (since > w->queue_rise_ns)
		since = w->queue_rise_ns;
	return delay + w->queue_ns / MS * since / w->queue_rise_ns * MS;
}

static void send_probe(struct world *w)
{
	cr_assert(lt(sz, w->probe_count, PROBES_MAX));
	struct sent_probe *p = &w->probes[w->probe_count];

	*p = (struct sent_probe){
		.seq = health_probe_sent(&w->h, &w->set, w->now_ns),
		.sent_ns = w->now_ns,
		.answer_ns = w->now_ns + delay_ns(w),
	};
	if (is_in_hole(w, w->now_ns) || is_in_hole(w, p->answer_ns) ||
	    random_below(100) < w->loss_percent || (w->is_lost && w->is_lost(w)))
		p->answer_ns = NEVER_NS;
	w->probe_count++;
}

static size_t oracle_begin(const struct world *w)
{
	return w->probe_count > LOOK_BACK ? w->probe_count - LOOK_BACK : 0;
}

/* Unanswered probes older than "overdue" behind the newest answered one; when the first of them was
 * sent goes to @ret_first_ns.
 */
static unsigned oracle_overdue(const struct world *w, uint64_t *ret_first_ns)
{
	uint64_t limit = estimate_overdue_ns(&w->h.estimate, w->set.slack_ns), last = 0;
	unsigned count = 0;

	for (size_t i = oracle_begin(w); i < w->probe_count; i++) {
		const struct sent_probe *p = &w->probes[i];

		if (p->is_answered) {
			count = 0;
			last = 0;
		} else if (w->now_ns - p->sent_ns >= limit && (!last || p->sent_ns - last >= MS)) {
			if (count++ == 0)
				*ret_first_ns = p->sent_ns;
			last = p->sent_ns;
		}
	}
	return count;
}

static bool oracle_says_dead(const struct world *w)
{
	uint64_t first = 0, half = w->set.interval_ns / 2;
	uint64_t patience = w->h.is_busy ? 0 : half < 500 * MS ? half : 500 * MS;

	if (w->now_ns - w->heard_ns >= w->set.timeout_ns)
		return true;
	return oracle_overdue(w, &first) >= 3 &&
	       w->now_ns - first >= estimate_overdue_ns(&w->h.estimate, w->set.slack_ns) + patience;
}

/* What holds after each step: nothing is carried by a path that looks dead, nothing suspect looks
 * good, and only what looks dead falls.
 */
static void check_step(struct world *w, enum path_state before, bool has_changed)
{
	uint64_t first;
	unsigned overdue = oracle_overdue(w, &first);

	cr_assert(eq(int, has_changed, w->h.state != before));
	if (w->h.state == PATH_UP)
		cr_assert(eq(u32, overdue, 0));
	if (w->h.state == PATH_SUSPECT && !w->has_hearsay)
		cr_assert(ge(u32, overdue, 1));
	if (health_carries_data(&w->h))
		cr_assert(not(oracle_says_dead(w)), "%u overdue", overdue);
	if (!has_changed)
		return;
	w->changes++;
	cr_assert(eq(u64, w->h.since_ns, w->now_ns));
	if (w->h.state == PATH_DOWN) {
		cr_assert(oracle_says_dead(w), "%u overdue: %s", overdue, w->h.reason);
		w->falls++;
		w->fell_ns = w->now_ns;
	}
}

/* Nothing would have happened a moment before the deadline. */
static void check_not_missed(const struct world *w, uint64_t before_ns)
{
	struct path_health copy = w->h;

	if (before_ns <= w->now_ns)
		return;
	cr_assert(not(health_tick(&copy, &w->set, before_ns)));
	cr_assert(eq(int, copy.state, w->h.state));
	cr_assert(lt(u64, before_ns, copy.probe_at_ns));
}

static uint64_t next_answer_ns(const struct world *w)
{
	uint64_t next = NEVER_NS;

	for (size_t i = w->first_open; i < w->probe_count; i++) {
		if (!w->probes[i].is_answered && w->probes[i].answer_ns < next)
			next = w->probes[i].answer_ns;
	}
	return next;
}

static void take_answers(struct world *w)
{
	for (size_t i = w->first_open; i < w->probe_count; i++) {
		struct sent_probe *p = &w->probes[i];

		if (p->is_answered || p->answer_ns > w->now_ns)
			continue;
		enum path_state before = w->h.state;
		if (w->probe_count - i > HEALTH_PROBES_KEPT) { /* overtaken and forgotten */
			cr_assert(not(health_answered(&w->h, &w->set, p->seq, 0, w->now_ns)));
			p->answer_ns = NEVER_NS;
			continue;
		}
		p->is_answered = true;
		w->answers++;
		w->heard_ns = w->now_ns;
		bool has_changed =
			health_answered(&w->h, &w->set, p->seq, w->now_ns - p->sent_ns, w->now_ns);
		cr_assert(eq(int, has_changed, w->h.state != before));
		cr_assert(w->h.state == before || w->h.state == PATH_UP);
		w->changes += has_changed;
	}
	while (w->first_open < w->probe_count && (w->probes[w->first_open].is_answered ||
	                                          w->probes[w->first_open].answer_ns == NEVER_NS))
		w->first_open++;
}

static void wake(struct world *w)
{
	enum path_state before = w->h.state;
	bool has_changed = health_tick(&w->h, &w->set, w->now_ns);

	w->wakes++;
	check_step(w, before, has_changed);
	if (w->h.probe_at_ns <= w->now_ns)
		send_probe(w);
	cr_assert(lt(u64, w->now_ns, health_deadline_ns(&w->h, &w->set)));
}

void run_until(struct world *w, uint64_t end_ns)
{
	while (w->now_ns < end_ns) {
		uint64_t deadline = health_deadline_ns(&w->h, &w->set), answer = next_answer_ns(w);
		uint64_t next = deadline + (w->late_ns ? random_below(w->late_ns) : 0);

		if (answer <= next)
			next = answer;
		if (next > end_ns)
			next = end_ns;
		check_not_missed(w, (next < deadline ? next : deadline) - 1);
		if (health_carries_data(&w->h))
			w->carried_ns += next - w->now_ns;
		w->now_ns = next > w->now_ns ? next : w->now_ns;
		take_answers(w);
		if (health_deadline_ns(&w->h, &w->set) <= w->now_ns)
			wake(w);
	}
	/* Each wake sends a probe, changes the state, or ends a row of answers. */
	cr_assert(le(sz, w->wakes, w->probe_count + w->changes + 2 * w->answers + 8));
}

void run_for(struct world *w, uint64_t ns)
{
	run_until(w, w->now_ns + ns);
}

void fail_world(struct world *w)
{
	w->changes += health_fail(&w->h, "device gone", w->now_ns);
	cr_assert(lt(u64, health_deadline_ns(&w->h, &w->set), NEVER_NS));
	for (size_t i = oracle_begin(w); i < w->probe_count; i++)
		w->probes[i].is_answered = true; /* given up */
	w->first_open = w->probe_count;
}

void set_busy(struct world *w, bool is_busy)
{
	health_set_busy(&w->h, &w->set, is_busy, w->now_ns);
	wake(w);
}

void path_up(struct path_health *h)
{
	health_init(h, START);
	uint16_t seq = health_probe_sent(h, &usual, START);
	cr_assert(health_answered(h, &usual, seq, 20 * MS, START + 20 * MS));
	for (unsigned i = 0; i < 40; i++)
		estimate_rtt(&h->estimate, 20 * MS); /* settled: overdue after 175 ms */
}
