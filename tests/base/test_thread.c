/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

#include "../emulation.h"
#include "base/rcu.h"
#include "base/thread.h"

/* What a thread saw of itself; the test's thread asserts. */
struct seen {
	enum thread_role role;
	bool is_online;
	char name[32];
	sigset_t blocked;
	cpu_set_t cpus;
};

static void look(void *arg)
{
	struct seen *seen = arg;

	seen->role = thread_role();
	seen->is_online = rcu_read_ongoing();
	pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
	pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
	pthread_getaffinity_np(pthread_self(), sizeof seen->cpus, &seen->cpus);
}

static struct seen start_and_look(const char *name, enum thread_role role, int cpu)
{
	struct seen seen = {0};
	struct thread t;

	cr_assert(eq(int, thread_start(&t, name, role, cpu, look, &seen), 0));
	thread_join(&t);
	cr_assert(not(t.running));
	return seen;
}

static int last_allowed_cpu(void)
{
	cpu_set_t mask;
	int cpu = CPU_SETSIZE - 1;

	sched_getaffinity(0, sizeof mask, &mask);
	while (!CPU_ISSET(cpu, &mask))
		cpu--;
	return cpu;
}

Test(thread, every_role_is_known_to_itself_and_registered_but_the_helper)
{
	for (enum thread_role role = THREAD_CONTROL; role <= THREAD_HELPER; role++) {
		struct seen seen = start_and_look("t", role, -1);

		cr_expect(eq(int, seen.role, role));
		cr_expect(eq(int, seen.is_online, role != THREAD_HELPER));
	}
	cr_expect(eq(int, thread_role(), THREAD_NONE));
}

Test(thread, name_is_set_and_cut_to_what_the_kernel_keeps)
{
	cr_expect(eq(str, start_and_look("rx-lte0", THREAD_RX, -1).name, (char *)"rx-lte0"));
	cr_expect(eq(str, start_and_look("123456789012345678", THREAD_RX, -1).name,
	             (char *)"123456789012345"));
}

Test(thread, all_signals_are_blocked_in_it_and_none_more_in_the_starter)
{
	sigset_t before, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	struct seen seen = start_and_look("t", THREAD_WORKER, -1);
	pthread_sigmask(SIG_SETMASK, NULL, &after);

	for (int s = 1; s <= SIGRTMAX; s++) {
		if (s == SIGKILL || s == SIGSTOP || (s >= 32 && s < SIGRTMIN))
			continue; /* cannot be blocked, or are the C library's */
		if (s >= SIGRTMAX - 1 && is_emulated())
			continue; /* the emulator's */
		cr_expect(eq(int, sigismember(&seen.blocked, s), 1), "signal %d", s);
		cr_expect(eq(int, sigismember(&after, s), sigismember(&before, s)), "signal %d", s);
	}
}

Test(thread, pinned_runs_on_that_processor_alone)
{
	int cpu = last_allowed_cpu();
	struct seen seen = start_and_look("t", THREAD_WORKER, cpu);

	cr_expect(eq(int, CPU_COUNT(&seen.cpus), 1));
	cr_expect(eq(int, !!CPU_ISSET(cpu, &seen.cpus), 1));
}

static void do_nothing(void *arg)
{
	(void)arg;
}

Test(thread, processor_we_may_not_use_is_refused)
{
	static const int table[] = {CPU_SETSIZE - 1, CPU_SETSIZE, INT32_MAX};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct thread t;

		cr_expect(eq(int, thread_start(&t, "t", THREAD_RX, table[i], do_nothing, NULL),
		             -EINVAL));
		thread_join(&t); /* harmless after a failed start */
		cr_expect(eq(int, thread_adopt("t", THREAD_CONTROL, table[i]), -EINVAL));
	}
	cr_expect(eq(int, thread_role(), THREAD_NONE));
}

Test(thread, pinned_control_thread_does_not_narrow_what_others_may_use)
{
	cpu_set_t all, own;
	unsigned count = thread_cpu_count();

	sched_getaffinity(0, sizeof all, &all);
	cr_assert(eq(uint, count, (unsigned)CPU_COUNT(&all)));
	cr_assert(eq(int, thread_adopt("control", THREAD_CONTROL, last_allowed_cpu()), 0));

	pthread_getaffinity_np(pthread_self(), sizeof own, &own);
	cr_expect(eq(int, CPU_COUNT(&own), 1));
	cr_expect(eq(uint, thread_cpu_count(), count));
	struct seen anywhere = start_and_look("t", THREAD_WORKER, -1);
	cr_expect(eq(int, !!CPU_EQUAL(&anywhere.cpus, &all), 1));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		struct seen pinned = start_and_look("t", THREAD_RX, cpu);
		cr_expect(eq(int, !!CPU_ISSET(cpu, &pinned.cpus), 1), "processor %d", cpu);
	}
	pthread_getaffinity_np(pthread_self(), sizeof own, &own);
	cr_expect(eq(int, CPU_COUNT(&own), 1), "starting others does not move the starter");
	cr_expect(eq(int, !!CPU_ISSET(last_allowed_cpu(), &own), 1));
	rcu_unregister_thread();
}

Test(thread, adopted_thread_has_name_and_role_and_is_registered)
{
	struct seen seen;

	cr_assert(eq(int, thread_adopt("control", THREAD_CONTROL, -1), 0));
	look(&seen);
	cr_expect(eq(int, seen.role, THREAD_CONTROL));
	cr_expect(seen.is_online);
	cr_expect(eq(str, seen.name, (char *)"control"));
	rcu_unregister_thread();
}

Test(thread, join_of_what_never_ran_does_nothing)
{
	struct thread t = {0};

	thread_join(&t);
	thread_join(NULL);
	cr_expect(not(t.running));
}

static void wait_for_readers(void *arg)
{
	synchronize_rcu();
	atomic_store((_Atomic bool *)arg, true);
}

/* Were it online, the two would wait for each other. */
Test(thread, join_goes_offline_while_it_waits, .timeout = 20)
{
	_Atomic bool done = false;
	struct thread t;

	cr_assert(eq(int, thread_adopt("control", THREAD_CONTROL, -1), 0));
	cr_assert(eq(int, thread_start(&t, "t", THREAD_WORKER, -1, wait_for_readers, &done), 0));
	thread_join(&t);
	cr_expect(atomic_load(&done));
	cr_expect(ne(int, rcu_read_ongoing(), 0));
	rcu_unregister_thread();
}
