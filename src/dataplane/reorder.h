/* SPDX-License-Identifier: MIT */
/* reorder.h - the packets of a bonded peer that wait for their turn.
 *
 * sched/receiver.h decides; this holds the bytes. Only packets out of turn are copied here, so that
 * a batch goes home at once and a long wait cannot empty the pools. A peer gets one when it is
 * found to be bonded. Everything runs in the emitting role of the peer's `arriving` sequencer.
 */
#ifndef DATAPLANE_REORDER_H
#define DATAPLANE_REORDER_H

#include <stddef.h>
#include <stdint.h>

#define REORDER_HELD_MAX 4096u /* fewer packets wait; at so many the oldest gap is given up */

struct arrivals;
struct dp_peer;
struct dp_thread;
struct keypair;
struct patience;
struct reorder;
struct report;

/* Where packets go whose turn it is. */
struct reorder_sink {
	struct dp_thread *self;
	struct dp_peer *peer;
	/* May keep @packet until the next flush. */
	void (*deliver)(struct dp_thread *self, struct dp_peer *peer, uint8_t *packet, size_t len);
	/* Lets go of all packets delivered. */
	void (*flush)(struct dp_thread *self);
};

/* For packets of up to @packet_bytes; longer ones do not wait for their turn. Memory is mapped now,
 * touched as needed. NULL without it.
 */
struct reorder *reorder_create(size_t packet_bytes);
void reorder_destroy(struct reorder *r);

/* A payload that came in the ordered lane under @kp with number @seq over @path (PATH_NONE:
 * unknown). @len 0 keeps its place without being delivered. Delivers everything whose turn it is.
 */
void reorder_put(struct reorder *r, const struct reorder_sink *sink, const struct keypair *kp,
                 uint64_t seq, unsigned path, uint8_t *packet, size_t len, uint64_t now_ns);

/* Delivers what may go because time has passed, and flushes. Returns when to ask again, NEVER_NS
 * for not at all. At the end of every batch.
 */
uint64_t reorder_run(struct reorder *r, const struct reorder_sink *sink, uint64_t now_ns);

/* The report of @arrivals: what is missing in it is what keeps packets waiting here. */
void reorder_report(const struct reorder *r, struct arrivals *arrivals, uint64_t now_ns,
                    struct report *ret);

/* For how long gaps are kept open for repairs, see reseq_expect_repair(); NULL: there are none. */
void reorder_expect_repairs(struct reorder *r, const struct patience *patience);

/* Whether what keeps packets waiting is a gap that no path can fill any more, but a repair: its
 * place, else UINT64_MAX.
 */
uint64_t reorder_passed_gap(const struct reorder *r);

/* A probe over @path: see receiver_probed(). */
void reorder_probed(struct reorder *r, unsigned path, int32_t owd_us);

#endif
