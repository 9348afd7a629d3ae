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

/* Consecutive counters of one lane under one keypair, sent over one path. */
struct send_record {
	uint64_t first;          /* the counters are first .. first + packets - 1 */
	uint64_t t_tx_ns;        /* when they were numbered */
	uint64_t bytes_before;   /* over this path before them, in whatever lane */
	uint64_t packets_before; /* the same in packets */
	uint32_t bytes;          /* of their inner packets */
	uint32_t packets;        /* above 0 */
	uint32_t epoch;          /* counts the keypairs used so far: rises from record to record */
};

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

/* A run was numbered at @now_ns; @record has first, bytes, packets and epoch. Epochs never fall,
 * and in one epoch and lane first rises.
 */
void sendlog_add(struct sendlog *log, unsigned lane, const struct send_record *record,
                 uint64_t now_ns);

/* The record of @counter, or NULL: it went over another path, or is forgotten. Valid until the next
 * call that is not const.
 */
const struct send_record *sendlog_find(const struct sendlog *log, unsigned lane, uint32_t epoch,
                                       uint64_t counter);

/* Whether sendlog_rest() would free something. */
bool sendlog_is_large(const struct sendlog *log);

/* Nothing was sent for longer than SENDLOG_KEPT_NS: forgets everything but the sums. */
void sendlog_rest(struct sendlog *log);

#endif
