/* SPDX-License-Identifier: MIT */
#include "control/peer_paths.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "control/endpoints.h"
#include "control/peer_handshake.h"
#include "control/refusal.h"
#include "control/source.h"
#include "sched/path_choice.h"

/* Data within this time makes a peer busy, and its paths probed fast. */
#define BUSY_NS NS_PER_S

bool peer_path_can_leave(const struct peer *peer, const struct path *path)
{
	return peer->fx->can_send(peer->fx, path->route.link);
}

/* "peer=NAME path=LINK[ENDPOINT]: ..." */
static void log_path(struct peer *peer, const struct path *path, const char *what, const char *why,
                     uint64_t now_ns)
{
	char remote[ENDPOINT_TEXT_LEN];

	peer_log(peer, now_ns, "peer=%s path=%u link=%s remote=%s: %s, %s", peer->name,
	         path_id(&peer->paths, path), path->route.link->name,
	         endpoint_format(&path->route.remote, remote), what, why);
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
	if (path_has_target(path))
		peer->fx->publish_target(peer->fx, peer->dp, path_id(&peer->paths, path), NULL);
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

	if (path)
		return path;
	path = paths_place(&peer->paths, is_for_copy, peer->answered.accepted_ns);
	if (!path)
		return NULL;
	free_place(peer, path);
	counts = counts_of(&peer->dp->path[path_id(&peer->paths, path)]);
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
	if (!had_target)
		return;
	path->rest_until_ns = 0; /* it was for the address before */
	health_reset(&path->health, now_ns);
	if (why)
		log_path(peer, path, "new address", why, now_ns);
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

void peer_follow(struct peer *peer, struct path *path, uint64_t now_ns)
{
	unsigned before = peer->paths.followed;

	peer->paths.followed = path_id(&peer->paths, path);
	/* It was taken for alive because the peer was there. */
	if (peer->verdict.is != VERDICT_BONDED && before != PATH_NONE &&
	    before != peer->paths.followed)
		health_reset(&peer->paths.slot[before].health, now_ns);
	if (peer->verdict.is != VERDICT_BONDED)
		atomic_store(&peer->dp->followed_path, (uint8_t)peer->paths.followed);
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

void peer_take_path_response(struct peer *peer, const struct route *route,
                             const struct frame_path_challenge *f, uint64_t now_ns)
{
	struct path *path = &peer->paths.slot[f->path_id % PATHS_MAX];
	struct route asked = path->asked_route;
	bool is_first = !path_has_target(path);

	if (!path_is_answer(path, route, f->token))
		return;
	peer_set_route(peer, path, &asked, now_ns);
	if (is_first)
		log_path(peer, path, "new path", "address proved", now_ns);
	if (peer->paths.followed == PATH_NONE || !was_heard_in_session(peer, peer->paths.followed))
		peer_follow(peer, path, now_ns);
	path_stop_asking(path);
	health_hurry(&path->health, &peer->health_settings);
}

void peer_settle(struct peer *peer, uint64_t now_ns)
{
	struct path *newest = paths_newest_origin(&peer->paths);

	if (!newest ||
	    (peer->paths.followed != PATH_NONE && newest->health.since_ns < peer->session.made_ns))
		return;
	peer_set_route(peer, newest, &newest->route, now_ns);
	peer_follow(peer, newest, now_ns);
}

/* ---- the table ---- */

/* What the choice of paths goes by. */
static struct path_choice choice_of(const struct peer *peer)
{
	struct path_choice choice = {.is_bonded = peer->verdict.is == VERDICT_BONDED,
	                             .followed = peer->paths.followed};

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->paths.slot[i];

		if (!path_is_used(path))
			continue;
		choice.path[i] = (struct path_facts){
			.has_target = path_has_target(path),
			.has_link = peer_path_can_leave(peer, path),
			.rest_until_ns = path->rest_until_ns,
			.heard_ns = counter_read(&peer->dp->path[i].heard_ns),
			.weight = peer->set.link_weight[path_link(&path->route)],
			.health = &path->health};
	}
	return choice;
}

void peer_publish_paths(struct peer *peer, uint64_t now_ns)
{
	const struct path_choice choice = choice_of(peer);
	struct path_candidate candidates[PATHS_MAX];
	unsigned len = path_choose(&choice, candidates, now_ns);
	struct path_table *table;
	uint16_t mask = 0;

	for (unsigned i = 0; i < len; i++)
		mask |= (uint16_t)(1u << candidates[i].path_id);
	if (mask != peer->paths.published_mask || !peer->paths.has_table) {
		table = path_table_build(peer->set.mode, candidates, len);
		if (!table)
			return; /* without memory the old one stays, and the next change tries again */
		peer->fx->publish_paths(peer->fx, peer->dp, table);
		if (!mask && peer->paths.published_mask)
			effects_log(peer->fx, LOG_LEVEL_WARNING,
			            "peer=%s: no path left, packets wait for one", peer->name);
		paths_set_table(&peer->paths, mask);
	}
	if (mask && session_is_alive(&peer->session, now_ns) && dp_peer_staged(peer->dp))
		peer->fx->kick(peer->fx, peer->dp);
}

/* ---- probes ---- */

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

static void log_state(struct peer *peer, const struct path *path, uint64_t now_ns)
{
	if (path->health.state == PATH_SUSPECT)
		effects_log(peer->fx, LOG_LEVEL_DEBUG, "peer=%s path=%u link=%s: suspect, %s",
		            peer->name, path_id(&peer->paths, path), path->route.link->name,
		            path->health.reason);
	else
		log_path(peer, path, path_state_name(path->health.state), path->health.reason,
		         now_ns);
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
	if (health_tick(&path->health, &peer->health_settings, now_ns)) {
		log_state(peer, path, now_ns);
		if (path->health.state == PATH_DOWN)
			source_check(peer, path, now_ns);
	}
	other_ns = endpoints_service_path(peer, path, now_ns);
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
		if (path_has_target(path))
			log_path(peer, path, "forgotten", "dead for 30 s", now_ns);
		free_place(peer, path);
	}
	return next;
}

/* All paths of a bonded peer are dead: it may have lost the session, as after a restart. */
static void look_for_peer(struct peer *peer, uint64_t now_ns)
{
	bool waits_for_it = peer->is_unreachable && !peer->set.endpoint_count;

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

/* ---- local events ---- */

/* Errors that say nothing about one destination. */
static bool is_about_link(int error)
{
	return error == ENETDOWN || error == ENODEV || error == ENXIO || error == EADDRNOTAVAIL;
}

/* Whether data could go somewhere else. */
static bool has_alternative(const struct peer *peer, const struct path *path, uint64_t now_ns)
{
	const struct path_choice choice = choice_of(peer);

	return path_has_alternative(&choice, path_id(&peer->paths, path), now_ns);
}

/* A firewall or a full table of connections may refuse one datagram and take the next, so a single refusal
 * means nothing, and the only path there is never rests. A probe finds out how it stands.
 */
void peer_path_refused(struct peer *peer, struct path *path, int error, uint64_t now_ns)
{
	uint64_t suppressed;
	bool is_final;

	if (is_about_link(error)) {
		peer->fx->link_refused(peer->fx, path->route.link, error, now_ns);
		return;
	}
	if (path->rest_until_ns > now_ns)
		return;
	is_final = path_count_refusal(
		path, counter_read(&peer->dp->path[path_id(&peer->paths, path)].tx_packets));
	if (is_final && endpoints_refused(peer, path, now_ns)) {
		path->refusals = 0;
		return;
	}
	if (!is_final || !has_alternative(peer, path, now_ns)) {
		health_probe_soon(&path->health, &peer->health_settings, now_ns);
		if (path->refusals == 1 &&
		    log_limit_pass(&peer->refusal_limit, now_ns, &suppressed))
			log_path(peer, path, strerror(error), "refused by the system, trying on",
			         now_ns);
		return;
	}
	path->refusals = 0;
	path->rest_until_ns = now_ns + peer->set.error_backoff_ns;
	health_fail(&path->health, refusal_reason(error), now_ns);
	log_path(peer, path, strerror(error), "resting", now_ns);
	peer_publish_paths(peer, now_ns);
}

void peer_try_again(struct peer *peer, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (!path_is_used(path) || path->rest_until_ns <= now_ns)
			continue;
		path->rest_until_ns = now_ns;
		peer->fx->wake_at(peer->fx, &peer->deadline, now_ns);
	}
}

void peer_link_failed(struct peer *peer, const struct link *link, const char *reason,
                      uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (path_is_used(path) && path->route.link == link &&
		    health_fail(&path->health, reason, now_ns))
			log_state(peer, path, now_ns);
	}
	peer_publish_paths(peer, now_ns);
	/* A plain peer is looked for on the other links at once. */
	if (peer->verdict.is != VERDICT_BONDED && !peer->paths.published_mask &&
	    paths_is_any_known(&peer->paths))
		peer_initiate(peer, false, now_ns);
}

static void try_trains(struct peer *peer, const struct path *path)
{
	struct path_target *target = peer->dp->path[path_id(&peer->paths, path)].target;

	if (target)
		train_limit_set(&target->trains, TRAIN_ANY);
}

void peer_link_back(struct peer *peer, const struct link *link)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (path_is_used(path) && path->route.link == link) {
			path->rest_until_ns = 0;
			health_hurry(&path->health, &peer->health_settings);
			/* Another device may do what the one before could not. */
			try_trains(peer, path);
		}
	}
}

static void tell_path_trains(struct peer *peer, struct path *path, struct train_limit *limit,
                             uint64_t now_ns)
{
	unsigned max = train_limit_max(limit);
	int error = train_limit_take_error(limit);

	switch (path_look_at_trains(path, error, max < TRAIN_ANY, now_ns)) {
	case PATH_TRAINS_TELL:
		effects_log(peer->fx, LOG_LEVEL_INFO,
		            "peer=%s path=%u link=%s: trains of datagrams are refused, %s; "
		            "those above %u bytes leave one by one",
		            peer->name, path_id(&peer->paths, path), path->route.link->name,
		            strerror(error), max);
		break;
	case PATH_TRAINS_RETRY:
		train_limit_set(limit, TRAIN_ANY);
		break;
	case PATH_TRAINS_AS_BEFORE:
		break;
	}
}

void peer_tell_trains(struct peer *peer, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		/* Control alone changes it. */
		struct path_target *target = peer->dp->path[i].target;

		if (path_is_used(&peer->paths.slot[i]) && target)
			tell_path_trains(peer, &peer->paths.slot[i], &target->trains, now_ns);
	}
}

void peer_sample_rates(struct peer *peer, uint64_t elapsed_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct dp_path *dp = &peer->dp->path[i];

		if (path_is_used(&peer->paths.slot[i]))
			path_sample(&peer->paths.slot[i], counter_read(&dp->tx_bytes),
			            counter_read(&dp->rx_bytes), elapsed_ns);
	}
}
