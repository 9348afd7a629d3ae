/* SPDX-License-Identifier: MIT */
/* echo.h - round trip times by ICMP echo (RFC 792), as `ping` measures them.
 *
 * Requests of 64 bytes ICMP; the kernel's time stamp of the reply counts, so how soon we are woken
 * up does not.
 */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <stdint.h>

#include "bench/netns.h"
#include "bench/process.h"

struct echo_result {
	unsigned answered;
	double *rtt_us; /* the caller's array of as many as are sent; the first @answered are set */
};

/* Sends @count requests (1 .. 65535), one every @interval_ns, and waits up to a second for the last
 * replies. Returns 0, -EINTR, or the negative errno of a socket call.
 */
int echo_measure(const struct netns *from, const char *address, unsigned count,
                 uint64_t interval_ns, struct echo_result *result);

/* Asks every 20 ms until the first answer; an address that cannot be reached yet is no failure.
 * Returns 0, -ETIMEDOUT, -EINTR, -ECHILD when one of @daemons (those that are none do not count)
 * ended meanwhile, or the negative errno of a socket call.
 */
int echo_wait_answer(const struct netns *from, const char *address, const struct process *daemons,
                     unsigned daemon_count, uint64_t deadline_ns);

#endif
