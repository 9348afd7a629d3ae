/* SPDX-License-Identifier: MIT */
/* wait.h - waits of a benchmark that has things to remove: all are bounded, and a signal ends them.
 *
 * From wait_init() on SIGINT, SIGTERM and SIGHUP are blocked and only noticed here: every wait that
 * is not for tidying up then returns -EINTR, at once and for good, so that the way out is the
 * ordinary one. One thread. Times are nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef BENCH_WAIT_H
#define BENCH_WAIT_H

#include <stdint.h>

#define WAIT_FDS_MAX   4u
#define NS_PER_SECOND  1000000000ull
#define NS_PER_MS      1000000ull
#define WAIT_NO_SIGNAL 0

/* Returns 0 or a negative errno. SIGPIPE is ignored as well: a reader that left must not keep the
 * namespaces from being removed.
 */
int wait_init(void);

/* The signals are as before again; one that came meanwhile is not delivered. */
void wait_fini(void);

/* The signal that came since wait_init(), or WAIT_NO_SIGNAL. */
int wait_signal(void);

/* In a forked child: signals as a new program expects them. */
void wait_reset_signals(void);

uint64_t wait_now_ns(void);
uint64_t wait_deadline_ns(uint64_t from_now_ns);

/* Until one of @count (at most WAIT_FDS_MAX) descriptors is readable or hung up. Returns its
 * position, -ETIMEDOUT or -EINTR.
 */
int wait_readable(const int *fds, unsigned count, uint64_t deadline_ns);

/* The same for one descriptor, when a signal was received or not: for tidying up. 0 or -ETIMEDOUT.
 */
int wait_readable_regardless(int fd, uint64_t deadline_ns);

/* Until @deadline_ns. Returns 0 or -EINTR. */
int wait_until(uint64_t deadline_ns);

#endif
