/* SPDX-License-Identifier: MIT */
#include "control/peer_paths.h"

#include "base/bytes.h"
#include "control/peer_table.h"
#include "dataplane/statistics.h"

bool peer_path_can_leave(const struct peer *peer, const struct path *path)
{
	return peer->fx->can_send(peer->fx, path->route.link);
}

static struct path_counts counts_of(const struct dp_path *dp)
{
	return (struct path_counts){.tx_packets = counter_read(&dp->tx_packets),
	                            .tx_bytes = counter_read(&dp->tx_bytes),
	                            .rx_packets = counter_read(&dp->rx_packets),
	                            .rx_bytes = counter_read(&dp->rx_bytes),
	                            .answers = signs_written(&dp->answers),
	                            .probes = signs_written(&dp->probes)};
}

static void free_place(struct peer *peer, struct path *path)
{
	unsigned id = path_id(&peer->paths, path);

	if (path_has_target(path))
		peer->fx->publish_target(peer->fx, peer->dp, id, NULL);
	frames_forget_path(&peer->frames, id);
	path_free(path);
}

/* The paths of a peer are probed in turn, those of different peers wherever their keys say. */
static uint32_t probe_phase(const struct peer *peer, const struct path *path)
{
	return load_le32(peer->set.public_key) +
	       path_id(&peer->paths, path) * (UINT32_MAX / PATHS_MAX);
}

static struct path *find_or_add(struct peer *peer, const struct route *route, bool is_for_copy,
                                uint64_t now_ns)
{
	struct path *path = paths_find(&peer->paths, route);
	struct path_counts counts;
	struct dp_path *dp;

	if (path)
		return path;
	path = paths_place(&peer->paths, is_for_copy, peer->answered.accepted_ns);
	if (!path)
		return NULL;
	free_place(peer, path);
	dp = &peer->dp->path[path_id(&peer->paths, path)];
	atomic_store(&dp->refusal, 0);
	counts = counts_of(dp);
	path_take(path, route, &counts, probe_phase(peer, path), now_ns);
	return path;
}

struct path *peer_add_path(struct peer *peer, const struct route *route, int endpoint,
                           uint64_t now_ns)
{
	struct path *path = find_or_add(peer, route, false, now_ns);

	if (path && endpoint >= 0)
		path->endpoint = endpoint;
	return path;
}

void peer_set_route(struct peer *peer, struct path *path, const struct route *route,
                    uint64_t now_ns)
{
	peer_move_path(peer, path, route, "proved by the peer", now_ns);
}

void peer_move_path(struct peer *peer, struct path *path, const struct route *route,
                    const char *why, uint64_t now_ns)
{
	bool is_same = path_has_target(path) && route_is_same_way(&path->route, route), had_target;

	if (is_same && endpoint_equal(&path->route.local, &route->local))
		return;
	if (peer->fx->publish_target(peer->fx, peer->dp, path_id(&peer->paths, path), route))
		return; /* without memory it stays where it was */
	had_target = path_has_target(path);
	path_lead(path, route);
	peer->fx->targets_changed(peer->fx);
	if (is_same)
		return;
	handshake_forget_try(&peer->handshake, path_id(&peer->paths, path));
	if (had_target)
		peer_hears(peer, NEWS_PATH_MOVED,
		           &(struct news){.now_ns = now_ns, .path = path, .why = why});
}

STEP(lead_anew)
{
	(void)peer;
	n->path->rest_until_ns = 0; /* it was for the address before */
	health_reset(&n->path->health, n->now_ns);
}

struct path *peer_add_origin(struct peer *peer, const struct route *route, size_t bytes,
                             uint64_t now_ns)
{
	bool is_copy = peer->answered.copies > 0;
	struct path *path = find_or_add(peer, route, is_copy, now_ns);

	if (path)
		path_note_origin(path, route, bytes, is_copy);
	return path;
}

unsigned peer_path_to_speak(const struct peer *peer)
{
	return paths_to_speak(&peer->paths, peer->verdict.is == VERDICT_BONDED);
}

void peer_tell_followed(struct peer *peer)
{
	unsigned id = peer->paths.followed;

	if (peer->verdict.is == VERDICT_STOCK && id == PATH_NONE)
		id = PATH_LOST;
	if (peer->verdict.is != VERDICT_BONDED)
		atomic_store(&peer->dp->followed_path, (uint8_t)id);
}

void peer_follow(struct peer *peer, struct path *path, uint64_t now_ns)
{
	unsigned before = peer->paths.followed;

	peer->paths.followed = path_id(&peer->paths, path);
	/* It was taken for alive because the peer was there. */
	if (peer->verdict.is != VERDICT_BONDED && before != PATH_NONE &&
	    before != peer->paths.followed)
		health_reset(&peer->paths.slot[before].health, now_ns);
	peer_tell_followed(peer);
}

/* ---- proof of addresses ---- */

const uint8_t *peer_ask_path(struct peer *peer, struct path *path, const struct route *route)
{
	uint8_t fresh[CHALLENGE_LEN];

	peer->fx->random(peer->fx, fresh, sizeof fresh);
	return path_ask(path, route, fresh);
}

/* One that there is no memory for waits for the next probe from there. */
static void send_challenge(struct peer *peer, struct path *path, const struct route *route,
                           uint64_t now_ns)
{
	if (peer->session.current &&
	    frames_send_challenge(&peer->frames, peer->session.current, path_id(&peer->paths, path),
	                          peer_ask_path(peer, path, route), route))
		peer->paths.asked_ns = now_ns;
}

void peer_heard_of(struct peer *peer, const struct route *route, uint8_t remote_id,
                   const struct batch *r, uint64_t now_ns)
{
	struct path *path = paths_find_by_remote_id(&peer->paths, route->link, remote_id);

	if (path &&
	    (!r->keypair || !path_is_newer_frame(path, r->keypair->born_ns, r->first_counter)))
		return;
	if (!path) {
		path = peer_add_path(peer, route, -1, now_ns);
		if (!path)
			return;
		path->knows_remote_id = true;
		path->remote_id = remote_id;
	}
	if (r->keypair)
		path_note_frame(path, r->keypair->born_ns, r->first_counter);
	send_challenge(peer, path, route, now_ns);
}

/* The active path may be of an earlier life of the peer. */
static bool was_heard_in_session(const struct peer *peer, unsigned id)
{
	return counter_read(&peer->dp->path[id].heard_ns) >= peer->session.made_ns;
}

/* Another one in whose place @path would stand. */
static struct path *find_double(struct peer *peer, const struct path *path,
                                const struct route *route)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *other = &peer->paths.slot[i];

		if (other != path && path_is_used(other) && route_is_same_way(&other->route, route))
			return other;
	}
	return NULL;
}

/* Two may be asked for proof of one address: where a handshake came from, and a path that moves
 * there. The second to prove it gives way: packets find the first alone, and the other would seem
 * dead.
 */
static bool is_proved_already(struct peer *peer, struct path *path, const struct route *route)
{
	struct path *other = find_double(peer, path, route);

	if (other && !path_has_target(other)) {
		free_place(peer, other);
		return false;
	}
	if (other && path_has_target(path))
		path_stop_asking(path);
	else if (other)
		free_place(peer, path);
	return other;
}

void peer_take_path_response(struct peer *peer, const struct route *route,
                             const struct frame_path_challenge *f, uint64_t now_ns)
{
	struct path *path = &peer->paths.slot[f->path_id % PATHS_MAX];
	struct route asked = path->asked_route;
	struct news proved = {.now_ns = now_ns, .path = path, .is_new = !path_has_target(path)};

	if (!path_is_answer(path, route, f->token) || is_proved_already(peer, path, &asked))
		return;
	peer_set_route(peer, path, &asked, now_ns);
	peer_hears(peer, NEWS_PATH_PROVED, &proved);
}

STEP(follow_proved)
{
	if (peer->paths.followed == PATH_NONE || !was_heard_in_session(peer, peer->paths.followed))
		peer_follow(peer, n->path, n->now_ns);
	path_stop_asking(n->path);
	health_hurry(&n->path->health, &peer->health_settings);
}

STEP(settle)
{
	struct path *newest = paths_newest_origin(&peer->paths);

	if (!newest ||
	    (peer->paths.followed != PATH_NONE && newest->health.since_ns < peer->session.made_ns))
		return;
	peer_set_route(peer, newest, &newest->route, n->now_ns);
	peer_follow(peer, newest, n->now_ns);
}

/* Which of them still lead to it has to be seen. */
STEP(doubt_paths)
{
	for (unsigned i = 0; peer->verdict.is == VERDICT_BONDED && i < PATHS_MAX; i++) {
		if (path_is_used(&peer->paths.slot[i]))
			health_reset(&peer->paths.slot[i].health, n->now_ns);
	}
}

STEP(forget_remote_ids)
{
	(void)n;
	for (unsigned i = 0; i < PATHS_MAX; i++)
		peer->paths.slot[i].knows_remote_id = false;
}

STEP(fail_paths)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_is_used(&peer->paths.slot[i]))
			health_fail(&peer->paths.slot[i].health, "the peer has stopped", n->now_ns);
	}
}

/* What is forgotten while it is followed has an heir. */
STEP(free_path)
{
	if (n->path == paths_followed(&peer->paths))
		peer_follow(peer, &peer->paths.slot[paths_heir(&peer->paths, n->path)], n->now_ns);
	free_place(peer, n->path);
}

static void forget_path(struct peer *peer, unsigned id)
{
	free_place(peer, &peer->paths.slot[id]);
	handshake_forget_try(&peer->handshake, id);
	if (peer->paths.followed != id)
		return;
	peer->paths.followed = PATH_NONE;
	peer_tell_followed(peer);
}

STEP(forget_paths_of_link)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (path_is_used(path) && path->route.link == n->link)
			forget_path(peer, i);
		else if (path->proof == PATH_MOVING && path->asked_route.link == n->link)
			path_stop_asking(path);
	}
}

/* Our address may be another one by the time. What waits for its answer is sent again there. */
STEP(withdraw_paths_of_link)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (!path_has_target(path) || path->route.link != n->link)
			continue;
		path->route.local = (struct endpoint){0};
		peer->fx->publish_target(peer->fx, peer->dp, i, NULL);
		handshake_forget_try(&peer->handshake, i);
	}
}

/* One that there is no memory for is forgotten, and comes back as any other. */
STEP(lead_again)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (!path_has_target(path) || path->route.link != n->link ||
		    peer->dp->path[i].target)
			continue;
		if (peer->fx->publish_target(peer->fx, peer->dp, i, &path->route))
			forget_path(peer, i);
	}
}

STEP(forget_orphans)
{
	(void)n;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_is_orphaned(&peer->paths.slot[i]))
			forget_path(peer, i);
	}
}

static struct path *find_to_send_on(struct peer *peer)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (path_has_target(path) && peer_path_can_leave(peer, path))
			return path;
	}
	return NULL;
}

/* As in WireGuard: it has another endpoint now, and the session goes on there. */
STEP(follow_endpoint)
{
	struct path *path = find_to_send_on(peer);

	if (!path || peer->verdict.is != VERDICT_STOCK || peer->paths.followed != PATH_NONE ||
	    !session_is_alive(&peer->session, n->now_ns))
		return;
	peer_follow(peer, path, n->now_ns);
	health_assume_up(&path->health, "its endpoint leads here", n->now_ns);
	peer_publish_paths(peer, n->now_ns);
}

STEP(assume_up_on_link)
{
	struct path *path = paths_followed(&peer->paths);

	if (!path || path->route.link != n->link || peer->verdict.is != VERDICT_STOCK ||
	    !session_is_alive(&peer->session, n->now_ns))
		return;
	health_assume_up(&path->health, "its link is back", n->now_ns);
	peer_publish_paths(peer, n->now_ns);
}
