/* SPDX-License-Identifier: MIT */
/* traffic_class.h - which packets are in a hurry, without being told.
 *
 * Urgent is what somebody waits for and is little: packets marked so (DSCP EF, VOICE-ADMIT, CS4 to
 * CS7), ICMP, DNS, the SYN and pure ACKs of TCP, and UDP flows that are *sparse*: small packets at
 * less than 1 Mbit/s, as voice and games. They go over the quickest path, before everything else,
 * and are delivered as they come. The rest is bulk and keeps its order: QUIC takes three packets
 * that overtake for a loss (RFC 9002, 6.1.1), so UDP as such must not be excused from it.
 *
 * A flow that has become bulk is sparse again when nothing of it was for 200 ms: a packet that
 * changed sooner would overtake what is on its way of its own flow. Packets as small as QUIC's
 * acknowledgements count for a 24th: in order they would wait for each other. That is 24 Mbit/s,
 * what a download of 900 Mbit/s is acknowledged with; a flood of them waits like any other.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_TRAFFIC_CLASS_H
#define SCHED_TRAFFIC_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define TRAFFIC_UDP          17u  /* the protocol */
#define TRAFFIC_FLOWS        256u /* a power of two; two flows in one place count as one */
#define TRAFFIC_TINY_BYTES   128u
#define TRAFFIC_TINY_SHARE   24u /* one byte of so many in packets as small counts */
#define TRAFFIC_SMALL_BYTES  600u
#define TRAFFIC_SPARSE_BYTES 12500u /* in TRAFFIC_WINDOW_NS: 1 Mbit/s */
#define TRAFFIC_WINDOW_NS    (100 * NS_PER_MS)
#define TRAFFIC_REST_NS      (200 * NS_PER_MS)

enum traffic_class {
	TRAFFIC_BULK,
	TRAFFIC_URGENT,
};

/* What is looked at of a packet, or of the first one of a super-packet. */
struct traffic_facts {
	uint32_t flow;                          /* hash of addresses, protocol and ports */
	uint32_t bytes;                         /* of the inner packet; of all of a super-packet */
	uint32_t packet_bytes;                  /* of the inner packet, or the first of them */
	uint16_t source_port, destination_port; /* 0: it has none, or is a fragment */
	uint8_t protocol;                       /* of IP, behind extension headers */
	uint8_t dscp;
	bool is_tcp_control; /* TCP without payload: SYN or pure ACK */
	bool is_v6;
	const uint8_t *source, *destination; /* addresses, in the packet; NULL: not known */
};

struct traffic_flow {
	uint64_t window_ns, bulk_ns; /* 0: never seen; never was bulk */
	uint32_t window_bytes;
};

/* All zero at first. */
struct traffic_classes {
	struct traffic_flow flow[TRAFFIC_FLOWS];
};

/* Whether what was seen of its flow before counts: of UDP. */
static inline bool traffic_needs_memory(const struct traffic_facts *facts)
{
	return facts->protocol == TRAFFIC_UDP;
}

/* @c may be NULL: nothing was seen before, and UDP is bulk unless it is marked, or of DNS. */
enum traffic_class traffic_classify(struct traffic_classes *c, const struct traffic_facts *facts,
                                    uint64_t now_ns);

#endif
