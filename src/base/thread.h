/* SPDX-License-Identifier: MIT */
/* thread.h - start, name, pin and join threads; which role the running one has. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

enum thread_role {
	THREAD_NONE, /* before the engine runs; tests */
	THREAD_CONTROL,
	THREAD_TUN,
	THREAD_RX,
	THREAD_WORKER,
	THREAD_GATE,   /* reads handshake messages */
	THREAD_FRONT,  /* answers people, touches no packet */
	THREAD_HELPER, /* may block, touches no packet, no RCU: resolvers, the log */
};

struct thread {
	pthread_t handle;
	bool running;
};

typedef void (*thread_fn)(void *arg);

/* Starts @fn(@arg) as a thread called @name (at most 15 characters, seen in `top -H`) on @cpu, or
 * anywhere when @cpu is negative. All signals are blocked in it. Roles other than THREAD_HELPER are
 * registered with RCU and online when @fn begins. Returns 0 or a negative errno; -EINVAL when @cpu
 * is not one we may use.
 */
int thread_start(struct thread *t, const char *name, enum thread_role role, int cpu, thread_fn fn,
                 void *arg);

/* Waits for the end, RCU offline meanwhile. Nothing to do when it was never started. */
void thread_join(struct thread *t);

/* For the thread that is already running: main() becomes the control thread. Named, pinned and
 * registered with RCU like a new one, but for its signals. Once per thread, before it starts
 * others; 0, or a negative errno and nothing done.
 */
int thread_adopt(const char *name, enum thread_role role, int cpu);

enum thread_role thread_role(void);

/* Debug builds check it; tests run without a role and may call anything. */
#define thread_assert_role(role) assert(thread_role() == (role) || thread_role() == THREAD_NONE)

/* Processors this process may run on, at least 1; how the caller itself is pinned does not matter.
 */
unsigned thread_cpu_count(void);

#endif
