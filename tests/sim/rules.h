/* SPDX-License-Identifier: MIT */
/* rules.h - what must hold at every moment, whatever the network and the peers do
 * (docs/protocol.md).
 *
 *   - no counter is used twice under a key, and no key for longer than REJECT_AFTER_TIME
 *   - data of a session that is bonded, or may be, goes only where the peer is or was, or to an
 *     endpoint of the configuration
 *   - to any other address goes at most three times what came from there
 *   - who does not bond is sent no frame, and nothing in a lane but 0
 *   - a path is one link with one address: there are no two of the same
 *   - a packet comes out of the tunnel once at most, unchanged, and at its owner's (traffic.h)
 *   - a peer has three keypairs at most, and none when the newest is older than three times
 *     REJECT_AFTER_TIME
 *   - a link or peer that was removed carries nothing, and nobody but the rules holds anything of
 *     it (node_change.c)
 *   - who keeps what adds up: paths and links, weights, keys, deadlines (look.c)
 *   - a deadline that has come is served, and nobody is served without end
 *   - what is kept stays within bounds: paths, candidates, datagrams in flight
 */
#ifndef SIM_RULES_H
#define SIM_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

struct node;
struct world;

#define RULES_NODES_MAX     4u
#define RULES_KEYS_MAX      512u
#define RULES_ADDRESSES_MAX 256u

/* A key that a node has sealed with: known by the index in the header. */
struct rules_key {
	const struct node *node;
	uint32_t index;
	uint64_t first_ns;
	uint64_t next[LANE_COUNT]; /* the least counter that is not used */
};

/* What a node heard from and told an address that is not known to be its peer's. */
struct rules_address {
	const struct node *node;
	struct endpoint address;
	uint64_t heard_bytes, told_bytes;
	uint64_t first_ns; /* heard or told */
};

struct rules {
	struct rules_key *key; /* RULES_KEYS_MAX, newest last */
	unsigned key_count;
	struct rules_address address[RULES_ADDRESSES_MAX];
	unsigned address_count;
	/* When a peer of the node was plain last: such a one is wherever its newest packet came
	 * from, and addresses from that time stay with it.
	 */
	uint64_t plain_ns[RULES_NODES_MAX];
	uint64_t looked_ns;
	uint64_t services; /* of all nodes at that time */
};

void rules_fini(struct rules *rules);

/* node_sends */
void rules_sends(struct node *node, const struct endpoint *to, const uint8_t *data, size_t len);

void rules_received(struct node *node, const struct endpoint *from, size_t len);

/* After each event. */
void rules_look(struct world *world);

#endif
