/* SPDX-License-Identifier: MIT */
/* The way out: what a dispatcher does with one packet. */
#include <stdlib.h>
#include <string.h>

#include "control/peer.h"
#include "dataplane/allowedips.h"
#include "dataplane/engine_private.h"
#include "node_private.h"

#define STAGED_NS (5 * NS_PER_S)

static bool send_packet(struct node *node, unsigned i, struct dp_peer *dp, const uint8_t *packet)
{
	struct keypair *kp = rcu_dereference(dp->current);
	const struct path_table *table = rcu_dereference(dp->path_table);
	unsigned lane, slot;

	if (!kp || !table || !table->len)
		return false;
	lane = table->mode != BONDING_AGGREGATE && atomic_load(&kp->send_lanes) ? LANE_UNORDERED
	                                                                        : LANE_ORDERED;
	if (!keypair_can_send(kp, sim_now_ns(), lane))
		return false;
	slot = node->next_path[i]++ % table->len;
	node->is_sending_data = true;
	if (!engine_send_late(node->control->engine, dp, kp, table->slot[slot].path_id, lane,
	                      packet, NODE_PACKET_LEN, NULL))
		abort();
	node->is_sending_data = false;
	dp_peer_sent(dp, true, sim_now_ns());
	if (kp->is_initiator && sim_now_ns() >= kp->rekey_ns)
		dp_peer_want_session(dp);
	return true;
}

static void stage(struct node_staged *staged, const uint8_t *packet)
{
	if (staged->len == NODE_STAGED_MAX)
		memmove(&staged->kept[0], &staged->kept[1], --staged->len * sizeof staged->kept[0]);
	memcpy(staged->kept[staged->len].packet, packet, NODE_PACKET_LEN);
	staged->kept[staged->len++].at_ns = sim_now_ns();
}

static void send_staged(struct node *node, unsigned i)
{
	struct node_staged *staged = &node->staged[i];
	unsigned done = 0;

	while (done < staged->len &&
	       (staged->kept[done].at_ns + STAGED_NS <= sim_now_ns() ||
	        send_packet(node, i, node_peer(node, i)->dp, staged->kept[done].packet)))
		done++;
	staged->len -= done;
	memmove(&staged->kept[0], &staged->kept[done], staged->len * sizeof staged->kept[0]);
}

void node_send_staged(struct node *node)
{
	for (unsigned i = 0; i < node->config.peer_count; i++)
		send_staged(node, i);
}

void node_drop_staged(struct node *node, const struct peer *peer)
{
	for (unsigned i = 0; peer && i < node->config.peer_count; i++) {
		if (!memcmp(peer->set.public_key, node->config.peer[i].public_key, KEY_LEN))
			node->staged[i].len = 0;
	}
}

void node_offer(struct node *node, unsigned i, const uint8_t *packet)
{
	struct sim_host *before = node_enter(node);
	const struct allowedips *table = rcu_dereference(node->control->engine->tables.allowedips);
	struct dp_peer *dp = allowedips_lookup_dst(table, packet);

	if (dp && !atomic_load(&dp->data_refused) && !send_packet(node, i, dp, packet)) {
		stage(&node->staged[i], packet);
		dp_peer_want_session(dp);
	}
	node_leave(node, before);
}
