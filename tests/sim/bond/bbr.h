/* SPDX-License-Identifier: MIT */
/* bbr.h - the rate and window of a connection: BBR version 1 as Linux has it (tcp_bbr.c), which
 * paces at what it measured of the bottleneck and keeps two bandwidth-delay products on their way.
 *
 * Left out: the policer of long-term bandwidth, the allowance for ACKs that come in bulk, and what
 * happens to the window in recovery: single losses change nothing. Loss detection is that of tcp.h.
 */
#ifndef BOND_BBR_H
#define BOND_BBR_H

#include <stdint.h>

#define BBR_ROUNDS 10u /* in which the greatest rate counts */

struct tcp;

enum bbr_mode {
	BBR_STARTUP,
	BBR_DRAIN,
	BBR_PROBE_BANDWIDTH,
	BBR_PROBE_RTT,
};

struct bbr {
	enum bbr_mode mode;
	double rate[BBR_ROUNDS]; /* packets per ns, the greatest of each round */
	unsigned round;
	int64_t round_end; /* delivered, when the round is over */
	double full_rate;
	unsigned full_rounds;
	uint64_t least_rtt_ns, least_at_ns; /* and when it was met */
	unsigned phase;
	uint64_t phase_at_ns, probed_until_ns;
	double prior_window;
	double pacing; /* packets per ns; 0: as fast as can be */
};

void bbr_begin(struct tcp *t);

/* @newly packets were acknowledged; the newest of them had been sent at @sent_ns when @delivered
 * had been, the last of those at @delivered_ns.
 */
void bbr_acknowledged(struct tcp *t, int newly, uint64_t sent_ns, int64_t delivered,
                      uint64_t delivered_ns);

#endif
