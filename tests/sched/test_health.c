/* SPDX-License-Identifier: MIT */
/* A path in virtual time: probes leave when they are due, answers come after the delay of the moment
 * or never, and between two deadlines nothing is called. Beside it stands an oracle that keeps a
 * list of all probes and looks through it after every step.
 */
#include "sched/health.h"

#include "../emulation.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS         NS_PER_MS
#define START      (1000 * NS_PER_S)
#define PROBES_MAX 200000u
#define LOOK_BACK  512u /* probes the oracle looks through: more than can be on their way */

static const struct health_settings usual = {
	.interval_ns = 1000 * MS,
	.timeout_ns = 5000 * MS,
	.busy_ns = 100 * MS,
	.slack_ns = 150 * MS,
};

static uint64_t random_state;

/* SEED=N repeats a run. */
static void seed_random(void)
{
	const char *given = getenv("SEED");

	random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
	fprintf(stderr, "SEED=%llu\n", (unsigned long long)random_state);
}

static uint64_t random_below(uint64_t limit) /* xorshift64* */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return ((random_state * 0x2545f4914f6cdd1dull) >> 16) % limit;
}

TestSuite(health, .init = seed_random);

struct sent_probe {
	uint16_t seq;
	bool is_answered;
	uint64_t sent_ns;
	uint64_t answer_ns; /* NEVER_NS: lost */
};

struct world {
	struct path_health h;
	struct health_settings set;
	uint64_t now_ns;

	uint64_t rtt_ns, jitter_ns;
	unsigned loss_percent;             /* of probes or answers */
	uint64_t hole_from_ns, hole_to_ns; /* nothing passes, either way */
	uint64_t hole_every_ns;            /* above 0: the hole comes again */
	uint64_t queue_from_ns, queue_ns;  /* a queue begins to fill, to this length */
	uint64_t queue_rise_ns;            /* within this time */
	bool (*is_lost)(const struct world *w);
	uint64_t late_ns; /* the caller wakes up to this much after its deadline */

	struct sent_probe *probes;
	size_t probe_count;
	size_t first_open; /* all before it are answered, lost or overtaken long ago */
	size_t wakes, answers, changes, falls;
	uint64_t heard_ns;
	uint64_t fell_ns;
	uint64_t carried_ns;
};

static void world_init(struct world *w, const struct health_settings *set, uint64_t rtt_ns)
{
	memset(w, 0, sizeof(*w));
	w->set = *set;
	w->rtt_ns = rtt_ns;
	w->now_ns = START;
	w->probes = calloc(PROBES_MAX, sizeof(*w->probes));
	cr_assert(ne(ptr, w->probes, NULL));
	health_init(&w->h, w->now_ns);
}

static void world_fini(struct world *w)
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
	if (w->h.state == PATH_SUSPECT)
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

static void run_until(struct world *w, uint64_t end_ns)
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

static void run_for(struct world *w, uint64_t ns)
{
	run_until(w, w->now_ns + ns);
}

static void fail_world(struct world *w)
{
	w->changes += health_fail(&w->h, "device gone", w->now_ns);
	cr_assert(lt(u64, health_deadline_ns(&w->h, &w->set), NEVER_NS));
	for (size_t i = oracle_begin(w); i < w->probe_count; i++)
		w->probes[i].is_answered = true; /* given up */
	w->first_open = w->probe_count;
}

static void set_busy(struct world *w, bool is_busy)
{
	health_set_busy(&w->h, &w->set, is_busy, w->now_ns);
	wake(w);
}

Test(health, begins_unproven_with_a_probe_due_at_once)
{
	struct path_health h;

	health_init(&h, START);
	cr_expect(eq(int, h.state, PATH_UNPROVEN));
	cr_expect(not(health_carries_data(&h)));
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), START));
	health_set_busy(&h, &usual, true, START + 1);
	cr_expect(le(u64, health_deadline_ns(&h, &usual), START + 1));
}

Test(health, first_answer_brings_it_up)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 21 * MS);
	cr_expect(eq(int, w.h.state, PATH_UP));
	cr_expect(health_carries_data(&w.h));
	cr_expect(eq(u64, w.h.since_ns, START + 20 * MS));
	cr_expect(eq(str, (char *)w.h.reason, "answers"));
	world_fini(&w);
}

Test(health, unproven_is_down_after_the_timeout_and_probed_at_the_idle_interval)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	w.loss_percent = 100;
	set_busy(&w, true);
	run_for(&w, usual.timeout_ns - 1);
	cr_expect(eq(int, w.h.state, PATH_UNPROVEN));
	run_for(&w, 1);
	cr_expect(eq(int, w.h.state, PATH_DOWN));
	cr_expect(eq(str, (char *)w.h.reason, "never answered"));
	run_for(&w, 55 * NS_PER_S - 1);
	cr_expect(eq(int, w.h.state, PATH_DOWN));
	cr_expect(eq(sz, w.probe_count, 60));
	world_fini(&w);
}

Test(health, unproven_that_nobody_could_ask_waits)
{
	struct path_health h;

	health_init(&h, START);
	cr_expect(not(health_tick(&h, &usual, START + 60 * NS_PER_S)));
	cr_expect(eq(int, h.state, PATH_UNPROVEN));
}

Test(health, probe_soon_is_at_once_and_then_no_faster_than_busy)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 300 * MS);
	health_probe_soon(&w.h, &usual, w.now_ns);
	cr_expect(eq(u64, w.h.probe_at_ns, w.now_ns));
	health_probe_sent(&w.h, &usual, w.now_ns);
	health_probe_soon(&w.h, &usual, w.now_ns);
	cr_expect(eq(u64, w.h.probe_at_ns, w.now_ns + usual.busy_ns));
	world_fini(&w);
}

/* The path dies at every phase of the probe interval; how long until it is left at the latest. */
static const struct detection {
	uint64_t rtt_ms, jitter_ms;
	bool is_busy;
	uint64_t interval_ms, timeout_ms, busy_ms;
	uint64_t most_ms; /* from its death */
} detections[] = {
	{20, 0, true, 1000, 5000, 100, 3 * 100 + 175},
	{1, 0, true, 1000, 5000, 100, 3 * 100 + 156},
	{60, 20, true, 1000, 5000, 100, 600},
	{300, 0, true, 1000, 5000, 100, 3 * 100 + 455},
	{600, 50, true, 1000, 5000, 100, 1250},
	{20, 0, true, 1000, 5000, 20, 3 * 20 + 175},
	{20, 0, true, 100, 5000, 1000, 3 * 100 + 175}, /* busy above interval */
	{20, 0, false, 1000, 5000, 100, 1000 + 500 + 175},
	{60, 20, false, 1000, 5000, 100, 2000 + 250},
	{300, 0, false, 1000, 5000, 100, 2000 + 455},
	{600, 0, false, 1000, 5000, 100, 2000 + 755},
	{20, 0, false, 250, 5000, 100, 250 + 100 + 2 * 175},
	{20, 0, false, 10000, 30000, 100, 10000 + 500 + 175},
	/* the timeout comes first */
	{20, 0, true, 1000, 300, 100, 300},
	{20, 0, false, 1000, 1050, 100, 1050},
	{600, 0, false, 1000, 1200, 100, 1200},
	{2000, 0, true, 1000, 1500, 100, 1500},
	{2500, 1000, false, 1000, 3000, 100, 3000},
};

static uint64_t detection_ns(const struct detection *d, uint64_t phase_ns)
{
	struct world w;

	world_init(&w,
	           &(struct health_settings){d->interval_ms * MS, d->timeout_ms * MS,
	                                     d->busy_ms * MS, 150 * MS},
	           d->rtt_ms * MS);
	w.jitter_ns = d->jitter_ms * MS;
	run_for(&w, 50 * MS);
	set_busy(&w, d->is_busy);
	run_for(&w, 40 * d->interval_ms * MS + phase_ns);
	cr_assert(eq(sz, w.falls, 0), "rtt %llu", (unsigned long long)d->rtt_ms);
	cr_assert(health_carries_data(&w.h));
	uint64_t death = w.now_ns;
	w.hole_from_ns = death;
	w.hole_to_ns = NEVER_NS;
	for (size_t i = w.first_open; i < w.probe_count; i++) /* those in flight, too */
		w.probes[i].answer_ns = w.probes[i].is_answered ? w.probes[i].answer_ns : NEVER_NS;
	run_for(&w, 60 * NS_PER_S);
	cr_assert(eq(int, w.h.state, PATH_DOWN));
	cr_assert(eq(sz, w.falls, 1));
	world_fini(&w);
	return w.fell_ns - death;
}

Test(health, a_dead_path_is_left_in_time)
{
	for (size_t n = 0; n < sizeof(detections) / sizeof(detections[0]); n++) {
		const struct detection *d = &detections[n];
		uint64_t worst = 0, step = d->interval_ms * MS / fewer_emulated(40) + 1;

		for (uint64_t phase = 0; phase < d->interval_ms * MS; phase += step) {
			uint64_t took = detection_ns(d, phase);

			worst = took > worst ? took : worst;
		}
		fprintf(stderr,
		        "rtt %4llu+%-4llu ms %s interval %5llu: down within %5.0f ms of %llu\n",
		        (unsigned long long)d->rtt_ms, (unsigned long long)d->jitter_ms,
		        d->is_busy ? "busy" : "idle", (unsigned long long)d->interval_ms,
		        (double)worst / MS, (unsigned long long)d->most_ms);
		cr_expect(le(u64, worst, d->most_ms * MS), "row %zu", n);
	}
}

/* A queue fills while probes go every 100 ms; rise 0: it is there at once, as after a handover. */
static const struct filling {
	uint64_t rtt_ms, jitter_ms, queue_ms, rise_ms;
	bool is_busy;
} fillings[] = {
	{20, 0, 100, 1000, true},   {20, 0, 300, 1000, true},  {20, 0, 500, 1000, true},
	{20, 0, 900, 1000, true},   {20, 0, 500, 500, true},   {20, 0, 900, 300, true},
	{20, 0, 2500, 1000, true},  {5, 0, 3000, 1000, true},  {60, 30, 500, 1000, true},
	{60, 30, 1500, 1000, true}, {300, 0, 800, 1000, true}, {20, 0, 150, 1, true},
	{20, 0, 340, 1, true},      {20, 0, 4000, 8000, true}, {20, 0, 4000, 8000, false},
	{20, 0, 300, 1000, false},  {20, 0, 500, 1000, false}, {20, 0, 400, 1, false},
};

Test(health, a_full_queue_is_not_a_dead_path)
{
	for (size_t n = 0; n < sizeof(fillings) / sizeof(fillings[0]); n++) {
		const struct filling *f = &fillings[n];

		for (unsigned phase = 0; phase < fewer_emulated(10); phase++) {
			struct world w;

			world_init(&w, &usual, f->rtt_ms * MS);
			w.jitter_ns = f->jitter_ms * MS;
			run_for(&w, 50 * MS);
			set_busy(&w, f->is_busy);
			w.queue_from_ns =
				START + 60 * NS_PER_S + phase * (f->is_busy ? 10 : 100) * MS;
			w.queue_ns = f->queue_ms * MS;
			w.queue_rise_ns = f->rise_ms * MS;
			run_for(&w, 90 * NS_PER_S);
			cr_expect(eq(sz, w.falls, 0), "row %zu, phase %u", n, phase);
			cr_expect(eq(int, w.h.state, PATH_UP), "row %zu, phase %u", n, phase);
			world_fini(&w);
		}
	}
}

/* And what the estimate has grown to does not keep a path that dies under a full queue for long. */
Test(health, a_path_that_dies_full_is_left_in_time)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	w.queue_from_ns = START + 10 * NS_PER_S;
	w.queue_ns = 500 * MS;
	w.queue_rise_ns = 1000 * MS;
	w.hole_from_ns = START + 12 * NS_PER_S;
	w.hole_to_ns = NEVER_NS;
	run_for(&w, 30 * NS_PER_S);
	cr_expect(eq(sz, w.falls, 1));
	cr_expect(lt(u64, w.fell_ns - w.hole_from_ns, 1500 * MS));
	world_fini(&w);
}

/* A path that has come up at START with 20 ms, its next probe due at START + 1 s. */
static void path_up(struct path_health *h)
{
	health_init(h, START);
	uint16_t seq = health_probe_sent(h, &usual, START);
	cr_assert(health_answered(h, &usual, seq, 20 * MS, START + 20 * MS));
	for (unsigned i = 0; i < 40; i++)
		estimate_rtt(&h->estimate, 20 * MS); /* settled: overdue after 175 ms */
}

Test(health, one_overdue_probe_is_suspect_and_its_late_answer_clears_it)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint64_t overdue = estimate_overdue_ns(&h.estimate, usual.slack_ns);
	uint16_t seq = health_probe_sent(&h, &usual, t);
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), t + overdue));
	cr_expect(not(health_tick(&h, &usual, t + overdue - 1)));
	cr_assert(health_tick(&h, &usual, t + overdue));
	cr_expect(eq(int, h.state, PATH_SUSPECT));
	cr_expect(health_carries_data(&h));
	cr_expect(le(u64, h.probe_at_ns, t + overdue)); /* 100 ms have passed already */

	cr_expect(health_answered(&h, &usual, seq, 400 * MS, t + 400 * MS));
	cr_expect(eq(int, h.state, PATH_UP));
	cr_expect(eq(str, (char *)h.reason, "answers again"));
	cr_expect(lt(u64, 400 * MS + 150 * MS, estimate_overdue_ns(&h.estimate, usual.slack_ns)));
	cr_expect(eq(u64, h.probe_at_ns, t + 1000 * MS)); /* idle again */
}

/* The peer held its answer: the round trip is short and explains nothing about the later probe. */
Test(health, suspicion_stays_while_a_later_probe_is_overdue)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint16_t first = health_probe_sent(&h, &usual, t);
	uint16_t second = health_probe_sent(&h, &usual, t + 100 * MS);
	cr_assert(health_tick(&h, &usual, t + 400 * MS));
	cr_expect(not(health_answered(&h, &usual, first, 20 * MS, t + 400 * MS)));
	cr_expect(eq(int, h.state, PATH_SUSPECT));
	cr_expect(health_answered(&h, &usual, second, 20 * MS, t + 420 * MS));
	cr_expect(eq(int, h.state, PATH_UP));
}

/* With a short interval and a long estimate all 64 places are taken; then the probes wait. */
Test(health, a_failure_while_probes_wait_is_left_again)
{
	const struct health_settings set = {1 * MS, 5000 * MS, 1 * MS, 150 * MS};
	struct path_health h;

	path_up(&h);
	health_set_busy(&h, &set, true, START + 20 * MS);
	for (unsigned i = 0; i < HEALTH_PROBES_KEPT; i++)
		health_probe_sent(&h, &set, START + (20 + i) * MS);
	cr_assert(eq(u64, h.probe_at_ns, NEVER_NS));
	cr_assert(health_fail(&h, "device gone", START + 100 * MS));
	cr_expect(eq(u64, health_deadline_ns(&h, &set), START + 100 * MS));
}

Test(health, three_overdue_at_distinct_times_are_dead)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint64_t overdue = estimate_overdue_ns(&h.estimate, usual.slack_ns);
	health_set_busy(&h, &usual, true, t);
	for (unsigned i = 0; i < 10; i++)
		health_probe_sent(&h, &usual, t + i); /* one burst counts once */
	health_probe_sent(&h, &usual, t + 100 * MS);
	health_probe_sent(&h, &usual, t + 200 * MS);
	cr_expect(health_tick(&h, &usual, t + overdue + 100 * MS));
	cr_expect(eq(int, h.state, PATH_SUSPECT));
	cr_expect(eq(u64, h.probe_at_ns, t + 300 * MS));
	cr_expect(not(health_tick(&h, &usual, t + overdue + 200 * MS - 1)));
	cr_expect(health_tick(&h, &usual, t + overdue + 200 * MS));
	cr_expect(eq(int, h.state, PATH_DOWN));
	cr_expect(not(health_carries_data(&h)));
	cr_expect(eq(str, (char *)h.reason, "3 probes overdue"));
	cr_expect(eq(u64, h.since_ns, t + overdue + 200 * MS));
}

/* With no data at stake the first of the three has half a second longer, until data comes. */
Test(health, an_idle_path_is_given_more_time)
{
	struct path_health h, idle;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint64_t overdue = estimate_overdue_ns(&h.estimate, usual.slack_ns);
	for (unsigned i = 0; i < 3; i++)
		health_probe_sent(&h, &usual, t + i * 100 * MS);
	cr_expect(health_tick(&h, &usual, t + overdue + 250 * MS));
	cr_expect(eq(int, h.state, PATH_SUSPECT));
	idle = h;
	health_probe_sent(&idle, &usual, t + overdue + 450 * MS);
	cr_expect(eq(u64, health_deadline_ns(&idle, &usual), t + overdue + 500 * MS));
	cr_expect(not(health_tick(&idle, &usual, t + overdue + 500 * MS - 1)));
	cr_expect(health_tick(&idle, &usual, t + overdue + 500 * MS));
	cr_expect(eq(int, idle.state, PATH_DOWN));

	health_set_busy(&h, &usual, true, t + overdue + 260 * MS);
	cr_expect(le(u64, health_deadline_ns(&h, &usual), t + overdue + 260 * MS));
	cr_expect(health_tick(&h, &usual, t + overdue + 260 * MS));
	cr_expect(eq(int, h.state, PATH_DOWN));
}

Test(health, silence_until_the_timeout_is_down_whatever_the_estimate_says)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	estimate_rtt(&h.estimate, 60 * NS_PER_S); /* overdue after a minute */
	for (unsigned i = 0; i < 5; i++)
		health_probe_sent(&h, &usual, t + i * 1000 * MS);
	cr_expect(
		eq(u64, health_deadline_ns(&h, &usual), START + 5020 * MS)); /* the answer's time */
	cr_expect(not(health_tick(&h, &usual, START + 5020 * MS - 1)));
	cr_expect(health_tick(&h, &usual, START + 5020 * MS));
	cr_expect(eq(int, h.state, PATH_DOWN));
	cr_expect(eq(str, (char *)h.reason, "silent for the health check timeout"));
}

/* A machine that was asleep, or had no session, has not asked: that silence is its own. */
Test(health, silence_without_a_question_counts_for_nothing)
{
	struct path_health h;
	uint64_t t = START + 3600 * NS_PER_S;

	path_up(&h);
	cr_expect(not(health_tick(&h, &usual, t)));
	uint16_t seq = health_probe_sent(&h, &usual, t);
	cr_expect(not(health_tick(&h, &usual, t + 20 * MS)));
	cr_expect(not(health_answered(&h, &usual, seq, 20 * MS, t + 20 * MS)));
	cr_expect(eq(int, h.state, PATH_UP));
}

Test(health, down_is_probed_slowly_until_an_answer_then_fast_until_up)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	run_for(&w, 950 * MS);
	w.hole_from_ns = START + 1000 * MS;
	w.hole_to_ns = START + 30000 * MS;
	run_until(&w, START + 2000 * MS);
	cr_assert(eq(int, w.h.state, PATH_DOWN));
	size_t probes = w.probe_count;
	run_for(&w, 20 * NS_PER_S);
	cr_expect(eq(sz, w.probe_count - probes, 20));

	run_until(&w, w.hole_to_ns); /* the next probe comes within a second, then two fast ones */
	probes = w.probe_count;
	run_for(&w, 1000 * MS + 2 * 100 * MS + 20 * MS);
	cr_expect(eq(int, w.h.state, PATH_UP));
	cr_expect(eq(str, (char *)w.h.reason, "answers again"));
	cr_expect(eq(u64, w.h.since_ns, w.probes[probes].sent_ns + 220 * MS));
	world_fini(&w);
}

/* Answers and holes in a row: seq by seq, 'a' answered, '-' lost. */
Test(health, answers_in_a_row_leave_no_gap)
{
	static const struct {
		const char *probes;
		bool is_up;
	} cases[] = {
		{"aa", false},   {"aaa", true},    {"-aaa", true},   {"aa-a", false},
		{"a-aa", false}, {"aa-aa", false}, {"aa-aaa", true}, {"a-a-a-a", false},
	};

	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct path_health h;
		uint64_t t = START + 100 * NS_PER_S;

		path_up(&h);
		cr_assert(health_fail(&h, "device gone", START + 1));
		for (const char *c = cases[n].probes; *c; c++, t += 100 * MS) {
			health_tick(&h, &usual, t);
			uint16_t seq = health_probe_sent(&h, &usual, t);

			if (*c == 'a')
				health_answered(&h, &usual, seq, 20 * MS, t + 20 * MS);
		}
		cr_expect(eq(int, h.state == PATH_UP, cases[n].is_up), "%s", cases[n].probes);
	}
}

/* Falls it at @at_ns and answers at once from then on; returns how long until it is up again. */
static uint64_t recovery_ns(struct world *w, uint64_t at_ns)
{
	run_until(w, at_ns);
	cr_assert(eq(int, w->h.state, PATH_UP));
	cr_assert(health_fail(&w->h, "device gone", w->now_ns));
	while (w->h.state == PATH_DOWN)
		run_for(w, 1 * MS);
	return w->h.since_ns - at_ns;
}

Test(health, hold_down_doubles_with_each_fall_and_is_forgiven)
{
	static const uint64_t holds_ms[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
	struct world w;
	uint64_t at = START + 1000 * MS;

	world_init(&w, &usual, 20 * MS);
	w.set.interval_ns = 100 * MS;
	for (size_t i = 0; i < sizeof(holds_ms) / sizeof(holds_ms[0]); i++) {
		cr_expect(eq(u64, recovery_ns(&w, at), holds_ms[i] * MS), "fall %zu", i + 1);
		at = w.now_ns + 20 * NS_PER_S;
	}
	cr_expect(eq(u64, recovery_ns(&w, w.now_ns + 61 * NS_PER_S), 4000 * MS)); /* 7 -> 3 falls */
	cr_expect(eq(u64, recovery_ns(&w, w.now_ns + 3600 * NS_PER_S), 500 * MS));
	world_fini(&w);
}

Test(health, two_of_three_probes_lost_never_make_it_fall)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	health_set_busy(&h, &usual, true, t);
	for (unsigned i = 0; i < 1000; i++, t += 100 * MS) {
		uint16_t seq = health_probe_sent(&h, &usual, t);

		if (i % 3 == 2)
			health_answered(&h, &usual, seq, 20 * MS, t + 20 * MS);
		for (uint64_t ms = 20; ms <= 100; ms += 5) {
			health_tick(&h, &usual, t + ms * MS);
			cr_assert(health_carries_data(&h), "probe %u", i);
		}
	}
}

/* Each fall is checked against the list of probes; here only that a lossy path stays of use. */
Test(health, lossy_paths_fall_only_when_three_in_a_row_are_lost)
{
	static const unsigned percent[] = {1, 3, 10, 20, 30};

	for (size_t n = 0; n < sizeof(percent) / sizeof(percent[0]); n++) {
		struct world w;

		world_init(&w, &usual, 40 * MS);
		w.jitter_ns = 20 * MS;
		w.loss_percent = percent[n];
		run_for(&w, 50 * MS);
		set_busy(&w, true);
		run_for(&w, 600 * NS_PER_S);
		fprintf(stderr,
		        "%2u %% of probes lost: %3zu falls in 600 s, carried data %5.1f %%\n",
		        percent[n], w.falls, (double)w.carried_ns / (600.05 * NS_PER_S) * 100);
		if (percent[n] <= 3)
			cr_expect(le(sz, w.falls, 5)); /* 1 in 6 x 10^5, 1 in 37,000 probes */
		if (percent[n] <= 10)
			cr_expect(lt(u64, 500 * NS_PER_S, w.carried_ns));
		world_fini(&w);
	}
}

Test(health, a_flapping_path_changes_ever_more_seldom)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	w.hole_from_ns = START + 1 * NS_PER_S;
	w.hole_to_ns = START + 3 * NS_PER_S;
	w.hole_every_ns = 5 * NS_PER_S; /* 2 s dead, 3 s alive */
	run_for(&w, 60 * NS_PER_S);
	size_t first_minute = w.falls;
	run_for(&w, 540 * NS_PER_S);
	cr_expect(ge(sz, first_minute, 3));
	cr_expect(le(sz, first_minute, 8));
	cr_expect(le(sz, w.falls,
	             first_minute + 9 * 4)); /* a stable minute may be forgiven at times */
	cr_expect(lt(sz, w.falls, 60));      /* of 120 holes */
	world_fini(&w);
}

Test(health, busy_probes_at_once_and_idle_waits)
{
	struct path_health h;
	uint64_t t = START + 500 * MS;

	path_up(&h);
	cr_expect(eq(u64, h.probe_at_ns, START + 1000 * MS));
	health_set_busy(&h, &usual, true, t);
	cr_expect(eq(u64, h.probe_at_ns, t));
	health_probe_sent(&h, &usual, t);
	cr_expect(eq(u64, h.probe_at_ns, t + 100 * MS));
	health_set_busy(&h, &usual, true, t + 50 * MS); /* nothing new */
	cr_expect(eq(u64, h.probe_at_ns, t + 100 * MS));
	health_set_busy(&h, &usual, false, t + 60 * MS);
	cr_expect(eq(u64, h.probe_at_ns, t + 1000 * MS));
}

Test(health, answers_unknown_or_known_already_are_ignored)
{
	struct path_health h;

	path_up(&h);
	uint16_t seq = health_probe_sent(&h, &usual, START + 1000 * MS);
	cr_assert(not(health_answered(&h, &usual, seq, 20 * MS, START + 1020 * MS)));
	const struct path_health before = h;

	for (unsigned other = 0; other <= UINT16_MAX; other++)
		cr_assert(not(health_answered(&h, &usual, other, 9 * MS, START + 1030 * MS)));
	cr_expect(eq(int, memcmp(&before, &h, sizeof(h)), 0));
}

Test(health, an_answer_overtaken_by_a_later_one_still_measures)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint16_t first = health_probe_sent(&h, &usual, t);
	uint16_t second = health_probe_sent(&h, &usual, t + 100 * MS);
	health_answered(&h, &usual, second, 20 * MS, t + 120 * MS);
	cr_expect(eq(u16, h.answered_seq, second));
	health_answered(&h, &usual, first, 130 * MS, t + 130 * MS);
	cr_expect(eq(u16, h.answered_seq, second));
	cr_expect(eq(u64, h.estimate.rtt_last_ns, 130 * MS));
	cr_expect(eq(u64, h.answered_ns, t + 130 * MS));
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), h.probe_at_ns)); /* nothing on its way */
}

Test(health, a_lying_round_trip_is_no_longer_than_the_probe_was_away)
{
	struct path_health h;

	path_up(&h);
	uint16_t seq = health_probe_sent(&h, &usual, START + 1000 * MS);
	health_answered(&h, &usual, seq, UINT64_MAX, START + 1025 * MS);
	cr_expect(eq(u64, h.estimate.rtt_last_ns, 25 * MS));
}

Test(health, a_local_failure_is_down_at_once_from_any_state)
{
	for (int state = PATH_UNPROVEN; state <= PATH_DOWN; state++) {
		struct path_health h;

		path_up(&h);
		uint16_t seq = health_probe_sent(&h, &usual, START + 1000 * MS);
		h.state = state;
		bool has_changed = health_fail(&h, "device gone", START + 1001 * MS);
		cr_expect(eq(int, has_changed, state != PATH_DOWN), "%d", state);
		cr_expect(eq(int, h.state, PATH_DOWN), "%d", state);
		cr_expect(eq(str, (char *)h.reason, "device gone"), "%d", state);
		bool had_data = state == PATH_UP || state == PATH_SUSPECT;
		cr_expect(eq(u32, h.falls, had_data), "%d", state);
		/* the answer on its way tells of the time before */
		health_answered(&h, &usual, seq, 20 * MS, START + 1020 * MS);
		cr_expect(not(h.is_recovering), "%d", state);
		health_tick(&h, &usual, START + 1021 * MS);
		cr_expect(eq(u64, h.probe_at_ns, START + 2000 * MS), "%d", state);
	}
}

Test(health, reset_begins_anew_but_for_the_hold_down)
{
	struct path_health h;
	uint64_t t = START + 1000 * MS;

	path_up(&h);
	uint16_t old = health_probe_sent(&h, &usual, t);
	health_fail(&h, "device gone", t);
	health_reset(&h, t + 100 * MS);
	cr_expect(eq(int, h.state, PATH_UNPROVEN));
	cr_expect(not(h.estimate.has_rtt));
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), t + 100 * MS));
	cr_expect(not(health_answered(&h, &usual, old, 20 * MS, t + 101 * MS)));

	uint16_t seq = health_probe_sent(&h, &usual, t + 100 * MS);
	cr_expect(ne(u16, seq, old));
	cr_expect(not(health_answered(&h, &usual, seq, 20 * MS, t + 120 * MS)));
	cr_expect(eq(u64, h.probe_at_ns, t + 200 * MS)); /* one answer is enough: keep it warm */
	for (unsigned i = 1; i < 4; i++) {
		seq = health_probe_sent(&h, &usual, t + (100 + i * 100) * MS);
		cr_expect(not(health_answered(&h, &usual, seq, 20 * MS, t + (120 + i * 100) * MS)));
	}
	cr_expect(eq(u64, health_deadline_ns(&h, &usual), t + 500 * MS));
	cr_expect(health_tick(&h, &usual, t + 500 * MS)); /* the hold-down of the fall */
	cr_expect(eq(int, h.state, PATH_UP));
}

Test(health, hurry_probes_a_lost_path_fast_until_three_are_overdue)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	w.hole_from_ns = START + 500 * MS;
	w.hole_to_ns = NEVER_NS;
	run_for(&w, 10 * NS_PER_S + 450 * MS);
	cr_assert(eq(int, w.h.state, PATH_DOWN));
	size_t probes = w.probe_count;
	health_hurry(&w.h, &w.set);
	run_for(&w, 900 * MS); /* the last fast one leaves with the third overdue at the latest */
	cr_expect(ge(sz, w.probe_count - probes, 3));
	cr_expect(le(sz, w.probe_count - probes, 6));
	probes = w.probe_count;
	run_for(&w, 10 * NS_PER_S);
	cr_expect(eq(sz, w.probe_count - probes, 10));
	world_fini(&w);
}

/* The path has become slower than it was thought when it fell, and the peer, who sees it working,
 * gives cause for hurry ten times a second: answers that take longer must still be taken.
 */
Test(health, hurry_again_and_again_keeps_no_answer_out)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	run_for(&w, 10 * NS_PER_S);
	w.rtt_ns = 900 * MS;
	run_for(&w, 700 * MS);
	cr_assert(eq(int, w.h.state, PATH_DOWN));
	for (unsigned i = 0; i < 40; i++) {
		health_hurry(&w.h, &w.set);
		run_for(&w, 100 * MS);
	}
	cr_expect(eq(int, w.h.state, PATH_UP));
	world_fini(&w);
}

Test(health, hurry_leaves_a_path_alone_that_carries_data)
{
	struct path_health h;

	path_up(&h);
	health_probe_sent(&h, &usual, START + 1000 * MS);
	const struct path_health before = h;
	health_hurry(&h, &usual);
	cr_expect(eq(int, memcmp(&before, &h, sizeof(h)), 0));
}

Test(health, a_plain_peer_is_up_without_an_answer)
{
	struct path_health h;

	health_init(&h, START);
	health_assume_up(&h, "carries the session", START + 5);
	cr_expect(eq(int, h.state, PATH_UP));
	cr_expect(eq(str, (char *)h.reason, "carries the session"));
	cr_expect(eq(u64, h.since_ns, START + 5));
	health_assume_up(&h, "again", START + 9); /* since and why remain */
	cr_expect(eq(u64, h.since_ns, START + 5));
	cr_expect(eq(str, (char *)h.reason, "carries the session"));
}

Test(health, sequence_numbers_wrap)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	run_for(&w, 7000 * NS_PER_S); /* 70,000 probes */
	cr_expect(eq(sz, w.falls, 0));
	cr_expect(eq(sz, w.answers, w.probe_count));
	world_fini(&w);
}

/* Half the sequence space unanswered must not make new answers look old. */
Test(health, a_path_comes_back_after_days)
{
	struct world w;

	world_init(&w, &usual, 20 * MS);
	w.hole_from_ns = START + 10 * NS_PER_S;
	w.hole_to_ns = START + 40000 * NS_PER_S;
	run_until(&w, w.hole_to_ns);
	cr_expect(eq(int, w.h.state, PATH_DOWN));
	run_for(&w, 1300 * MS);
	cr_expect(eq(int, w.h.state, PATH_UP));
	world_fini(&w);
}

/* More probes on their way than are remembered: they are sent no faster than can be answered. */
Test(health, an_interval_far_below_the_round_trip_works)
{
	static const uint64_t rtts_ms[] = {1, 20, 64, 100, 500, 1900};

	for (size_t n = 0; n < sizeof(rtts_ms) / sizeof(rtts_ms[0]); n++) {
		struct world w;

		world_init(&w, &(struct health_settings){1 * MS, 5000 * MS, 1 * MS, 150 * MS},
		           rtts_ms[n] * MS);
		run_for(&w, 20 * NS_PER_S);
		cr_expect(eq(int, w.h.state, PATH_UP), "rtt %llu", (unsigned long long)rtts_ms[n]);
		cr_expect(eq(sz, w.falls, 0), "rtt %llu", (unsigned long long)rtts_ms[n]);
		world_fini(&w);
	}
}

/* Whatever the settings and the path: run_until() bounds the wakes, the oracle judges each step, and
 * every deadline lies ahead of the moment it was asked at.
 */
Test(health, never_spins_and_never_misses_a_change)
{
	for (unsigned round = 0; round < fewer_emulated(300); round++) {
		struct world w;
		uint64_t interval = random_below(8) ? random_below(2000) : 0;

		world_init(&w,
		           &(struct health_settings){
				   .interval_ns = interval * MS,
				   .timeout_ns = (interval + 1 + random_below(5000)) * MS,
				   .busy_ns = random_below(500) * MS,
				   .slack_ns = random_below(300) * MS,
			   },
		           random_below(500) * MS);
		w.jitter_ns = random_below(200) * MS;
		w.loss_percent = random_below(5) * random_below(11);
		w.hole_from_ns = START + random_below(10000) * MS;
		w.hole_to_ns = w.hole_from_ns + random_below(8000) * MS;
		w.hole_every_ns = (8000 + random_below(20000)) * MS;
		w.queue_from_ns = START + random_below(20000) * MS;
		w.queue_ns = random_below(1000) * MS; /* in all below the 2 s an answer may take */
		w.queue_rise_ns = (1 + random_below(3000)) * MS;
		for (unsigned part = 0; part < 6; part++) {
			set_busy(&w, random_below(2));
			if (random_below(5) == 0)
				fail_world(&w);
			run_for(&w, random_below(6000) * MS);
		}
		world_fini(&w);
	}
}

/* A caller who comes late by up to 30 ms is late by no more than that, each time. */
Test(health, a_late_caller_is_late_once)
{
	struct world w;
	uint64_t hole = START + 20 * NS_PER_S;

	world_init(&w, &usual, 20 * MS);
	run_for(&w, 50 * MS);
	set_busy(&w, true);
	w.late_ns = 30 * MS;
	w.hole_from_ns = hole;
	w.hole_to_ns = NEVER_NS;
	run_for(&w, 40 * NS_PER_S);
	cr_expect(eq(sz, w.falls, 1));
	cr_expect(lt(u64, w.fell_ns - hole, (3 * 100 + 180 + 4 * 30) * MS));
	world_fini(&w);
}

Test(health, states_have_names)
{
	cr_expect(eq(str, (char *)path_state_name(PATH_UNPROVEN), "unproven"));
	cr_expect(eq(str, (char *)path_state_name(PATH_UP), "up"));
	cr_expect(eq(str, (char *)path_state_name(PATH_SUSPECT), "suspect"));
	cr_expect(eq(str, (char *)path_state_name(PATH_DOWN), "down"));
}

/* ---- many paths ---- */

/* Begun at one moment, as after a pause of the process, and answered at once. */
Test(health, paths_with_a_phase_are_probed_at_different_moments)
{
	enum {
		PATHS = 64,
		SLOTS = 20
	};
	static struct path_health h[PATHS];
	unsigned in_slot[SLOTS] = {0};
	uint64_t end = START + 10000 * MS;

	for (unsigned i = 0; i < PATHS; i++) {
		health_init(&h[i], START);
		health_spread(&h[i], i * (UINT32_MAX / PATHS) + 1);
	}
	for (uint64_t t = START; t < end; t += MS) {
		for (unsigned i = 0; i < PATHS; i++) {
			health_tick(&h[i], &usual, t);
			if (h[i].probe_at_ns > t)
				continue;
			health_answered(&h[i], &usual, health_probe_sent(&h[i], &usual, t), MS, t);
			if (t >= end - 1000 * MS)
				in_slot[(t - START) / (1000 * MS / SLOTS) % SLOTS]++;
		}
	}
	for (unsigned i = 0; i < SLOTS; i++) /* of 50 ms: no more than twice its share */
		cr_expect(le(uint, in_slot[i], 2 * PATHS / SLOTS + 1), "%u", i);
}

/* Whenever the last one left: at most an interval later, at least seven eighths, and in the end on time. */
Test(health, phase_never_makes_a_probe_late_and_holds_in_spite_of_delays)
{
	for (uint32_t phase = 1; phase < UINT32_MAX - (1u << 28); phase += 1u << 28) {
		uint64_t t = START + 123 * MS, before, at = 0;
		struct path_health h;

		health_init(&h, t);
		health_spread(&h, phase);
		health_set_busy(&h, &usual, true, t);
		for (unsigned i = 0; i < 30; i++) {
			before = t;
			health_answered(&h, &usual, health_probe_sent(&h, &usual, t), MS, t);
			cr_assert(le(u64, h.probe_at_ns, t + 100 * MS));
			cr_assert(ge(u64, h.probe_at_ns, t + 100 * MS - 100 * MS / 8));
			at = h.probe_at_ns;
			t = at + (i % 3) * MS; /* and we wake a little late */
		}
		cr_expect(eq(u64, at % (100 * MS), 100 * MS * (phase >> 16) >> 16), "%u", phase);
		cr_expect(le(u64, t - before, 100 * MS + 2 * MS));
	}
}

Test(health, phase_outlives_a_reset)
{
	struct path_health h;

	health_init(&h, START);
	health_spread(&h, 77);
	health_reset(&h, START + MS);
	cr_expect(eq(u32, h.phase, 77));
}
