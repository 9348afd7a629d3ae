/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <stdatomic.h>

#include "../bytes_rig.h"
#include "base/clock.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "dataplane/alarms.h"
#include "dataplane/inbox.h"

enum {
	ALARMS = 20,
	ROOM = ALARMS - 5, /* that was made for them */
	STEPS = 200000,
	SETTERS = 4,
	PER_SETTER = 3000,
};

/* Something that has an alarm. */
struct thing {
	struct alarm alarm;
	_Atomic int references;
	_Atomic bool is_going; /* cannot be held any more */
	_Atomic unsigned rung;
	_Atomic uint64_t rung_ns; /* with this time, last */
	uint64_t next_ns;         /* what it is set to when it rings, unless is_in_vain */
	bool is_in_vain;          /* nothing is done when it rings */
};

static bool is_memory_used_up;

void *__real_reallocarray(void *at, size_t count, size_t size);
void *__wrap_reallocarray(void *at, size_t count, size_t size);

/* The linker puts it in the place of the C library's (--wrap). */
void *__wrap_reallocarray(void *at, size_t count, size_t size)
{
	return is_memory_used_up ? NULL : __real_reallocarray(at, count, size);
}

static struct alarms alarms;
static struct thing things[ALARMS];

static struct thing *thing_of(struct alarm *alarm)
{
	return caa_container_of(alarm, struct thing, alarm);
}

static void ring(struct alarm *alarm, void *context, uint64_t now_ns)
{
	struct thing *thing = thing_of(alarm);

	cr_assert(eq(ptr, context, &alarms));
	atomic_store(&thing->rung_ns, now_ns);
	if (!thing->is_in_vain)
		alarm_set(alarm, &alarms, thing->next_ns);
	atomic_fetch_add(&thing->rung, 1);
}

static bool hold(struct alarm *alarm)
{
	if (atomic_load(&thing_of(alarm)->is_going))
		return false;
	atomic_fetch_add(&thing_of(alarm)->references, 1);
	return true;
}

static void release(struct alarm *alarm)
{
	atomic_fetch_sub(&thing_of(alarm)->references, 1);
}

static const struct alarm_kind kind = {ring, hold, release};

static void setup(void)
{
	rcu_register_thread();
	cr_assert(eq(int, alarms_init(&alarms, ROOM, &alarms), 0));
	for (unsigned i = 0; i < ALARMS; i++) {
		things[i] = (struct thing){.next_ns = NEVER_NS};
		alarm_init(&things[i].alarm, &kind);
	}
}

/* Whatever happened, nothing is held for good. */
static void teardown(void)
{
	alarms_fini(&alarms);
	for (unsigned i = 0; i < ALARMS; i++) {
		if (things[i].references)
			abort();
	}
	rcu_unregister_thread();
}

TestSuite(alarms, .init = setup, .fini = teardown, .timeout = 60);

static bool set(unsigned i, uint64_t at_ns)
{
	return alarm_set(&things[i].alarm, &alarms, at_ns);
}

/* How often thing @i has rung when the worker has looked at @now_ns. */
static unsigned rung(unsigned i, uint64_t now_ns)
{
	alarms_take(&alarms);
	alarms_run(&alarms, now_ns);
	return things[i].rung;
}

Test(alarms, nothing_is_to_be_looked_at)
{
	cr_expect(eq(u64, alarms_take(&alarms), NEVER_NS));
	cr_expect(not(alarms_have_any(&alarms)));
	cr_expect(eq(u64, alarm_at_ns(&things[0].alarm), NEVER_NS));
	cr_expect(not(set(0, NEVER_NS)));
	cr_expect(not(alarms_have_any(&alarms)));
}

Test(alarms, rings_once_at_its_time_and_not_before)
{
	cr_expect(set(0, 100));
	cr_expect(alarms_have_any(&alarms));
	cr_expect(eq(u64, alarms_take(&alarms), 100));
	cr_expect(eq(uint, rung(0, 99), 0));
	cr_expect(eq(int, things[0].references, 1));
	cr_expect(eq(uint, rung(0, 100), 1));
	cr_expect(eq(int, things[0].references, 0));
	cr_expect(eq(u64, alarms_take(&alarms), NEVER_NS));
	cr_expect(eq(uint, rung(0, 1000), 1));
}

/* The worker is not woken for that, looks once, and goes on to sleep. */
Test(alarms, one_that_was_put_off_is_looked_at_and_rings_later)
{
	set(0, 100);
	alarms_take(&alarms);
	cr_expect(not(set(0, 300)));
	cr_expect(not(set(0, 200)));
	cr_expect(eq(u64, alarms_take(&alarms), 100));
	cr_expect(eq(uint, rung(0, 100), 0));
	cr_expect(eq(u64, alarms_take(&alarms), 200));
	cr_expect(eq(uint, rung(0, 200), 1));
}

Test(alarms, one_that_was_called_off_is_looked_at_once_and_let_go)
{
	set(0, 100);
	alarms_take(&alarms);
	cr_expect(not(set(0, NEVER_NS)));
	cr_expect(eq(uint, rung(0, 100), 0));
	cr_expect(eq(u64, alarms_take(&alarms), NEVER_NS));
	cr_expect(eq(int, things[0].references, 0));
	cr_expect(set(0, 50), "nobody looks any more");
	cr_expect(eq(uint, rung(0, 101), 1));
}

Test(alarms, one_that_was_called_off_before_it_was_taken_in_is_let_go)
{
	set(0, 100);
	set(0, NEVER_NS);
	cr_expect(eq(u64, alarms_take(&alarms), NEVER_NS));
	cr_expect(eq(int, things[0].references, 0));
}

Test(alarms, sooner_than_the_worker_looks_is_told)
{
	set(0, 100);
	alarms_take(&alarms);
	cr_expect(set(0, 50));
	cr_expect(not(set(0, 40)), "it was told already, and reads the time when it takes it in");
	cr_expect(eq(u64, alarms_take(&alarms), 40));
	cr_expect(eq(int, things[0].references, 1));
	cr_expect(eq(uint, rung(0, 40), 1));
}

Test(alarms, set_by_its_own_ring_it_rings_again)
{
	things[0].next_ns = 150;
	set(0, 100);
	cr_expect(eq(uint, rung(0, 100), 1));
	cr_expect(eq(u64, alarms_take(&alarms), 150));
	things[0].next_ns = NEVER_NS;
	cr_expect(eq(uint, rung(0, 150), 2));
	cr_expect(eq(u64, alarms_take(&alarms), NEVER_NS));
}

Test(alarms, in_vain_it_rings_again_a_little_later)
{
	things[0].is_in_vain = true;
	set(0, 100);
	cr_expect(eq(uint, rung(0, 120), 1));
	cr_expect(eq(u64, alarms_take(&alarms), 120 + ALARM_AGAIN_NS));
	things[0].is_in_vain = false;
	cr_expect(eq(uint, rung(0, 119 + ALARM_AGAIN_NS), 1));
	cr_expect(eq(uint, rung(0, 120 + ALARM_AGAIN_NS), 2));
	cr_expect(eq(u64, alarms_take(&alarms), NEVER_NS));
}

Test(alarms, what_is_going_is_not_looked_at)
{
	things[0].is_going = true;
	cr_expect(not(set(0, 100)));
	cr_expect(not(alarms_have_any(&alarms)));
	things[0].is_going = false;
	cr_expect(set(0, 100));
}

Test(alarms, clear_lets_go_of_all)
{
	for (unsigned i = 0; i < ALARMS; i++)
		set(i, 100 + i);
	alarms_take(&alarms);
	set(0, 10); /* held twice */
	set(1, NEVER_NS);
	alarms_clear(&alarms);
	for (unsigned i = 0; i < ALARMS; i++)
		cr_expect(eq(int, things[i].references, 0), "%u", i);
	cr_expect(not(alarms_have_any(&alarms)));
	cr_expect(set(2, 500));
	cr_expect(eq(uint, rung(2, 500), 1));
}

/* As where the memory for others was lacking. */
Test(alarms, those_that_never_were_are_let_go_of)
{
	static struct alarms none; /* aligned, which fake stacks are not */

	alarms_clear(&none);
	alarms_fini(&none);
	cr_expect(eq(uint, none.heap.count, 0));
}

/* The heap wants to grow and cannot: what does not fit is looked at now rather than never. */
Test(alarms, without_memory_it_rings_at_once)
{
	is_memory_used_up = true;
	for (unsigned i = 0; i < ALARMS; i++)
		set(i, 100 + i);
	cr_expect(eq(u64, alarms_take(&alarms), 100));
	for (unsigned i = 0; i < ALARMS; i++) {
		bool has_room = i < ROOM;

		cr_expect(eq(uint, things[i].rung, !has_room));
		cr_expect(eq(int, things[i].references, has_room));
	}
	is_memory_used_up = false;
	cr_expect(set(ROOM, 50), "the next time it is told anew");
	cr_expect(eq(uint, rung(ROOM, 100), 2));
	cr_expect(eq(uint, rung(0, 100), 1));
}

/* ---- against the obvious ---- */

/* The worker looks at @now_ns: those ring that are to, and only they. */
static void look_at(uint64_t now_ns, uint64_t want_ns[static ALARMS])
{
	unsigned before[ALARMS];

	for (unsigned i = 0; i < ALARMS; i++) {
		before[i] = things[i].rung;
		things[i].next_ns = NEVER_NS;
	}
	alarms_take(&alarms);
	alarms_run(&alarms, now_ns);
	for (unsigned i = 0; i < ALARMS; i++) {
		bool is_due = want_ns[i] <= now_ns;

		cr_assert(eq(uint, things[i].rung - before[i], is_due), "alarm %u", i);
		if (is_due)
			want_ns[i] = NEVER_NS;
		cr_assert(le(int, things[i].references, 1));
	}
}

Test(alarms, random_times_ring_when_they_are_due_and_the_next_look_is_never_too_late)
{
	struct test_random random = {7};
	uint64_t want_ns[ALARMS], now_ns = 1;

	for (unsigned i = 0; i < ALARMS; i++)
		want_ns[i] = NEVER_NS;
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)(test_random_next(&random) % ALARMS);
		uint64_t next_ns, least_ns = NEVER_NS;

		want_ns[i] = test_random_next(&random) % 4
		                     ? now_ns + test_random_next(&random) % 1000
		                     : NEVER_NS;
		set(i, want_ns[i]);
		if (test_random_next(&random) % 3 == 0)
			look_at(now_ns += test_random_next(&random) % 100, want_ns);
		next_ns = alarms_take(&alarms);
		for (unsigned k = 0; k < ALARMS; k++)
			least_ns = want_ns[k] < least_ns ? want_ns[k] : least_ns;
		cr_assert(le(u64, next_ns, least_ns));
	}
}

/* ---- with threads ---- */

static struct inbox inbox;

static void keep_alarms(void *arg)
{
	uint64_t next_ns = NEVER_NS;

	(void)arg;
	while (inbox_wait_until(&inbox, next_ns)) {
		alarms_take(&alarms);
		alarms_run(&alarms, clock_boot_ns());
		next_ns = alarms_take(&alarms);
		rcu_quiescent_state();
	}
}

struct setter {
	struct thread thread;
	struct thing *thing;
	unsigned early;
};

/* Sets its alarm again and again, to times that are over, near, or put off meanwhile, and waits for
 * it.
 */
static void set_and_wait(void *arg)
{
	struct setter *s = arg;
	struct thing *thing = s->thing;
	struct test_random random = {(uintptr_t)arg};

	for (unsigned i = 0; i < PER_SETTER; i++) {
		unsigned rung = atomic_load(&thing->rung);
		uint64_t now_ns = clock_boot_ns(), at_ns;

		if (alarm_set(&thing->alarm, &alarms, now_ns + 3600 * NS_PER_S))
			inbox_nudge(&inbox);
		at_ns = now_ns + test_random_next(&random) % (300 * NS_PER_US);
		if (alarm_set(&thing->alarm, &alarms, at_ns))
			inbox_nudge(&inbox);
		while (atomic_load(&thing->rung) == rung) {
			rcu_quiescent_state();
			sched_yield();
		}
		s->early += atomic_load(&thing->rung_ns) < at_ns;
	}
}

/* One that is lost would let a setter wait for ever: the suite's timeout ends that. */
Test(alarms, none_is_lost_whoever_sets_them)
{
	static struct setter setter[SETTERS];
	struct thread keeper;

	inbox_init(&inbox, 0);
	cr_assert(
		eq(int, thread_start(&keeper, "keeper", THREAD_WORKER, -1, keep_alarms, NULL), 0));
	for (unsigned i = 0; i < SETTERS; i++) {
		setter[i].thing = &things[i];
		cr_assert(eq(int,
		             thread_start(&setter[i].thread, "setter", THREAD_WORKER, -1,
		                          set_and_wait, &setter[i]),
		             0));
	}
	for (unsigned i = 0; i < SETTERS; i++) {
		thread_join(&setter[i].thread);
		cr_expect(eq(uint, setter[i].early, 0));
		cr_expect(eq(uint, things[i].rung, PER_SETTER));
	}
	inbox_stop(&inbox);
	thread_join(&keeper);
}
