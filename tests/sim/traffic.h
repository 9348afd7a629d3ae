/* SPDX-License-Identifier: MIT */
/* traffic.h - packets through the tunnels, each of which is known again where it comes out.
 *
 * Every node sends to each of its peers at a steady pace, or nothing while the traffic rests. A
 * packet carries who sent it and its number. It may be lost on the way, but it comes out once,
 * where its address belongs, and unchanged.
 */
#ifndef SIM_TRAFFIC_H
#define SIM_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

struct node;
struct world;

#define TRAFFIC_FLOWS_MAX 12u
#define TRAFFIC_PER_FLOW  32768u

/* What one node sends to one of its peers. */
struct flow {
	unsigned node, peer;  /* who sends, and which of its peers */
	uint32_t sent;        /* numbers used */
	uint64_t sent_ns[64]; /* of the last ones, by number */
	uint32_t came;        /* how many */
	uint64_t came_ns;     /* when the last one did; 0: never */
	uint64_t gap_ns;      /* the longest time without one since it was set to 0 */
	uint8_t *has_come;    /* a bit for each number */
};

struct traffic {
	uint64_t interval_ns;
	uint64_t next_ns; /* NEVER_NS: it rests */
	uint32_t mute;    /* nodes that send nothing, a bit each */
	struct flow flow[TRAFFIC_FLOWS_MAX];
	unsigned flow_count;
};

void traffic_init(struct traffic *traffic);
void traffic_fini(struct traffic *traffic);

/* From now on a packet every @interval_ns in each flow; 0: none. */
void traffic_set_pace(struct traffic *traffic, uint64_t interval_ns);

/* A packet in each flow whose node runs. */
void traffic_send(struct world *world);

/* node_deliver */
void traffic_delivered(struct node *node, const uint8_t *packet, size_t len, uint64_t now_ns);

/* The flow of @node to its @peer. */
struct flow *traffic_flow(struct traffic *traffic, unsigned node, unsigned peer);

/* Of the packets sent in the time from @from_ns to @to_ns how many are missing; the last 64 are
 * remembered. */
unsigned flow_missing(const struct flow *flow, uint64_t from_ns, uint64_t to_ns);

#endif
