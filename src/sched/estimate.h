/* SPDX-License-Identifier: MIT */
/* estimate.h - what the probes of one path tell: round trip, its variation, loss each way.
 *
 * Round trip as in RFC 6298 (gains 1/8 and 1/4); jitter as in RFC 3550 6.4.1, over round trips.
 * Loss compares two growing counts of the same direction between two probes: what the sender put on
 * the path and what the receiver heard of it; both wrap at 2^32.
 */
#ifndef SCHED_ESTIMATE_H
#define SCHED_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

/* Loss of one direction. All zero: nothing known. One thread. */
struct loss_estimate {
	bool has_base;
	uint32_t sent;     /* the sender's count at the start of the window */
	uint32_t received; /* and the receiver's */
	bool is_known;
	double ratio; /* 0 .. 1, moving average over windows, gain 1/4 */
};

/* A window closes after this many datagrams, or after 16 probes of an idle path. */
#define LOSS_WINDOW_PKTS   64u
#define LOSS_WINDOW_PROBES 16u

struct path_estimate {
	bool has_rtt;
	uint64_t srtt_ns;
	uint64_t rttvar_ns;
	uint64_t rtt_min_ns;
	uint64_t rtt_last_ns;
	uint64_t jitter_ns;
	struct loss_estimate tx; /* from us to the peer, as its answers tell */
	struct loss_estimate rx;
	unsigned tx_probes; /* since the window began */
	unsigned rx_probes;
};

void estimate_rtt(struct path_estimate *est, uint64_t rtt_ns);

/* Two counts taken at the same probe, for the direction away from us (from an ECHO) and towards us
 * (from a PROBE). A count that went backwards (the other side restarted) or a receiver far ahead of
 * the sender begins a new window. Small overshoot, from packets that overtook, counts as no loss.
 */
void estimate_loss_tx(struct path_estimate *est, uint32_t sent, uint32_t received);
void estimate_loss_rx(struct path_estimate *est, uint32_t sent, uint32_t received);

/* How long after its sending a probe without an answer is overdue: srtt + max(4 rttvar, 5 ms) +
 * @slack_ns, and one second while no round trip is known.
 */
uint64_t estimate_overdue_ns(const struct path_estimate *est, uint64_t slack_ns);

#endif
