/* SPDX-License-Identifier: MIT */
/* sendlog.h - what was sent over one path: a record for each run of consecutive counters.
 *
 * Runs rather than packets, because a path takes packets in runs: at 1 Gbit/s some thousand records
 * say what 35,000 packets would. There is a ring for each lane of data, since counters rise in one
 * lane only, and so the run of a counter is found by bisection.
 *
 * A ring begins with SENDLOG_RUNS_MIN records and doubles while what it would forget is younger
 * than SENDLOG_KEPT_NS, up to SENDLOG_RUNS_MAX; then, or without memory, the oldest gives way.
 * sendlog_rest() makes it small again. So an idle peer costs a few hundred bytes for each path that
 * it ever used, and nothing for the others.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_SENDLOG_H
#define SCHED_SENDLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define SENDLOG_LANES    2u    /* LANE_ORDERED and LANE_UNORDERED */
#define SENDLOG_RUNS_MIN 16u   /* a power of two, as the next one */
#define SENDLOG_RUNS_MAX 8192u /* of one packet each at 20,000 packets/s, for SENDLOG_KEPT_NS */
#define SENDLOG_KEPT_NS  (400 * NS_PER_MS) /* nobody can miss anything that is older */

/* Consecutive counters of one lane under one keypair, sent over one path. 64 bytes: a line of the
 * cache.
 */
struct send_record {
	uint64_t first;          /* the counters are first .. first + packets - 1 */
	uint64_t t_tx_ns;        /* when they were numbered; once it is known, when they left */
	uint64_t bytes_before;   /* over this path before them, in whatever lane */
	uint64_t packets_before; /* the same in packets */
	uint64_t resent;         /* a bit for each of the first 64 that was sent once more */
	int64_t corrected_ns;    /* by how much the virtual queue had been corrected in all, ... */
	uint32_t queue_ns;       /* ... and how long it was before them (virtual_queue.h) */
	uint32_t bytes;          /* of their inner packets */
	uint32_t packets;        /* above 0 */
	uint32_t epoch;          /* counts the keypairs used so far: rises from record to record */
};

_Static_assert(sizeof(struct send_record) == 64, "a line of the cache");

struct send_ring {
	struct send_record *record; /* NULL: nothing was ever sent */
	uint32_t capacity;          /* a power of two */
	uint32_t len;               /* records in it, the newest written_at - 1 */
	uint64_t written_at;        /* records ever written; their place modulo capacity */
};

/* All zero: nothing was sent. */
struct sendlog {
	uint64_t bytes, packets; /* of all records ever written */
	struct send_ring ring[SENDLOG_LANES];
};

/* Frees what it holds, and is empty. */
void sendlog_fini(struct sendlog *log);

/* A run was numbered at @now_ns; @record has first, bytes, packets, epoch and what stood in the
 * virtual queue. Epochs never fall, and in one epoch and lane first rises.
 */
void sendlog_add(struct sendlog *log, unsigned lane, const struct send_record *record,
                 uint64_t now_ns);

/* The record of @counter, or NULL: it went over another path, or is forgotten. Valid until the next
 * call that is not const.
 */
const struct send_record *sendlog_find(const struct sendlog *log, unsigned lane, uint32_t epoch,
                                       uint64_t counter);

/* The record written @back records ago, 0 the newest; NULL: it is forgotten. */
const struct send_record *sendlog_back(const struct sendlog *log, unsigned lane, uint32_t back);

/* The run with @counter left at @at_ns, which is later than it was numbered. False: it is not
 * there.
 */
bool sendlog_departed(struct sendlog *log, unsigned lane, uint32_t epoch, uint64_t counter,
                      uint64_t at_ns);

/* @counter is sent once more, over whatever path. False: it was before, or is not one of the first
 * 64 of a record that is still there.
 */
bool sendlog_resend(struct sendlog *log, unsigned lane, uint32_t epoch, uint64_t counter);

/* Packets without a number of this path's own (repairs, copies) went over it as well. */
static inline void sendlog_count(struct sendlog *log, uint32_t bytes, uint32_t packets)
{
	log->bytes += bytes;
	log->packets += packets;
}

/* Whether sendlog_rest() would free something. */
bool sendlog_is_large(const struct sendlog *log);

/* Nothing was sent for longer than SENDLOG_KEPT_NS: forgets everything but the sums. */
void sendlog_rest(struct sendlog *log);

#endif
