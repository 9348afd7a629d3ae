/* SPDX-License-Identifier: MIT */
/* tunnel_rig.h - two engines in one process, joined by links over loopback: what goes into the one
 * comes out of the other. Host 1 is behind a, host 2 behind b.
 */
#ifndef TEST_TUNNEL_RIG_H
#define TEST_TUNNEL_RIG_H

#include "../dataplane/engine_rig.h"

#define FLOW_MAX 4000u

struct tunnel {
	struct rig_end a, b;
	struct dp_peer *to_b, *to_a; /* as a and b see each other */
	struct keypair *kp_a, *kp_b;
};

/* Both engines run, with a session that a began; path i leads from link i to link i. @weight of the
 * paths, or 1 each when NULL.
 */
void tunnel_open(struct tunnel *t, unsigned workers, unsigned links, enum bonding_mode mode,
                 const uint32_t *weight);

/* Stops what has not stopped; neither batch nor reference may be left. */
void tunnel_close(struct tunnel *t);

/* Packets 0 .. count - 1, a few on their way at a time. */
struct flow {
	struct rig_end *from, *to;
	unsigned from_host, to_host;
	uint32_t count, sent, received, top;
	uint64_t paused_ns; /* end of the latest pause of the test itself */
	uint64_t sent_ns[FLOW_MAX];
	bool is_seen[FLOW_MAX];
	unsigned disordered; /* behind a later one without having been long on its way */
};

/* The caller frees it. */
struct flow *flow_between(struct rig_end *from, unsigned from_host, struct rig_end *to,
                          unsigned to_host, uint32_t count);

/* As many as may be on their way. */
void flow_send(struct flow *f);

/* Until all of @there and, unless it is NULL, of @back were received. */
void run_flows(struct flow *there, struct flow *back);

/* Sends @count packets from a to b and returns how many came out of order. */
unsigned run_there(struct tunnel *t, uint32_t count);

/* @but DROP_REASON_COUNT: none at all. */
void expect_no_drops(struct tunnel *t, enum drop_reason but);

/* Datagrams on a path of @peer. */
uint64_t sent_on(const struct dp_peer *peer, unsigned path_id);
uint64_t heard_on(const struct dp_peer *peer, unsigned path_id);

/* A HELLO frame; its length. */
size_t hello(uint8_t payload[static 64]);

#endif
