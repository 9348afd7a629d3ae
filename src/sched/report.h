/* SPDX-License-Identifier: MIT */
/* report.h - what a receiver tells the sender of what arrived: the body of a REPORT frame.
 *
 * A report says everything anew, of all paths at once, so that nothing needs to be repeated: one
 * that is lost is made up for by the next, and of several that come over different paths only the
 * newest is looked at (report_is_newer()). An older one would show packets as missing that have
 * long arrived.
 *
 * Times are microseconds of the receiver's clock, of any origin. Times and counts wrap at 2^32, and
 * only differences of them mean anything. Counters are told by their lower 32 bits: the sender
 * knows the others.
 *
 * Byte for byte, little endian (body of the frame, docs/protocol.md "Frames"):
 *
 *     0 number, rises by one                 u32     of each path:
 *     4 time of writing                      u32      0 sender's path id                        u8
 *     8 receiver index of the newest keypair u32      1 flags REPORT_*                          u8
 *    12 paths in it                          u8       2 reordering inside it, 10 us            u16
 *    13 ranges in it                         u8       4 counter of the newest data that came   u32
 *    14 reserved                             u16      8 when that came                         u32
 *    16 lowest ordered counter not settled   u64     12 datagrams of data that came up to it   u32
 *    24 the paths, 32 bytes each                     16 their bytes                            u32
 *       then the ranges, 4 bytes each:               20 time of the newest probe, from it      u32
 *       counters from the lowest one    u24          24 when that came                         u32
 *       how many                         u8          28 rate of a train of probes, kbit/s      u32
 */
#ifndef SCHED_REPORT_H
#define SCHED_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define REPORT_RANGES_MAX  64u
#define REPORT_REACH       8192u /* a range begins within so many counters of the lowest one */
#define REPORT_HEAD_BYTES  24u
#define REPORT_PATH_BYTES  32u
#define REPORT_RANGE_BYTES 4u
#define REPORT_BYTES_MAX \
	(REPORT_HEAD_BYTES + PATHS_MAX * REPORT_PATH_BYTES + REPORT_RANGES_MAX * REPORT_RANGE_BYTES)

#define REPORT_DATA      0x01u /* data under that keypair has come over the path */
#define REPORT_UNORDERED 0x02u /* the newest of it in LANE_UNORDERED, else in LANE_ORDERED */
#define REPORT_PROBE     0x04u /* a probe has come over it */

struct report_path {
	uint8_t path_id; /* the sender's */
	uint8_t flags;
	uint32_t reorder_us; /* a packet may come so much later than one sent after it */
	uint32_t newest;
	uint32_t newest_us;
	uint32_t packets, bytes;
	uint32_t probe_us, probe_came_us;
	uint32_t train_kbps; /* 0: no train came */
};

/* Ordered counters that have not come, though later ones have. */
struct report_range {
	uint32_t offset; /* from the lowest counter that is not settled */
	uint32_t len;    /* 1 .. 255 */
};

struct report {
	uint32_t number;
	uint32_t time_us;
	uint32_t key;  /* the receiver's index of the keypair that all counters belong to */
	uint64_t next; /* everything below has come or was given up */
	unsigned paths, ranges;
	struct report_path path[PATHS_MAX];
	struct report_range range[REPORT_RANGES_MAX];
};

/* Whether a report with @number is to be looked at after that with @last. */
static inline bool report_is_newer(uint32_t number, uint32_t last)
{
	return (int32_t)(number - last) > 0;
}

/* Writes the body of the frame, at most REPORT_BYTES_MAX bytes. Returns its length. */
size_t report_encode(const struct report *report, uint8_t body[static REPORT_BYTES_MAX]);

/* False: @body is none. Bytes behind what the counts say are not looked at. */
bool report_decode(struct report *ret, const uint8_t *body, size_t len);

#endif
