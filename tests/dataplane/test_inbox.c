/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "dataplane/batch.h"
#include "dataplane/inbox.h"

enum {
	PRODUCERS = 4,
	PER_PRODUCER = 50000,
	POOL_COUNT = 16, /* per producer: small, so that the taker often runs out and sleeps */
	ROUND_TRIPS = 20000,
};

static struct inbox inbox;

static void setup(void)
{
	rcu_register_thread();
	inbox_init(&inbox, 0);
}

static void teardown(void)
{
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(inbox, .init = setup, .fini = teardown, .timeout = 60);

static void start(struct thread *t, thread_fn fn, void *arg)
{
	cr_assert(eq(int, thread_start(t, "inbox", THREAD_WORKER, -1, fn, arg), 0));
}

Test(inbox, empty_one_gives_nothing)
{
	cr_expect(eq(ptr, inbox_take(&inbox), NULL));
	cr_expect(not(inbox_is_asleep(&inbox)));
}

Test(inbox, batches_come_out_in_the_order_they_went_in)
{
	struct batch b[8];

	for (unsigned i = 0; i < 5; i++)
		inbox_push(&inbox, &b[i]);
	cr_expect(eq(ptr, inbox_take(&inbox), &b[0]));
	cr_expect(eq(ptr, inbox_take(&inbox), &b[1]));
	/* Pushed while a splice is half handed out: behind what was there before. */
	for (unsigned i = 5; i < 8; i++)
		inbox_push(&inbox, &b[i]);
	for (unsigned i = 2; i < 8; i++)
		cr_expect(eq(ptr, inbox_take(&inbox), &b[i]));
	cr_expect(eq(ptr, inbox_take(&inbox), NULL));
	/* A batch may come again. */
	inbox_push(&inbox, &b[3]);
	cr_expect(eq(ptr, inbox_take(&inbox), &b[3]));
	cr_expect(eq(ptr, inbox_take(&inbox), NULL));
}

/* The one taken counts until the next is asked for: then the work on it is done. */
Test(inbox, load_is_what_waits_and_what_is_worked_on)
{
	struct batch b[3];

	cr_expect(eq(uint, inbox_load(&inbox), 0));
	for (unsigned i = 0; i < 3; i++) {
		inbox_push(&inbox, &b[i]);
		cr_expect(eq(uint, inbox_load(&inbox), i + 1));
	}
	for (unsigned i = 3; i > 0; i--) {
		cr_expect(ne(ptr, inbox_take(&inbox), NULL));
		cr_expect(eq(uint, inbox_load(&inbox), i));
	}
	for (unsigned i = 0; i < 2; i++) {
		cr_expect(eq(ptr, inbox_take(&inbox), NULL));
		cr_expect(eq(uint, inbox_load(&inbox), 0));
	}
}

Test(inbox, wait_returns_at_once_while_something_is_there)
{
	struct batch b[2];

	inbox_push(&inbox, &b[0]);
	inbox_push(&inbox, &b[1]);
	cr_expect(inbox_wait(&inbox));
	cr_expect(eq(ptr, inbox_take(&inbox), &b[0]));
	cr_expect(inbox_wait(&inbox)); /* the other is spliced already */
	cr_expect(eq(ptr, inbox_take(&inbox), &b[1]));
}

Test(inbox, stopped_one_is_emptied_before_it_ends)
{
	struct batch b[2];

	inbox_push(&inbox, &b[0]);
	inbox_stop(&inbox);
	inbox_push(&inbox, &b[1]);
	cr_expect(inbox_wait(&inbox));
	cr_expect(eq(ptr, inbox_take(&inbox), &b[0]));
	cr_expect(inbox_wait(&inbox));
	cr_expect(eq(ptr, inbox_take(&inbox), &b[1]));
	cr_expect(not(inbox_wait(&inbox)));
	cr_expect(not(inbox_wait(&inbox)));
}

Test(inbox, nudge_ends_one_wait_though_nothing_is_there)
{
	inbox_nudge(&inbox);
	inbox_nudge(&inbox);
	cr_expect(inbox_wait(&inbox));
	cr_expect(eq(ptr, inbox_take(&inbox), NULL));
	inbox_nudge(&inbox);
	inbox_stop(&inbox);
	cr_expect(not(inbox_wait(&inbox)));
}

Test(inbox, wait_ends_at_its_time_and_not_before)
{
	uint64_t until_ns = clock_boot_ns() + 20 * NS_PER_MS;

	cr_expect(inbox_wait_until(&inbox, until_ns));
	cr_expect(le(u64, until_ns, clock_boot_ns()));
	cr_expect(inbox_wait_until(&inbox, until_ns)); /* over already */
	cr_expect(not(inbox_is_asleep(&inbox)));
	inbox_init(&inbox, 3600000000u); /* one that polls */
	until_ns = clock_boot_ns() + 20 * NS_PER_MS;
	cr_expect(inbox_wait_until(&inbox, until_ns));
	cr_expect(le(u64, until_ns, clock_boot_ns()));
}

/* Takes until the inbox is stopped. */
struct taker {
	struct thread thread;
	_Atomic unsigned taken;
	struct batch *last;
};

static void take_until_stopped(void *arg)
{
	struct taker *t = arg;
	struct batch *b;

	while (inbox_wait(&inbox)) {
		while ((b = inbox_take(&inbox))) {
			t->last = b;
			t->taken++;
			rcu_quiescent_state();
		}
	}
}

static void until_asleep(void)
{
	while (!inbox_is_asleep(&inbox))
		sched_yield();
}

Test(inbox, sleeping_taker_is_seen_and_holds_up_no_grace_period)
{
	struct taker taker = {0};
	struct batch b;

	start(&taker.thread, take_until_stopped, &taker);
	until_asleep();
	synchronize_rcu(); /* would not end if it slept online */
	inbox_push(&inbox, &b);
	until_asleep();
	inbox_stop(&inbox);
	thread_join(&taker.thread);
	cr_expect(eq(uint, taker.taken, 1));
	cr_expect(eq(ptr, taker.last, &b));
}

/* What a taker that sleeps is nudged for; it counts the times. */
static void count_nudges(void *arg)
{
	atomic_uint *count = arg;

	while (inbox_wait_until(&inbox, clock_boot_ns() + NS_PER_S * 3600))
		++*count;
}

Test(inbox, nudge_wakes_a_taker_that_sleeps_once)
{
	struct thread thread;
	atomic_uint count = 0;

	start(&thread, count_nudges, &count);
	for (unsigned i = 0; i < 20000; i++) {
		until_asleep();
		inbox_nudge(&inbox);
		while (count == i)
			sched_yield();
	}
	until_asleep();
	synchronize_rcu(); /* would not end if it slept online */
	inbox_stop(&inbox);
	thread_join(&thread);
	cr_expect(eq(uint, count, 20000));
}

Test(inbox, stop_wakes_a_taker_that_sleeps)
{
	struct taker taker = {0};

	start(&taker.thread, take_until_stopped, &taker);
	until_asleep();
	inbox_stop(&inbox);
	thread_join(&taker.thread);
	cr_expect(eq(uint, taker.taken, 0));
}

/* ---- busy polling ---- */

#define FOREVER_US 3600000000u

/* How often somebody who pushed would have had to wake the taker. */
static atomic_uint wakes;

static void count_and_take(void *arg)
{
	(void)arg;
	while (inbox_wait(&inbox)) {
		while (inbox_take(&inbox))
			rcu_quiescent_state();
		wakes += atomic_load(&inbox.is_asleep) != 0;
	}
}

Test(inbox, taker_that_polls_gets_its_work_without_being_woken)
{
	struct thread thread;
	static struct batch b[ROUND_TRIPS];

	inbox_init(&inbox, FOREVER_US);
	start(&thread, count_and_take, NULL);
	for (unsigned i = 0; i < ROUND_TRIPS; i++) {
		wakes += atomic_load(&inbox.is_asleep) != 0;
		inbox_push(&inbox, &b[i]);
		while (i % 8 == 0 && !cds_wfcq_empty(&inbox.head, &inbox.tail))
			sched_yield(); /* taken: now and then it has nothing to do */
	}
	synchronize_rcu(); /* polling holds up no grace period */
	wakes += atomic_load(&inbox.is_asleep) != 0;
	inbox_stop(&inbox); /* and ends at once */
	thread_join(&thread);
	cr_expect(eq(uint, wakes, 0));
}

/* Not before, however often it is looked at, and then it is woken as ever. */
Test(inbox, taker_that_has_polled_long_enough_sleeps)
{
	struct taker taker = {0};
	uint64_t begin_ns, asleep_ns;
	struct batch b[3];

	inbox_init(&inbox, 20000);
	begin_ns = clock_boot_ns();
	start(&taker.thread, take_until_stopped, &taker);
	until_asleep();
	asleep_ns = clock_boot_ns();
	cr_expect(le(u64, 20 * NS_PER_MS, asleep_ns - begin_ns));
	for (unsigned i = 0; i < 3; i++) {
		begin_ns = clock_boot_ns();
		inbox_push(&inbox, &b[i]);
		while (atomic_load(&taker.taken) == i) /* awake, and polls again */
			sched_yield();
		until_asleep();
		cr_expect(le(u64, 20 * NS_PER_MS, clock_boot_ns() - begin_ns));
	}
	inbox_stop(&inbox);
	thread_join(&taker.thread);
	cr_expect(eq(uint, taker.taken, 3));
}

/* ---- many producers ---- */

struct producer {
	struct thread thread;
	struct batch_pool pool;
	unsigned id;
};

static void produce(void *arg)
{
	struct producer *p = arg;

	for (unsigned i = 0; i < PER_PRODUCER; i++) {
		struct batch *b = batch_get_wait(&p->pool);

		b->lane = (uint8_t)p->id;
		b->first_counter = i;
		inbox_push(&inbox, b);
		rcu_quiescent_state();
	}
}

/* A wake-up lost would leave taker and producers asleep for ever: the suite's timeout ends that. */
Test(inbox, every_producer_keeps_its_order_and_no_wake_up_is_lost)
{
	static struct producer producer[PRODUCERS];
	uint64_t next[PRODUCERS] = {0};
	unsigned left = PRODUCERS * PER_PRODUCER, disordered = 0;

	for (unsigned i = 0; i < PRODUCERS; i++) {
		producer[i].id = i;
		cr_assert(eq(int, batch_pool_init(&producer[i].pool, POOL_COUNT, 1, 1), 0));
		start(&producer[i].thread, produce, &producer[i]);
	}
	while (left) {
		struct batch *b;

		cr_assert(inbox_wait(&inbox));
		while ((b = inbox_take(&inbox))) {
			disordered += b->first_counter != next[b->lane]++;
			batch_free(b);
			left--;
		}
		rcu_quiescent_state();
	}
	for (unsigned i = 0; i < PRODUCERS; i++) {
		thread_join(&producer[i].thread);
		cr_expect(eq(u64, next[i], PER_PRODUCER));
		batch_pool_fini(&producer[i].pool);
	}
	cr_expect(eq(uint, disordered, 0));
	cr_expect(eq(ptr, inbox_take(&inbox), NULL));
}

/* One batch goes to and fro between two threads that both sleep in between. */
static struct inbox way_back;

static void return_each(void *arg)
{
	struct batch *b;

	(void)arg;
	while (inbox_wait(&inbox)) {
		while ((b = inbox_take(&inbox)))
			inbox_push(&way_back, b);
		rcu_quiescent_state();
	}
}

Test(inbox, lone_batch_wakes_its_taker_each_time)
{
	struct thread thread;
	struct batch one, *b = &one;

	inbox_init(&way_back, 0);
	start(&thread, return_each, NULL);
	for (unsigned i = 0; i < ROUND_TRIPS; i++) {
		inbox_push(&inbox, b);
		do {
			cr_assert(inbox_wait(&way_back));
			b = inbox_take(&way_back);
		} while (!b);
		cr_assert(eq(ptr, b, &one));
	}
	inbox_stop(&inbox);
	thread_join(&thread);
}
