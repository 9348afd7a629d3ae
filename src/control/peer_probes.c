/* SPDX-License-Identifier: MIT */
#include "control/peer_probes.h"

#include "control/peer_endpoints.h"
#include "control/peer_handshake.h"
#include "control/peer_mtu.h"
#include "control/peer_paths.h"
#include "control/peer_table.h"

/* Data within this time makes a peer busy, and its paths probed fast. */
#define BUSY_NS NS_PER_S

/* False when it could not leave: it stays due, and is not waited for. */
static bool send_probe(struct peer *peer, struct path *path, uint64_t now_ns)
{
	if (!peer->session.current ||
	    !frames_send_probe(&peer->frames, peer->session.current, path_id(&peer->paths, path),
	                       path->health.next_seq, !path->is_in_table,
	                       path_has_target(path) ? NULL : &path->route))
		return false;
	health_probe_sent(&path->health, &peer->health_settings, now_ns);
	return true;
}

static void note_activity(struct peer *peer, uint64_t now_ns)
{
	bool is_busy = now_ns < counter_read(&peer->dp->data_ns) + BUSY_NS;

	if (is_busy == peer->paths.is_busy)
		return;
	peer->paths.is_busy = is_busy;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_is_used(&peer->paths.slot[i]))
			health_set_busy(&peer->paths.slot[i].health, &peer->health_settings,
			                is_busy, now_ns);
	}
}

/* Probes one path; returns when to come back. */
static uint64_t service_one(struct peer *peer, struct path *path, uint64_t now_ns)
{
	uint64_t other_ns, due_ns;

	if (path->rest_until_ns > now_ns)
		return path->rest_until_ns;
	if (path->rest_until_ns) {
		path->rest_until_ns = 0;
		health_hurry(&path->health, &peer->health_settings);
	}
	if (health_tick(&path->health, &peer->health_settings, now_ns))
		peer_hears(peer, NEWS_PATH_CHANGED, &(struct news){.now_ns = now_ns, .path = path});
	other_ns = peer_service_address(peer, path, now_ns);
	due_ns = peer_mtu_service(peer, path, now_ns);
	other_ns = due_ns < other_ns ? due_ns : other_ns;
	if (path->health.probe_at_ns <= now_ns && !send_probe(peer, path, now_ns))
		return now_ns + MEMORY_RETRY_NS;
	due_ns = health_deadline_ns(&path->health, &peer->health_settings);
	return other_ns < due_ns ? other_ns : due_ns;
}

/* Where a handshake came from is probed while its address is being proved, as far as what came from
 * there allows: a peer that is slow to prove it is known to be there at least, and its path is
 * measured when it may carry data. Returns when to come back.
 */
static uint64_t service_candidate(struct peer *peer, struct path *path, uint64_t now_ns)
{
	if (!path_is_origin(path) || peer->verdict.hello_ns != NEVER_NS)
		return NEVER_NS; /* greetings come first: they carry the challenge */
	health_tick(&path->health, &peer->health_settings, now_ns);
	if (path->health.probe_at_ns <= now_ns) {
		if (!path_may_tell(path, PROBE_BYTES))
			return NEVER_NS;
		if (!send_probe(peer, path, now_ns)) {
			path_take_back(path, PROBE_BYTES);
			return now_ns + MEMORY_RETRY_NS;
		}
	}
	return health_deadline_ns(&path->health, &peer->health_settings);
}

static uint64_t forget_dead(struct peer *peer, uint64_t now_ns)
{
	uint64_t next = NEVER_NS;

	paths_stop_asking_late(&peer->paths, now_ns);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];
		uint64_t at_ns =
			paths_forget_at(&peer->paths, path, peer->verdict.is == VERDICT_BONDED);

		if (at_ns > now_ns) {
			next = at_ns < next ? at_ns : next;
			continue;
		}
		peer_hears(peer, NEWS_PATH_FORGOTTEN,
		           &(struct news){.now_ns = now_ns, .path = path});
	}
	return next;
}

/* All paths of a bonded peer are dead: it may have lost the session, as after a restart. */
static void look_for_peer(struct peer *peer, uint64_t now_ns)
{
	bool waits_for_it = peer->is_unreachable && !peer->endpoints.count;

	if (waits_for_it || peer->paths.published_mask || peer->handshake.is_pending ||
	    peer->handshake.retry_ns != NEVER_NS || !paths_is_any_known(&peer->paths))
		return;
	peer_initiate(peer, false, now_ns);
}

uint64_t peer_paths_service(struct peer *peer, uint64_t now_ns)
{
	uint64_t next = forget_dead(peer, now_ns);

	if (peer->verdict.is == VERDICT_BONDED && session_is_alive(&peer->session, now_ns)) {
		note_activity(peer, now_ns);
		for (unsigned i = 0; i < PATHS_MAX; i++) {
			struct path *path = &peer->paths.slot[i];
			uint64_t due;

			if (!path_is_used(path) || !peer_path_can_leave(peer, path))
				continue;
			due = path_has_target(path) ? service_one(peer, path, now_ns)
			                            : service_candidate(peer, path, now_ns);
			next = due < next ? due : next;
		}
	}
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (peer->paths.slot[i].rest_until_ns > now_ns &&
		    peer->paths.slot[i].rest_until_ns < next)
			next = peer->paths.slot[i].rest_until_ns;
	}
	peer_publish_paths(peer, now_ns);
	if (peer->verdict.is == VERDICT_BONDED)
		look_for_peer(peer, now_ns);
	return next;
}
