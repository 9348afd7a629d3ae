/* SPDX-License-Identifier: MIT */
#include "control/peer_mtu.h"

#include "control/peer_table.h"
#include "dataplane/statistics.h"
#include "sched/path_model.h"

/* What an answer may be late beyond the estimate: not for long, as it takes several to be lost. */
#define SLACK_NS (50 * NS_PER_MS)

/* Of data that is lost, from which on the path's MTU is looked at. */
#define LOSS_SUSPECT_PPM 50000u

/* The longest packet that the tunnel has, as far as probes can be as long. */
static unsigned wanted(const struct peer *peer)
{
	unsigned mtu = engine_settings(peer->dp->engine)->mtu;

	return mtu < FRAMES_LEN_MAX ? mtu : FRAMES_LEN_MAX;
}

static void note_change(struct peer *peer, struct path *path, bool is_changed, uint64_t now_ns)
{
	if (is_changed)
		peer_hears(peer, NEWS_PATH_MTU, &(struct news){.now_ns = now_ns, .path = path});
}

static void forget(struct peer *peer, struct path *path, uint64_t now_ns)
{
	bool had_limit = pmtu_limit(&path->mtu);

	path->mtu = (struct pmtu){.next_seq = path->mtu.next_seq};
	if (had_limit)
		peer_share_anew(peer, now_ns);
}

void peer_heed_mtu(struct peer *peer, bool is_wanted, uint64_t now_ns)
{
	peer->answers_whole = is_wanted;
	for (unsigned i = 0; i < PATHS_MAX && !is_wanted; i++)
		forget(peer, &peer->paths.slot[i], now_ns);
}

STEP(forget_mtus)
{
	peer_heed_mtu(peer, false, n->now_ns);
}

STEP(forget_mtu)
{
	forget(peer, n->path, n->now_ns);
}

STEP(keep_to_mtu)
{
	peer_share_anew(peer, n->now_ns);
}

/* ---- what came of probes ---- */

void peer_take_mtu_answer(struct peer *peer, struct path *path, uint16_t seq, uint64_t now_ns)
{
	note_change(peer, path, pmtu_answered(&path->mtu, seq, now_ns), now_ns);
}

void peer_take_mtu_refusal(struct peer *peer, struct path *path, uint64_t now_ns)
{
	struct dp_path *dp = &peer->dp->path[path_id(&peer->paths, path)];
	uint32_t refused = atomic_exchange_explicit(&dp->too_long, 0, memory_order_relaxed);

	if (refused)
		note_change(peer, path, pmtu_refused(&path->mtu, (uint16_t)(refused - 1), now_ns),
		            now_ns);
}

/* ---- probes ---- */

/* Whether a probe of its MTU may be sent there now. */
static bool may_probe(const struct peer *peer, const struct path *path)
{
	return peer->answers_whole && path->route.link->is_steered && path_has_target(path) &&
	       path->health.state == PATH_UP;
}

/* It is probed again after a time in which it was not, or leaves by another device. */
static void look_at_way(struct peer *peer, struct path *path, uint64_t now_ns)
{
	if (path->mtu.state == PMTU_OFF)
		pmtu_begin(&path->mtu, wanted(peer), now_ns);
	else if (path->is_mtu_old || path->device != path->mtu_device)
		pmtu_look_again(&path->mtu, now_ns);
	path->is_mtu_old = false;
	path->mtu_device = path->device;
}

static void look_at_losses(struct peer *peer, struct path *path, uint64_t now_ns)
{
	struct path_belief belief;

	if (engine_belief(peer->dp, path_id(&peer->paths, path), &belief) &&
	    belief.loss_ppm >= LOSS_SUSPECT_PPM)
		pmtu_suspect(&path->mtu, now_ns);
}

/* Together with an ordinary probe, which tells whether it was lost for its length. False: there is
 * no memory.
 */
static bool send_probe(struct peer *peer, struct path *path, unsigned size, uint64_t now_ns)
{
	uint64_t overdue_ns = estimate_overdue_ns(&path->health.estimate, SLACK_NS);

	if (!peer->session.current ||
	    !frames_send_whole_probe(&peer->frames, peer->session.current,
	                             path_id(&peer->paths, path), path->mtu.next_seq, size))
		return false;
	pmtu_sent(&path->mtu, size, overdue_ns, now_ns);
	health_probe_soon(&path->health, &peer->health_settings, now_ns);
	return true;
}

uint64_t peer_mtu_service(struct peer *peer, struct path *path, uint64_t now_ns)
{
	bool is_busy = peer->paths.is_busy && path->is_in_table;
	unsigned size;

	if (!may_probe(peer, path)) {
		pmtu_pause(&path->mtu);
		path->is_mtu_old |= !health_carries_data(&path->health);
		return NEVER_NS;
	}
	look_at_way(peer, path, now_ns);
	note_change(peer, path, pmtu_tick(&path->mtu, path->health.answered_ns, now_ns), now_ns);
	if (is_busy)
		look_at_losses(peer, path, now_ns);
	size = pmtu_next(&path->mtu, is_busy, now_ns);
	if (size && !send_probe(peer, path, size, now_ns))
		return now_ns + MEMORY_RETRY_NS;
	return pmtu_due_ns(&path->mtu, is_busy);
}
