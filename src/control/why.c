/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "control/why.h"

#include "control/peer_paths.h"
#include "control/peer_table.h"
#include "control/shares.h"
#include "dataplane/feedback.h"
#include "dataplane/statistics.h"
#include "sched/pacers.h"
#include "sched/path_model.h"

/* Frames count where no account is kept of what packets go over which path. */
static void take_shares(struct explained *all, const struct peer *peer)
{
	uint64_t sent[PATHS_MAX] = {0};
	uint16_t permille[PATHS_MAX];

	for (unsigned id = 0; id < PATHS_MAX; id++) {
		if (path_is_used(&peer->paths.slot[id]))
			sent[id] = peer->second ? account_bytes(last_second_in(peer->second, id))
			                        : peer->paths.slot[id].tx_bps;
	}
	shares_of(sent, permille);
	for (unsigned id = 0; id < PATHS_MAX; id++) {
		all->path[id].permille = permille[id];
		all->has_sent |= permille[id];
	}
}

static void take_table(struct explained *all, const struct peer *peer)
{
	/* Control alone publishes it. */
	const struct path_table *table = rcu_dereference(peer->dp->path_table);

	for (unsigned i = 0; table && i < path_table_all(table); i++) {
		struct explained_path *path = &all->path[table->slot[i].path_id];

		path->is_in_table = true;
		path->rank = table->slot[i].rank;
		path->role = (enum link_role)table->slot[i].role;
		path->limit_bytes_per_s = path_limit_of(table->slot[i].limit);
		path->weight = table->slot[i].weight;
		path->packet_max = table->slot[i].packet_max;
		all->usable++;
	}
}

static void take_belief(struct explained_path *path, const struct dp_peer *dp, unsigned id)
{
	struct path_belief belief;

	path->is_known = engine_belief(dp, id, &belief);
	if (!path->is_known)
		return;
	path->way_ns = belief.way_ns;
	path->capacity_bytes_per_s = belief.capacity_bytes_per_s;
}

static void take_path(struct explained *all, const struct peer *peer, unsigned id, uint64_t now_ns)
{
	const struct path *path = &peer->paths.slot[id];
	const struct uplink_pair *pair = uplink_best(uplink_of(peer->uplinks, path->route.link));
	struct explained_path *to = &all->path[id];

	to->link = path->route.link->name;
	to->link_state = uplink_state_name(pair->state);
	to->link_reason = pair->reason;
	to->state_reason = path->health.reason ? path->health.reason : "no answer yet";
	to->state_s = now_ns > path->health.since_ns
	                      ? (double)(now_ns - path->health.since_ns) / NS_PER_S
	                      : 0;
	to->in = last_second_in(peer->second, id);
	take_belief(to, peer->dp, id);
}

void why_of(struct explained *ret, const struct peer *peer, uint64_t now_ns)
{
	const struct path_choice choice = peer_path_choice(peer);

	*ret = (struct explained){.mode = peer->set.mode,
	                          .is_plain = peer->verdict.is == VERDICT_STOCK,
	                          .is_reporting = feedback_of(peer->dp),
	                          .second_ns = peer->second ? peer->second->lasted_ns : 0};
	take_shares(ret, peer);
	take_table(ret, peer);
	for (unsigned id = 0; id < PATHS_MAX; id++) {
		if (!path_is_used(&peer->paths.slot[id]) || !path_has_target(&peer->paths.slot[id]))
			continue;
		take_path(ret, peer, id, now_ns);
		if (!ret->path[id].is_in_table)
			ret->path[id].standing = path_standing(&choice, id, now_ns);
	}
}
