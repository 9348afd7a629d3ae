/* SPDX-License-Identifier: MIT */
#include "control/gather.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/explain.h"
#include "control/netif.h"
#include "control/peer_session.h"
#include "control/peer_table.h"
#include "control/sharing.h"
#include "control/why.h"
#include "dataplane/statistics.h"
#include "sched/pacers.h"
#include "sched/path_model.h"
#include "version.h"

#define PREFIXES_PER_COST 1024u /* copied in the time that a peer takes */

/* The data plane may have read the clock after us: then it is now. */
static double seconds_since(uint64_t then_ns, uint64_t now_ns)
{
	return now_ns > then_ns ? (double)(now_ns - then_ns) / NS_PER_S : 0;
}

static double real_if(bool is_known, double value)
{
	return is_known ? value : NAN;
}

static int64_t number_if(bool is_known, int64_t value)
{
	return is_known ? value : FACT_UNKNOWN;
}

static int64_t limit_bps(uint64_t kbps)
{
	return number_if(kbps, (int64_t)kbps * 1000);
}

/* ---- links ---- */

/* What holds for all its sockets: the least. */
static unsigned link_train_max(const struct uplink *uplink)
{
	unsigned least = UINT16_MAX;
	bool is_any_open = false;

	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		struct link *link = uplink->pair[i].link;
		unsigned max = train_limit_max(&link->trains);

		is_any_open |= link->is_open;
		if (link->is_open && max < least)
			least = max;
	}
	return is_any_open ? least : 0;
}

/* The kernel is asked here, of sockets that are open. */
static void gather_sockets(struct facts_link *facts, const struct uplink *uplink)
{
	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		struct link *link = uplink->pair[i].link;

		if (link->is_open) {
			facts->bind[i] = link->bound;
			link_read_drops(link);
		}
		facts->kernel_drops += link->data_drops.total;
		facts->handshake_kernel_drops += link->handshake_drops.total;
		facts->tx_packets += counter_read(&link->tx_packets);
		facts->tx_bytes += counter_read(&link->tx_bytes);
		facts->rx_packets += counter_read(&link->rx_packets);
		facts->rx_bytes += counter_read(&link->rx_bytes);
		facts->tx_errors += counter_read(&link->tx_errors);
	}
}

static bool gather_link(struct facts *all, const struct uplink *uplink, uint64_t now_ns)
{
	const struct line *line = &uplink->line;
	const struct uplink_pair *best = uplink_best(uplink);
	struct facts_link *facts = facts_add_link(all);

	if (!facts)
		return false;
	snprintf(facts->name, sizeof facts->name, "%s", uplink->name);
	facts->state = uplink_state_name(best->state);
	facts->since_s = seconds_since(best->since_ns, now_ns);
	snprintf(facts->reason, sizeof facts->reason, "%s", best->reason);
	snprintf(facts->device, sizeof facts->device, "%s",
	         *best->device ? best->device : line->device);
	facts->fwmark = number_if(line->has_fwmark, line->fwmark);
	facts->weight = uplink->wishes.weight;
	facts->role = link_role_name(uplink->wishes.role);
	facts->tx_limit_bps = limit_bps(uplink->limits.up_kbps);
	facts->rx_limit_bps = limit_bps(uplink->limits.down_kbps);
	facts->train_max_bytes = link_train_max(uplink);
	gather_sockets(facts, uplink);
	return true;
}

/* ---- paths ---- */

/* Of the link and of the way there, the smaller. */
static int64_t path_train_max(const struct path *path, const struct dp_path *dp)
{
	unsigned of_link = train_limit_max(&path->route.link->trains), of_path;

	if (!dp->target)
		return FACT_UNKNOWN;
	of_path = train_limit_max(&dp->target->trains);
	return of_link < of_path ? of_link : of_path;
}

static void gather_health(struct facts_path *facts, const struct path_health *health,
                          uint64_t now_ns)
{
	const struct path_estimate *est = &health->estimate;

	facts->state = path_state_name(health->state);
	facts->since_s = seconds_since(health->since_ns, now_ns);
	facts->reason = health->reason;
	facts->rtt_ms = real_if(est->has_rtt, (double)est->srtt_ns / NS_PER_MS);
	facts->jitter_ms = real_if(est->has_rtt, (double)est->jitter_ns / NS_PER_MS);
	facts->loss_tx_percent = real_if(est->tx.is_known, est->tx.ratio * 100);
	facts->loss_rx_percent = real_if(est->rx.is_known, est->rx.ratio * 100);
}

static void gather_path_traffic(struct facts_path *facts, const struct path *path,
                                const struct dp_path *dp, uint64_t now_ns)
{
	uint64_t heard_ns = counter_read(&dp->heard_ns);

	facts->last_heard_s = real_if(heard_ns, seconds_since(heard_ns, now_ns));
	facts->doubts = path->doubt.count;
	facts->tx_packets = counter_read(&dp->tx_packets) - path->before.tx_packets;
	facts->tx_bytes = counter_read(&dp->tx_bytes) - path->before.tx_bytes;
	facts->rx_packets = counter_read(&dp->rx_packets) - path->before.rx_packets;
	facts->rx_bytes = counter_read(&dp->rx_bytes) - path->before.rx_bytes;
	facts->tx_bps = (int64_t)path->tx_bps;
	facts->rx_bps = (int64_t)path->rx_bps;
}

/* The model's estimates, which are there when reports come. */
static void gather_learned(struct facts_path *facts, const struct dp_peer *dp, unsigned id)
{
	struct path_belief belief = {0};
	bool is_known = engine_belief(dp, id, &belief);

	facts->way_ms = real_if(is_known, (double)belief.way_ns / NS_PER_MS);
	facts->way_jitter_ms = real_if(is_known, (double)belief.jitter_ns / NS_PER_MS);
	facts->queue_ms = real_if(is_known, (double)belief.queue_ns / NS_PER_MS);
	facts->arrived_bps = number_if(is_known, (int64_t)belief.arrived_bytes_per_s * 8);
	facts->capacity_bps = number_if(belief.capacity_bytes_per_s,
	                                (int64_t)belief.capacity_bytes_per_s * 8);
	facts->data_loss_percent = real_if(is_known, belief.loss_ppm / 1e4);
}

static int64_t path_limit_bps(const struct peer *peer, const struct path *path)
{
	const struct path_limit limit[LIMITS] = {peer_path_limit(peer, path, LIMIT_OURS),
	                                         peer_path_limit(peer, path, LIMIT_THEIRS)};
	uint64_t bytes_per_s = path_limit_of(limit);

	return number_if(bytes_per_s, (int64_t)bytes_per_s * 8);
}

static bool gather_path(struct facts_peer *all, const struct peer *peer, unsigned id,
                        uint64_t now_ns)
{
	const struct path *path = &peer->paths.slot[id];
	struct facts_path *facts = facts_add_path(all);
	struct link_wishes wishes = peer_path_wishes(peer, path);
	char shared[SHARING_TEXT_LEN];

	if (!facts || !facts_set_note(facts, sharing_text(&peer->paths, path, now_ns, shared)))
		return false;
	facts->id = id;
	snprintf(facts->link, sizeof facts->link, "%s", path->route.link->name);
	facts->endpoint = path->route.remote;
	facts->in_use = path->is_in_table;
	facts->weight = wishes.weight;
	facts->role = link_role_name(wishes.role);
	facts->tx_limit_bps = path_limit_bps(peer, path);
	facts->mtu = number_if(pmtu_known(&path->mtu), pmtu_known(&path->mtu));
	facts->train_max_bytes = path_train_max(path, &peer->dp->path[id]);
	gather_health(facts, &path->health, now_ns);
	gather_path_traffic(facts, path, &peer->dp->path[id], now_ns);
	gather_learned(facts, peer->dp, id);
	return true;
}

static bool gather_why(struct facts_path *facts, const struct explained *why)
{
	unsigned id = (unsigned)facts->id;
	char text[EXPLAIN_LEN];

	facts->share_percent = real_if(why->has_sent, why->path[id].permille / 10.0);
	return facts_set_why(facts, explain_text(why, id, text));
}

/* A candidate is no path yet: anybody who replays a handshake can make one. */
static bool is_told(const struct path *path)
{
	return path_is_used(path) && path_has_target(path);
}

/* Most of many peers have none, and then nothing has to be explained. */
static bool gather_paths(struct facts_peer *facts, const struct peer *peer, uint64_t now_ns)
{
	struct explained why;
	bool is_asked = false;

	for (unsigned id = 0; id < PATHS_MAX; id++) {
		if (!is_told(&peer->paths.slot[id]))
			continue;
		if (!is_asked)
			why_of(&why, peer, now_ns);
		is_asked = true;
		if (!gather_path(facts, peer, id, now_ns) ||
		    !gather_why((struct facts_path *)facts->paths.last, &why))
			return false;
	}
	return true;
}

/* ---- peers ---- */

/* Where data goes, else where everything went that is not bonded, else where it could go. */
static const struct path *main_path(const struct peer *peer)
{
	const struct path *possible = NULL;

	for (unsigned id = 0; id < PATHS_MAX; id++) {
		const struct path *path = &peer->paths.slot[id];

		if (path_is_used(path) && path->is_in_table)
			return path;
		if (path_is_used(path) && path_has_target(path) && !possible)
			possible = path;
	}
	if (peer->paths.followed != PATH_NONE &&
	    path_is_used(&peer->paths.slot[peer->paths.followed]))
		return &peer->paths.slot[peer->paths.followed];
	return possible;
}

static void gather_session(struct facts_peer *facts, const struct peer *peer, uint64_t now_ns)
{
	const struct keypair *kp =
		session_is_alive(&peer->session, now_ns) ? peer->session.current : NULL;

	facts->session = peer_session_name(peer, now_ns);
	facts->session_age_s = kp ? seconds_since(kp->born_ns, now_ns) : NAN;
	facts->session_role = !kp ? NULL : kp->is_initiator ? "initiator" : "responder";
	facts->handshakes = peer->session.count;
	facts->last_handshake = number_if(peer->session.count, peer->session.made_wall_s);
	facts->unanswered_initiations = peer->handshake.attempts;
	facts->stale_initiations = (int64_t)peer->answered.stale;
	facts->clock_behind_s = number_if(peer->answered.stale, peer->answered.stale_by_s);
}

static void gather_peer_traffic(struct facts_peer *facts, const struct dp_peer *dp)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		facts->rx_packets += counter_read(&dp->path[i].rx_packets);
		facts->rx_bytes += counter_read(&dp->path[i].rx_bytes);
		facts->tx_packets += counter_read(&dp->path[i].tx_packets);
		facts->tx_bytes += counter_read(&dp->path[i].tx_bytes);
	}
	facts->staged_packets = (int64_t)engine_staged(dp);
}

static bool gather_peer(struct facts *all, const struct peer *peer, uint64_t now_ns)
{
	const struct peer_settings *set = &peer->set;
	const struct path *path = main_path(peer);
	struct facts_peer *facts = facts_add_peer(all);

	if (!facts || !facts_set_allowed_ips(facts, set->allowed_ips.at, set->allowed_ips.count))
		return false;
	snprintf(facts->name, sizeof facts->name, "%s", peer->name);
	memcpy(facts->public_key, set->public_key, KEY_LEN);
	facts->mode = bonding_mode_name(set->mode);
	facts->bonding = verdict_name(peer->verdict.is);
	gather_session(facts, peer, now_ns);
	if (path)
		facts->endpoint = path->route.remote;
	gather_peer_traffic(facts, peer->dp);
	return gather_paths(facts, peer, now_ns);
}

/* ---- the whole ---- */

/* Unknown when the device is gone. */
static int64_t tun_drops(const char *interface)
{
	struct netif netif;
	uint64_t dropped = 0;
	int r = netif_init(&netif, interface);

	if (!r)
		r = netif_tx_dropped(&netif, &dropped);
	netif_fini(&netif);
	return number_if(!r, (int64_t)dropped);
}

static void gather_engine(struct facts *facts, const struct engine *engine)
{
	const struct engine_settings *set = engine_settings(engine);
	struct engine_memory memory = engine_memory(engine);

	facts->workers = set->workers;
	facts->crypto = cipher_library_name(set->cipher);
	facts->tun = (struct facts_tun){.queues = set->tun.queues,
	                                .tcp_offload = set->tun.takes.tcp4,
	                                .udp_offload = set->tun.takes.udp4};
	for (int reason = 0; reason < DROP_REASON_COUNT; reason++)
		facts->drops[reason] = engine_drops(engine, reason);
	facts->ecn = (struct facts_ecn){.marked = engine_marks(engine, MARKS_MADE),
	                                .carried = engine_marks(engine, MARKS_CARRIED),
	                                .unexpected = engine_marks(engine, MARKS_UNEXPECTED)};
	facts->pool =
		(struct facts_pool){.batches = memory.batches, .bytes = (int64_t)memory.bytes};
}

/* All but the peers. */
static bool gather_daemon(struct facts *facts, const struct gather_from *from, uint64_t now_ns)
{
	facts->version = VTRUNKD_VERSION;
	snprintf(facts->interface, sizeof facts->interface, "%s", from->interface);
	facts->pid = getpid();
	facts->uptime_s = seconds_since(from->started_ns, now_ns);
	facts->mtu = engine_settings(from->engine)->mtu;
	memcpy(facts->public_key, from->public_key, KEY_LEN);
	gather_engine(facts, from->engine);
	facts->tun.kernel_drops = tun_drops(from->interface);
	facts->log_lines_lost = log_lost();
	for (unsigned i = 0; i < from->uplinks->count; i++) {
		const struct uplink *uplink = &from->uplinks->uplink[i];

		if (uplink->is_used && !gather_link(facts, uplink, now_ns))
			return false;
	}
	return true;
}

/* ---- turn by turn ---- */

static void give_up(struct gathering *gathering)
{
	facts_free(gathering->facts);
	gathering->facts = NULL;
}

static unsigned step(void *arg, size_t i, uint64_t now_ns)
{
	struct gathering *gathering = arg;
	const struct peer *peer = gathering->from.peers[i];

	if (!gathering->facts)
		return 1; /* to the end, which says so */
	if (!gather_peer(gathering->facts, peer, now_ns))
		give_up(gathering);
	return 1 + (unsigned)(peer->set.allowed_ips.count / PREFIXES_PER_COST);
}

static void done(void *arg, uint64_t now_ns)
{
	struct gathering *gathering = arg;
	struct facts *facts = gathering->facts;

	(void)now_ns;
	gathering->facts = NULL;
	gathering->done(gathering->arg, facts);
}

static const struct walk_calls calls = {.step = step, .done = done};

void gather_init(struct gathering *gathering, struct deadline_heap *deadlines,
                 void (*done_fn)(void *arg, struct facts *facts), void *arg)
{
	*gathering = (struct gathering){.done = done_fn, .arg = arg};
	walk_init(&gathering->walk, deadlines, &calls, gathering, GATHER_COST_MAX);
}

void gather_begin(struct gathering *gathering, const struct gather_from *from, uint64_t now_ns)
{
	gathering->from = *from;
	gathering->facts = facts_create();
	if (gathering->facts && !gather_daemon(gathering->facts, from, now_ns))
		give_up(gathering);
	if (!gathering->facts || walk_begin(&gathering->walk, from->peer_count, now_ns)) {
		give_up(gathering);
		gathering->done(gathering->arg, NULL);
	}
}

void gather_restart(struct gathering *gathering, const struct gather_from *from, uint64_t now_ns)
{
	gather_stop(gathering);
	gather_begin(gathering, from, now_ns);
}

void gather_stop(struct gathering *gathering)
{
	walk_stop(&gathering->walk);
	give_up(gathering);
}
