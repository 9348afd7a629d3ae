/* SPDX-License-Identifier: MIT */
/* arrivals.h - what has come over each path of one peer: of this a report is made (report.h).
 *
 * Every datagram of data counts, copies too that the replay window refuses: else they would look
 * lost to the sender. The times are those at which the kernel received the datagrams; of a train
 * that the kernel handed over as one only the first has such a time, so the others are told with
 * the same one: the newest of a path is then at most a train's length too early, the same for every
 * report, and differences stay true.
 *
 * Reordering inside a path is how long ago something sent later came over the same path when a
 * packet comes that nobody had to send again: the greatest of late, which fades.
 *
 * Paths are told by the number that they have at the sender, known from its probes: of one without
 * nothing is said. Both ends number by themselves.
 *
 * When the next report is due goes by what came: one every ARRIVALS_LOAD_NS while reports over all
 * paths are no more than a hundredth of the data, half as many for less data (a sender that hears
 * nothing for longer would take the path for dead), and few for probes alone, but for the first of
 * a path and the end of a train: a sender that knows nothing yet waits for them.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_ARRIVALS_H
#define SCHED_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/report.h"
#include "sched/reseq.h"

#define ARRIVALS_LOAD_NS  (10 * NS_PER_MS)
#define ARRIVALS_SOME_NS  (20 * NS_PER_MS)
#define ARRIVALS_FIRST_NS (20 * NS_PER_MS) /* the first probe of a path, or a whole train */
#define ARRIVALS_PROBE_NS (250 * NS_PER_MS) /* probes alone */

#define ARRIVALS_PASSED 16u /* moments remembered of each path, at least 1 ms apart */
#define ARRIVALS_LANES  2u  /* LANE_ORDERED and LANE_UNORDERED */
#define TRAIN_LEAD      8u  /* datagrams of a train that fill the queue and are not measured */
#define TRAIN_LENGTH    48u /* datagrams of a train */
#define TRAIN_MEASURED  16u /* of them must have come for a rate */

/* A greater rate is that of a bucket which had saved for it, or of datagrams that the kernel joined
 * and gave one time: nothing is known then.
 */
#define TRAIN_KBPS_MAX 10000000u

/* All zero: nothing came. */
struct arrivals_path {
	uint64_t end[ARRIVALS_LANES]; /* highest counter of this keypair, plus one */
	uint8_t lane;                 /* of the newest of them */
	bool is_named;
	uint8_t name; /* the sender's id of the path, if named */
	bool has_probe;
	uint64_t newest_ns; /* when the newest came; 0: none */
	uint32_t packets, bytes;
	uint32_t newest_packets, newest_bytes; /* of those, up to the newest */
	struct {
		uint64_t end, at_ns; /* ordered counters below had been overtaken then */
	} passed[ARRIVALS_PASSED];
	unsigned passed_at; /* where the next goes */
	uint32_t reorder_us;
	uint64_t reorder_at_ns; /* when it was greatest, or faded last */
	uint32_t probe_us;
	uint64_t probe_ns;
	uint32_t train_packets;
	uint32_t train_bytes; /* behind the lead, with what came between */
	uint32_t train_data;  /* carried of data when the last of them came */
	uint64_t train_from_ns, train_to_ns;
	uint64_t train_gap_ns; /* the longest between two of those measured, ... */
	uint32_t train_gap_bytes; /* ... and the length of the one behind it */
};

struct arrivals {
	uint32_t number;      /* of the last report */
	uint64_t reported_ns; /* when it was made, and what it weighs with its copies */
	uint32_t report_bytes;
	uint32_t untold_bytes; /* of the data that came since */
	bool has_untold;       /* anything came since, ... */
	bool has_first;        /* ... for which a sender waits */
	uint32_t key;
	uint64_t asked_next; /* the ordered counters that the last report called missing */
	unsigned asked_len;
	struct report_range asked[REPORT_RANGES_MAX];
	struct arrivals_path path[PATHS_MAX];
};

/* Another keypair is the newest one, our @key; its counters begin anew. What still comes under
 * older ones is told with arrivals_old().
 */
void arrivals_begin(struct arrivals *a, uint32_t key);

/* A datagram of @bytes with @counter in @lane, under the newest keypair, came over @path. */
void arrivals_data(struct arrivals *a, unsigned path, unsigned lane, uint64_t counter,
                   uint32_t bytes, uint64_t rx_ns);

/* The same under an older keypair. */
static inline void arrivals_old(struct arrivals *a, unsigned path, uint32_t bytes)
{
	a->path[path].packets++;
	a->path[path].bytes += bytes;
	a->untold_bytes += bytes;
	a->has_untold = true;
}

/* The sender calls @path @name, below PATHS_MAX. Another name than before, and it is another path
 * over which nothing came yet; no two have one name.
 */
void arrivals_name(struct arrivals *a, unsigned path, uint8_t name);

/* A probe that left at @t_tx_us of the sender's clock. */
void arrivals_probe(struct arrivals *a, unsigned path, uint32_t t_tx_us, uint64_t rx_ns);

/* A datagram of @bytes of a train of probes: TRAIN_LENGTH of them, sent at once. Data that comes
 * between them counts too. Should there be a gap of a quarter of it, that is left out: a busy
 * sender paused, not the line.
 */
void arrivals_train(struct arrivals *a, unsigned path, uint32_t bytes, uint64_t rx_ns);

/* When the next report is to be made; NEVER_NS: there is nothing new to tell. */
uint64_t arrivals_due_ns(const struct arrivals *a);

/* There is no time for a report now: the next is due as if one had been made. */
static inline void arrivals_put_off(struct arrivals *a, uint64_t now_ns)
{
	a->reported_ns = now_ns;
}

/* The report to send now. @order is that of the ordered lane, in which the newest keypair's number
 * n has the place @offset + n (wrapping); NULL: nothing of that keypair is in order yet.
 */
void arrivals_report(struct arrivals *a, const struct reseq *order, uint64_t offset,
                     uint64_t now_ns, struct report *ret);

#endif
