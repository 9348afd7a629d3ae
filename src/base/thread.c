/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rcu.h"

#define NAME_SIZE 16 /* the kernel's, with the terminating zero */

/* What a new thread needs to know; it frees it. */
struct start {
	char name[NAME_SIZE];
	enum thread_role role;
	thread_fn fn;
	void *arg;
};

static _Thread_local enum thread_role current_role = THREAD_NONE;

/* The processors of the process. Taken once, before thread_adopt() pins the first thread: from then
 * on that thread's own mask, which its children inherit, no longer tells what is allowed.
 */
static cpu_set_t allowed_cpus;
static pthread_once_t allowed_cpus_once = PTHREAD_ONCE_INIT;

static void read_allowed_cpus(void)
{
	if (!sched_getaffinity(0, sizeof allowed_cpus, &allowed_cpus))
		return;
	/* More processors than a cpu_set_t can name: use those it can. */
	for (int cpu = 0; cpu < CPU_SETSIZE && cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++)
		CPU_SET(cpu, &allowed_cpus);
}

/* The mask for @cpu, or for any when negative. */
static int cpu_mask(int cpu, cpu_set_t *ret)
{
	pthread_once(&allowed_cpus_once, read_allowed_cpus);
	if (cpu < 0) {
		*ret = allowed_cpus;
		return 0;
	}
	if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed_cpus))
		return -EINVAL;
	CPU_ZERO(ret);
	CPU_SET(cpu, ret);
	return 0;
}

static void *run(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	current_role = start.role;
	pthread_setname_np(pthread_self(), start.name);
	if (start.role == THREAD_HELPER) {
		start.fn(start.arg);
		return NULL;
	}
	rcu_register_thread();
	start.fn(start.arg);
	rcu_unregister_thread();
	return NULL;
}

/* The processors the running thread may use now. */
static void read_own_cpus(cpu_set_t *ret)
{
	if (pthread_getaffinity_np(pthread_self(), sizeof *ret, ret))
		*ret = allowed_cpus; /* more than a cpu_set_t can name */
}

/* The new thread inherits the processors of @mask, as it does the blocked signals: so it never runs
 * elsewhere, and a refusal is known here. (The attribute for it exists in glibc only.)
 */
static int create_on(pthread_t *ret, const cpu_set_t *mask, struct start *start)
{
	cpu_set_t before;
	int r;

	read_own_cpus(&before);
	r = -pthread_setaffinity_np(pthread_self(), sizeof *mask, mask);
	if (r)
		return r;
	r = -pthread_create(ret, NULL, run, start);
	pthread_setaffinity_np(pthread_self(), sizeof before, &before);
	return r;
}

/* Signals are blocked before and not inside: none can reach a thread that has not got so far. */
static int create_blocked(pthread_t *ret, const cpu_set_t *mask, struct start *start)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = create_on(ret, mask, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int thread_start(struct thread *t, const char *name, enum thread_role role, int cpu, thread_fn fn,
                 void *arg)
{
	cpu_set_t mask;
	int r = cpu_mask(cpu, &mask);

	t->running = false;
	if (r)
		return r;
	struct start *start = malloc(sizeof *start);
	if (!start)
		return -ENOMEM;
	*start = (struct start){.role = role, .fn = fn, .arg = arg};
	snprintf(start->name, sizeof start->name, "%s", name);

	r = create_blocked(&t->handle, &mask, start);
	if (r) {
		free(start);
		return r;
	}
	t->running = true;
	return 0;
}

/* Offline while it waits: the other one may itself be waiting for a grace period. */
void thread_join(struct thread *t)
{
	if (!t || !t->running)
		return;
	bool was_online = rcu_read_ongoing();

	if (was_online)
		rcu_thread_offline();
	pthread_join(t->handle, NULL);
	if (was_online)
		rcu_thread_online();
	t->running = false;
}

int thread_adopt(const char *name, enum thread_role role, int cpu)
{
	char short_name[NAME_SIZE];
	cpu_set_t mask;
	int r = cpu_mask(cpu, &mask);

	if (!r)
		r = -pthread_setaffinity_np(pthread_self(), sizeof mask, &mask);
	if (r)
		return r;
	snprintf(short_name, sizeof short_name, "%s", name);
	pthread_setname_np(pthread_self(), short_name);
	current_role = role;
	if (role != THREAD_HELPER)
		rcu_register_thread();
	return 0;
}

enum thread_role thread_role(void)
{
	return current_role;
}

unsigned thread_cpu_count(void)
{
	pthread_once(&allowed_cpus_once, read_allowed_cpus);
	return (unsigned)CPU_COUNT(&allowed_cpus);
}
