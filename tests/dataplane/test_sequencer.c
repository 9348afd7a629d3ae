/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "../bytes_rig.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "dataplane/batch.h"
#include "dataplane/inbox.h"
#include "dataplane/self.h"
#include "dataplane/sequencer.h"

static void setup(void)
{
	rcu_register_thread();
}

static void teardown(void)
{
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(sequencer, .init = setup, .fini = teardown, .timeout = 60);

/* ---- by hand ---- */

static struct sequencer lone;
static struct dp_thread nobody;
static char log_text[64];
static size_t log_len;

static struct batch *batch_of(struct in_order *at)
{
	return caa_container_of(at, struct batch, order);
}

static void note(struct dp_thread *self, struct in_order *at, unsigned slot)
{
	struct batch *b = batch_of(at);

	cr_expect(eq(ptr, self, &nobody));
	cr_expect(eq(uint, slot, lone.slot));
	log_text[log_len++] = (char)b->lane;
}

static void enter_named(struct batch *b, char name)
{
	b->lane = (uint8_t)name;
	sequencer_enter(&lone, &b->order);
}

static void finish(struct batch *b)
{
	sequencer_finish(&lone, &nobody, &b->order, note);
}

Test(sequencer, finished_run_at_the_head_leaves_the_rest_waits)
{
	struct batch b[4];

	sequencer_init(&lone, 0);
	for (unsigned i = 0; i < 4; i++)
		enter_named(&b[i], (char)('a' + i));
	finish(&b[2]);
	cr_expect(eq(str, log_text, (char *)""));
	finish(&b[1]);
	cr_expect(eq(str, log_text, (char *)""));
	finish(&b[0]);
	cr_expect(eq(str, log_text, (char *)"abc"));
	enter_named(&b[0], 'e'); /* used again behind the one that waits */
	finish(&b[0]);
	cr_expect(eq(str, log_text, (char *)"abc"));
	finish(&b[3]);
	cr_expect(eq(str, log_text, (char *)"abcde"));
}

Test(sequencer, every_order_of_finishing_gives_the_order_of_entering)
{
	static const uint8_t place[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
	                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct batch b[3];

	sequencer_init(&lone, 0);
	for (unsigned i = 0; i < 6; i++) {
		log_len = 0;
		memset(log_text, 0, sizeof log_text);
		for (unsigned k = 0; k < 3; k++)
			enter_named(&b[k], (char)('a' + k));
		for (unsigned k = 0; k < 3; k++)
			finish(&b[place[i][k]]);
		cr_expect(eq(str, log_text, (char *)"abc"), "order %u", i);
	}
}

/* With the role until there is nothing more. */
static void finish_all(struct sequencer *seq, struct dp_thread *self, struct batch *b,
                       sequencer_emit emit)
{
	if (sequencer_finish(seq, self, &b->order, emit))
		return;
	while (!sequencer_go_on(seq, self, emit))
		;
}

Test(sequencer, a_turn_of_emitting_ends_and_another_goes_on_with_it)
{
	enum {
		COUNT = 2 * SEQUENCER_TURN + 3
	};
	static struct batch b[COUNT];

	sequencer_init(&lone, 0);
	for (unsigned i = 0; i < COUNT; i++)
		enter_named(&b[i], (char)('A' + i));
	for (unsigned i = 1; i < COUNT - 1; i++)
		cr_expect(sequencer_finish(&lone, &nobody, &b[i].order, note), "not at the head");
	cr_expect(not(sequencer_finish(&lone, &nobody, &b[0].order, note)));
	cr_expect(eq(sz, log_len, SEQUENCER_TURN));
	/* The role is taken: what is finished now is left to whoever has it. */
	cr_expect(sequencer_finish(&lone, &nobody, &b[COUNT - 1].order, note));
	cr_expect(eq(sz, log_len, SEQUENCER_TURN));
	cr_expect(not(sequencer_go_on(&lone, &nobody, note)));
	cr_expect(eq(sz, log_len, 2 * SEQUENCER_TURN));
	cr_expect(sequencer_go_on(&lone, &nobody, note));
	cr_expect(eq(sz, log_len, COUNT));
	for (unsigned i = 0; i < COUNT; i++)
		cr_expect(eq(chr, log_text[i], (char)('A' + i)));
	cr_expect(eq(uint, atomic_load(&lone.finished), 0));
}

/* Who emits may enter and finish: that is left to the emitting role it already has. */
static struct batch follower;

static void note_and_follow(struct dp_thread *self, struct in_order *at, unsigned slot)
{
	struct batch *b = batch_of(at);

	note(self, at, slot);
	if (b->lane == 'z')
		return;
	enter_named(&follower, 'z');
	sequencer_finish(&lone, self, &follower.order, note_and_follow);
	log_text[log_len++] = '.';
}

Test(sequencer, finishing_from_within_emit_is_done_after_it)
{
	struct batch b;

	sequencer_init(&lone, 0);
	enter_named(&b, 'a');
	sequencer_finish(&lone, &nobody, &b.order, note_and_follow);
	cr_expect(eq(str, log_text, (char *)"a.z"));
}

static unsigned slots[64];

static void note_slot(struct dp_thread *self, struct in_order *at, unsigned slot)
{
	struct batch *b = batch_of(at);

	(void)self;
	slots[log_len] = slot;
	log_text[log_len++] = (char)b->lane;
}

/* One piece of work, two places in which it has to wait its turn. */
Test(sequencer, a_batch_in_two_orders_leaves_each_in_its_turn)
{
	static struct sequencer last;
	struct batch both, before;

	sequencer_init(&lone, 0);
	sequencer_init(&last, PATHS_MAX - 1);
	before.lane = 'a';
	both.lane = 'b';
	sequencer_enter(&last, &before.order);
	sequencer_enter(&lone, &both.order);
	sequencer_enter(&last, &both.order);
	sequencer_mark(&both.order);
	cr_expect(sequencer_finish_marked(&lone, &nobody, note_slot));
	cr_expect(sequencer_finish_marked(&last, &nobody, note_slot));
	cr_expect(eq(str, log_text, (char *)"b"));
	cr_expect(sequencer_finish(&last, &nobody, &before.order, note_slot));
	cr_expect(eq(str, log_text, (char *)"bab"));
	cr_expect(eq(uint, slots[0], 0));
	cr_expect(eq(uint, slots[1], PATHS_MAX - 1));
	cr_expect(eq(uint, slots[2], PATHS_MAX - 1));
}

/* ---- torture ---- */

enum {
	SEQUENCERS = 3,
	NUMBERERS = 2,
	WORKERS = 4,
	HELD_MAX = 8,    /* a worker finishes up to so many in random order */
	POOL_COUNT = 96, /* per numbering thread: more than the workers may hold */
	PER_NUMBERER = 100000,
};

/* What emit sees of one sequencer. Unlike [A], only the emitting role touches the rest. */
struct emitted {
	struct sequencer seq;
	atomic_flag is_inside; /* [A] somebody emits */
	unsigned side_by_side;
	unsigned disordered;
	uint64_t next[NUMBERERS]; /* number expected of each numbering thread */
	uint64_t total;
};

static struct emitted emitted[SEQUENCERS];

struct torturer {
	struct thread thread;
	unsigned id;
	struct inbox inbox; /* of a worker */
	struct dp_thread self;
	struct test_random random;
	struct batch_pool pool; /* of a numbering thread */
	uint64_t entered[SEQUENCERS];
};

static struct torturer worker[WORKERS], numberer[NUMBERERS];

static void emit(struct dp_thread *self, struct in_order *at, unsigned slot)
{
	struct batch *b = batch_of(at);
	struct emitted *e = &emitted[b->path_id];

	(void)self;
	(void)slot;
	e->side_by_side += atomic_flag_test_and_set(&e->is_inside);
	e->disordered += b->first_counter != e->next[b->lane]++;
	e->total++;
	batch_free(b);
	atomic_flag_clear(&e->is_inside);
}

static void work(void *arg)
{
	struct torturer *w = arg;

	while (inbox_wait(&w->inbox)) {
		struct batch *held[HELD_MAX];
		unsigned len = 0;

		while (len < HELD_MAX && (held[len] = inbox_take(&w->inbox)))
			len++;
		while (len) {
			unsigned i = (unsigned)(test_random_next(&w->random) % len);
			struct batch *b = held[i];

			held[i] = held[--len];
			finish_all(&emitted[b->path_id].seq, &w->self, b, emit);
		}
		rcu_quiescent_state();
	}
}

static void number(void *arg)
{
	struct torturer *n = arg;

	for (unsigned i = 0; i < PER_NUMBERER; i++) {
		struct batch *b = batch_get_wait(&n->pool);
		unsigned to = (unsigned)(test_random_next(&n->random) % WORKERS);

		b->path_id = (uint8_t)(test_random_next(&n->random) % SEQUENCERS);
		b->lane = (uint8_t)n->id;
		b->first_counter = n->entered[b->path_id]++;
		sequencer_enter(&emitted[b->path_id].seq, &b->order);
		inbox_push(&worker[to].inbox, b);
		rcu_quiescent_state();
	}
}

static void start(struct torturer *t, unsigned id, struct test_random *random, thread_fn fn)
{
	t->id = id;
	t->random.state = test_random_next(random);
	cr_assert(eq(int, thread_start(&t->thread, "torturer", THREAD_WORKER, -1, fn, t), 0));
}

static void torture(unsigned numberers)
{
	struct test_random random = test_random_seeded("sequencer");

	for (unsigned i = 0; i < SEQUENCERS; i++)
		sequencer_init(&emitted[i].seq, i);
	for (unsigned i = 0; i < WORKERS; i++) {
		inbox_init(&worker[i].inbox, 0);
		start(&worker[i], i, &random, work);
	}
	for (unsigned i = 0; i < numberers; i++) {
		cr_assert(eq(int, batch_pool_init(&numberer[i].pool, POOL_COUNT, 1, 1), 0));
		start(&numberer[i], i, &random, number);
	}
	for (unsigned i = 0; i < numberers; i++)
		thread_join(&numberer[i].thread);
	for (unsigned i = 0; i < WORKERS; i++)
		inbox_stop(&worker[i].inbox);
	for (unsigned i = 0; i < WORKERS; i++)
		thread_join(&worker[i].thread);
}

static void expect_all_in_order(unsigned numberers)
{
	for (unsigned i = 0; i < SEQUENCERS; i++) {
		uint64_t entered = 0;

		cr_expect(eq(uint, emitted[i].side_by_side, 0));
		cr_expect(eq(uint, emitted[i].disordered, 0));
		for (unsigned k = 0; k < numberers; k++) {
			cr_expect(eq(u64, emitted[i].next[k], numberer[k].entered[i]));
			entered += numberer[k].entered[i];
		}
		cr_expect(eq(u64, emitted[i].total, entered)); /* nobody is left behind */
	}
	for (unsigned i = 0; i < numberers; i++)
		batch_pool_fini(&numberer[i].pool);
}

Test(sequencer, workers_in_any_order_emit_in_order_one_at_a_time)
{
	torture(1);
	expect_all_in_order(1);
}

Test(sequencer, batches_of_two_threads_that_enter_keep_the_order_of_each)
{
	torture(2);
	expect_all_in_order(2);
}

/* ---- two at a time ---- */

/* In each round two threads finish one batch each at nearly the same moment. When both are back,
 * both batches must have left: no later finish would come and take along one left behind.
 */
enum {
	ROUNDS = 100000,
	JITTER = 40, /* turns of an empty loop */
};

static struct batch pair[2];
static _Atomic unsigned round_begun, round_ended;
static unsigned emitted_pairs; /* [emitting role] */

static void count(struct dp_thread *self, struct in_order *at, unsigned slot)
{
	struct batch *b = batch_of(at);

	(void)slot;
	(void)self;
	(void)b;
	emitted_pairs++;
}

static void finish_after_jitter(struct test_random *random, struct batch *b)
{
	for (unsigned i = (unsigned)(test_random_next(random) % JITTER); i; i--)
		caa_cpu_relax();
	finish_all(&lone, &nobody, b, count);
}

static void await(_Atomic unsigned *at, unsigned value)
{
	for (unsigned i = 0; atomic_load(at) != value; i++) {
		if (i > 1000)
			sched_yield(); /* the other one has no processor */
		else
			caa_cpu_relax();
	}
}

static void finish_the_second(void *arg)
{
	struct test_random random = {*(uint64_t *)arg};

	rcu_thread_offline();
	for (unsigned round = 1; round <= ROUNDS; round++) {
		await(&round_begun, round);
		finish_after_jitter(&random, &pair[1]);
		atomic_store(&round_ended, round);
	}
	rcu_thread_online();
}

Test(sequencer, finishing_at_the_same_moment_leaves_nobody_behind)
{
	struct test_random random = test_random_seeded("sequencer");
	uint64_t seed = test_random_next(&random); /* for the other thread alone */
	struct thread other;

	sequencer_init(&lone, 0);
	cr_assert(eq(int,
	             thread_start(&other, "other", THREAD_WORKER, -1, finish_the_second, &seed),
	             0));
	for (unsigned round = 1; round <= ROUNDS; round++) {
		enter_named(&pair[round % 2], 'a');
		enter_named(&pair[1 - round % 2], 'b');
		atomic_store(&round_begun, round);
		finish_after_jitter(&random, &pair[0]);
		await(&round_ended, round);
		cr_assert(eq(uint, emitted_pairs, 2 * round));
	}
	thread_join(&other);
}
