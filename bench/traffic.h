/* SPDX-License-Identifier: MIT */
/* traffic.h - packets written to one device and read from another, counted and checked for order.
 *
 *      source ──► queues of the sender ┐                      ┌► sink ── credit ──► source
 *      pings  ──►                      ├► (what is measured) ─┤
 *                                      ┘                      └─ arrival times ──► pings
 *
 * All packets are TCP segments of IPv4, as a kernel with offloads hands them over: checksums left
 * undone, either packet by packet or many segments in one super-packet. The TCP sequence number
 * tells the sink what must come next in each flow; a flow stays on one queue. What is on its way is
 * bounded: a source with no credit left sleeps until half of it came back.
 *
 * The threads are not registered with RCU. All functions are for the thread that created the
 * traffic.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/flow.h"

#define TRAFFIC_FLOWS_MAX    256u
#define TRAFFIC_SEGMENTS_MAX 1024u

struct traffic_settings {
	unsigned flows;         /* 1 .. TRAFFIC_FLOWS_MAX */
	unsigned size;          /* of each packet in bytes, above FLOW_HEADERS */
	unsigned segments;      /* in a super-packet; 0: one packet per write */
	unsigned window_pkts;   /* on their way at most; above 0 */
	unsigned queues;        /* of the sender's device */
	const int *source_fd;   /* blocking, one per queue; packets are kept apart */
	int sink_fd;            /* likewise */
	uint8_t from[4], to[4]; /* inner addresses, network byte order */
};

struct traffic;

/* Starts the sink. Returns 0 or a negative errno. */
int traffic_create(const struct traffic_settings *set, struct traffic **ret);

/* Ends the sink; nobody may write to the receiver's device any more. NULL is allowed. */
void traffic_destroy(struct traffic *t);

/* Starts to send, @rate packets per second (0: as fast as possible). Returns 0 or a negative errno.
 */
int traffic_start(struct traffic *t, double rate);

/* Asks the source to end, which it does when everything has arrived or is found to be lost. */
void traffic_finish(struct traffic *t);

/* Waits for it. With @by_force the sender's device is closed first: it takes no packets any more.
 */
void traffic_join(struct traffic *t, bool by_force);

/* Starts to measure at least @samples round trips, and for @time_ns: a lone packet of a flow of its
 * own, the next one when it has arrived. Returns 0 or a negative errno.
 */
int traffic_ping(struct traffic *t, unsigned samples, uint64_t time_ns);

/* Waits for their end. Returns how many samples there are, in microseconds from the write to the
 * read, at *@ret_us until the next traffic_ping().
 */
unsigned traffic_join_pings(struct traffic *t, double **ret_us);

/* Readable when the source or the pings have ended, until they are joined. */
int traffic_source_done_fd(const struct traffic *t);
int traffic_pings_done_fd(const struct traffic *t);

/* Processor time of the threads of this module so far, in nanoseconds. While the source runs. */
uint64_t traffic_cpu_ns(const struct traffic *t);

struct traffic_counts {
	uint64_t sent, received; /* packets of the flows */
	uint64_t pings, pongs;   /* lone packets sent and received */
	uint64_t stalls;        /* nothing arrived for a second although something was on its way */
	uint64_t disordered;    /* came behind a later one of their flow */
	uint64_t disordered_at; /* the newest of them: behind so many received */
	uint64_t malformed;     /* writes that no kernel would take, or of none of the flows */
};
struct traffic_counts traffic_counts(const struct traffic *t);

#endif
