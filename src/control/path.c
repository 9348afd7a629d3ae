/* SPDX-License-Identifier: MIT */
/* path.c - the paths of a peer: where they lead, whether they live, which of them carry data.
 *
 * While the peer is not (yet) known to be vtrunkd there is one active path and nothing is probed.
 * With a bonded peer every path is probed, and those that answer make up the table that the
 * dispatcher shares data among. An address is used only after proof: it is configured, or an
 * authentic handshake came from it, or a PATH_CHALLENGE sent there was answered from there.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "control/control.h"
#include "control/endpoints.h"
#include "control/peer_handshake.h"
#include "control/refusal.h"
#include "control/source.h"
#include "crypto/aead.h"
#include "sched/path_choice.h"

/* At most four challenges per second and peer go to addresses not yet proved (docs/protocol.md). */
#define CHALLENGE_INTERVAL_NS (NS_PER_S / 4)

/* Refusals of the system in a row after which a path rests. */
#define REFUSALS_MAX 3u

/* A candidate whose address is not proved within this time is forgotten: there were six greetings. */
#define CANDIDATE_NS (10 * NS_PER_S)

/* So is a path learnt from the peer that has been dead for so long. When the peer is there again it probes
 * us, which makes it a path again.
 */
#define DEAD_NS (30 * NS_PER_S)

/* To an address not proved goes at most so many times what came from there (RFC 9000, section 8). */
#define UNPROVED_FACTOR 3u

/* An MTU that ICMP has lowered is forgotten by the system after ten minutes. */
#define TRAINS_RETRY_NS (11 * 60 * NS_PER_S)

/* Data within this time makes a peer busy, and its paths probed fast. */
#define BUSY_NS NS_PER_S

unsigned path_id(const struct peer *peer, const struct path *path)
{
	return (unsigned)(path - peer->path);
}

struct path *path_find(struct peer *peer, const struct route *route)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (path->is_used && route_is_same_way(&path->route, route))
			return path;
	}
	return NULL;
}

bool path_can_leave(const struct peer *peer, const struct path *path)
{
	return peer->fx->can_send(peer->fx, path->route.link);
}

bool path_is_any_known(const struct peer *peer)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (peer->path[i].is_used && peer->path[i].has_target)
			return true;
	}
	return false;
}

/* "peer=NAME path=LINK[ENDPOINT]: ..." */
static void log_path(struct peer *peer, const struct path *path, const char *what, const char *why,
                     uint64_t now_ns)
{
	char remote[ENDPOINT_TEXT_LEN];

	peer_log(peer, now_ns, "peer=%s path=%u link=%s remote=%s: %s, %s", peer->name,
	         path_id(peer, path), path->uplink->name,
	         endpoint_format(&path->route.remote, remote), what, why);
}

/* Whether what is in a slot may give way to a path heard of. Copies of an initiation can be made by anybody
 * who sees one, from as many addresses as he likes: they do not push out the origin of the initiation itself,
 * nor what was proved and has yet to answer a probe.
 */
static bool may_give_way(const struct peer *peer, const struct path *path, bool is_for_copy)
{
	if (path->is_configured || path_id(peer, path) == peer->active ||
	    health_carries_data(&path->health))
		return false;
	if (!is_for_copy)
		return true;
	return path->has_target ? path->health.state == PATH_DOWN
	                        : path->health.since_ns < peer->answered.accepted_ns;
}

/* A slot for a path heard of: a free one, else of those that may give way the one that has been down for
 * longest.
 */
static struct path *find_slot(struct peer *peer, bool is_for_copy)
{
	struct path *oldest = NULL;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (!path->is_used)
			return path;
		if (!may_give_way(peer, path, is_for_copy))
			continue;
		if (!oldest || path->health.since_ns < oldest->health.since_ns)
			oldest = path;
	}
	return oldest;
}

static void free_slot(struct peer *peer, struct path *path)
{
	if (path->has_target)
		peer->fx->publish_target(peer->fx, peer->dp, path_id(peer, path), NULL);
	path->is_used = path->has_target = path->is_in_table = false;
}

static void take_slot(struct peer *peer, struct path *path, struct uplink *uplink,
                      const struct route *route)
{
	const struct dp_path *dp = &peer->dp->path[path_id(peer, path)];

	*path = (struct path){.is_used = true,
	                      .uplink = uplink,
	                      .route = *route,
	                      .endpoint = -1,
	                      .answers_taken = signs_written(&dp->answers),
	                      .probes_taken = signs_written(&dp->probes),
	                      .before_tx_packets = counter_read(&dp->tx_packets),
	                      .before_tx_bytes = counter_read(&dp->tx_bytes),
	                      .before_rx_packets = counter_read(&dp->rx_packets),
	                      .before_rx_bytes = counter_read(&dp->rx_bytes)};
	path->sampled_tx_bytes = path->before_tx_bytes;
	path->sampled_rx_bytes = path->before_rx_bytes;
}

/* The paths of a peer are probed in turn, those of different peers wherever their keys say. */
static uint32_t probe_phase(const struct peer *peer, const struct path *path)
{
	return load_le32(peer->config->public_key) + path_id(peer, path) * (UINT32_MAX / PATHS_MAX);
}

static struct path *find_or_add(struct peer *peer, struct uplink *uplink, const struct route *route,
                                bool is_for_copy, uint64_t now_ns)
{
	struct path *path = path_find(peer, route);

	if (path)
		return path;
	path = find_slot(peer, is_for_copy);
	if (!path)
		return NULL;
	free_slot(peer, path);
	take_slot(peer, path, uplink, route);
	health_init(&path->health, now_ns);
	health_spread(&path->health, probe_phase(peer, path));
	return path;
}

struct path *path_add(struct peer *peer, struct uplink *uplink, const struct route *route,
                      int endpoint, uint64_t now_ns)
{
	struct path *path = find_or_add(peer, uplink, route, false, now_ns);

	if (path && endpoint >= 0) {
		path->endpoint = endpoint;
		path->is_configured = true;
	}
	return path;
}

void path_set_route(struct peer *peer, struct path *path, const struct route *route,
                    uint64_t now_ns)
{
	path_move(peer, path, route, "proved by the peer", now_ns);
}

void path_move(struct peer *peer, struct path *path, const struct route *route, const char *why,
               uint64_t now_ns)
{
	bool is_same = path->has_target && route_is_same_way(&path->route, route);

	if (is_same && endpoint_equal(&path->route.local, &route->local))
		return;
	if (peer->fx->publish_target(peer->fx, peer->dp, path_id(peer, path), route))
		return; /* without memory it stays where it was */
	path->route = *route;
	peer->control->has_new_targets = true;
	if (is_same)
		return;
	handshake_forget_try(&peer->handshake, path_id(peer, path));
	if (path->has_target) {
		path->rest_until_ns = 0; /* it was for the address before */
		health_reset(&path->health, now_ns);
		if (why)
			log_path(peer, path, "new address", why, now_ns);
	}
	path->has_target = true;
	path->is_origin = path->is_first_origin = false; /* no candidate any more */
}

struct path *path_add_origin(struct peer *peer, const struct route *route, size_t bytes,
                             uint64_t now_ns)
{
	struct uplink *uplink = uplink_of(&peer->control->uplinks, route->link);
	bool is_copy = peer->answered.copies > 0;
	struct path *path = find_or_add(peer, uplink, route, is_copy, now_ns);

	if (!path || path->has_target)
		return path;
	path->is_first_origin |= !is_copy;
	path->is_origin = true;
	path->heard_bytes += (uint32_t)bytes;
	path->route.local = route->local;
	return path;
}

bool path_may_tell(struct path *path, size_t bytes)
{
	if (path->has_target)
		return true;
	if (path->told_bytes + bytes > (uint64_t)UNPROVED_FACTOR * path->heard_bytes)
		return false;
	path->told_bytes += (uint32_t)bytes;
	return true;
}

unsigned path_to_speak(const struct peer *peer)
{
	for (unsigned i = 0; peer->verdict.is == VERDICT_BONDED && i < PATHS_MAX; i++) {
		if (peer->path[i].is_in_table)
			return i;
	}
	return peer->active;
}

void path_set_active(struct peer *peer, struct path *path, uint64_t now_ns)
{
	unsigned before = peer->active;

	peer->active = path_id(peer, path);
	/* It was taken for alive because the peer was there. */
	if (peer->verdict.is != VERDICT_BONDED && before != PATH_NONE && before != peer->active)
		health_reset(&peer->path[before].health, now_ns);
	if (peer->verdict.is != VERDICT_BONDED)
		atomic_store(&peer->dp->followed_path, (uint8_t)peer->active);
}

/* ---- proof of addresses ---- */

/* Of two frames that name different addresses the newer one counts, so that a late packet does not
 * move a path back.
 */
static bool is_newer(const struct path *path, const struct batch *r)
{
	if (!r->keypair)
		return false;
	return r->keypair->born_ns > path->moved_born_ns ||
	       (r->keypair->born_ns == path->moved_born_ns &&
	        r->first_counter > path->moved_counter);
}

static struct path *find_by_remote_id(struct peer *peer, const struct link *link, uint8_t remote_id)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (path->is_used && path->knows_remote_id && path->remote_id == remote_id &&
		    path->route.link == link)
			return path;
	}
	return NULL;
}

/* The same token goes with all greetings: whichever of them arrives, its answer proves the address. */
const uint8_t *path_challenge(struct peer *peer, struct path *path, const struct route *route)
{
	if (!path->has_challenge || !route_is_same_way(&path->challenge_route, route))
		peer->fx->random(peer->fx, path->challenge, sizeof path->challenge);
	path->has_challenge = true;
	path->challenge_route = *route;
	return path->challenge;
}

bool path_may_challenge(const struct peer *peer, uint64_t now_ns)
{
	return now_ns >= peer->challenge_ns + CHALLENGE_INTERVAL_NS;
}

/* One that there is no memory for waits for the next probe from there. */
static void send_challenge(struct peer *peer, struct path *path, const struct route *route,
                           uint64_t now_ns)
{
	if (peer->session.current &&
	    frames_send_challenge(&peer->frames, peer->session.current, path_id(peer, path),
	                          path_challenge(peer, path, route), route))
		peer->challenge_ns = now_ns;
}

void path_heard_of(struct peer *peer, const struct route *route, uint8_t remote_id,
                   const struct batch *r, uint64_t now_ns)
{
	struct uplink *uplink = uplink_of(&peer->control->uplinks, route->link);
	struct path *path = find_by_remote_id(peer, route->link, remote_id);

	if (path && !is_newer(path, r))
		return;
	if (!path) {
		path = path_add(peer, uplink, route, -1, now_ns);
		if (!path)
			return;
		path->knows_remote_id = true;
		path->remote_id = remote_id;
	}
	if (r->keypair) {
		path->moved_born_ns = r->keypair->born_ns;
		path->moved_counter = r->first_counter;
	}
	send_challenge(peer, path, route, now_ns);
}

/* The active path may be of an earlier life of the peer. */
static bool was_heard_in_session(const struct peer *peer, unsigned id)
{
	return counter_read(&peer->dp->path[id].heard_ns) >= peer->session.made_ns;
}

void path_proved(struct peer *peer, const struct route *route, const struct frame_path_challenge *f,
                 uint64_t now_ns)
{
	struct path *path = &peer->path[f->path_id % PATHS_MAX];
	bool is_first = !path->has_target;

	if (!path->is_used || !path->has_challenge ||
	    !route_is_same_way(route, &path->challenge_route) ||
	    !secret_equal(f->token, path->challenge, sizeof path->challenge))
		return;
	path_set_route(peer, path, &path->challenge_route, now_ns);
	if (is_first)
		log_path(peer, path, "new path", "address proved", now_ns);
	if (peer->active == PATH_NONE || !was_heard_in_session(peer, peer->active))
		path_set_active(peer, path, now_ns);
	path->has_challenge = false;
	health_hurry(&path->health, &peer->health_settings);
}

void path_settle(struct peer *peer, uint64_t now_ns)
{
	struct path *newest = NULL;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (path->is_used && path->is_first_origin && !path->has_target &&
		    (!newest || path->health.since_ns > newest->health.since_ns))
			newest = path;
	}
	if (!newest ||
	    (peer->active != PATH_NONE && newest->health.since_ns < peer->session.made_ns))
		return;
	path_set_route(peer, newest, &newest->route, now_ns);
	path_set_active(peer, newest, now_ns);
}

/* ---- the table ---- */

/* What the choice of paths goes by. */
static struct path_choice choice_of(const struct peer *peer)
{
	struct path_choice choice = {.is_bonded = peer->verdict.is == VERDICT_BONDED,
	                             .followed = peer->active};

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->path[i];

		if (!path->is_used)
			continue;
		choice.path[i] = (struct path_facts){
			.has_target = path->has_target,
			.has_link = path_can_leave(peer, path),
			.rest_until_ns = path->rest_until_ns,
			.heard_ns = counter_read(&peer->dp->path[i].heard_ns),
			.weight = path->uplink->weight,
			.health = &path->health};
	}
	return choice;
}

static void mark_in_table(struct peer *peer, const struct path_table *table)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		peer->path[i].is_in_table = false;
	for (unsigned i = 0; i < table->len; i++)
		peer->path[table->slot[i].path_id].is_in_table = true;
}

void path_publish(struct peer *peer, uint64_t now_ns)
{
	const struct path_choice choice = choice_of(peer);
	struct path_candidate candidates[PATHS_MAX];
	unsigned len = path_choose(&choice, candidates, now_ns);
	struct path_table *table;
	uint16_t mask = 0;

	for (unsigned i = 0; i < len; i++)
		mask |= (uint16_t)(1u << candidates[i].path_id);
	if (mask != peer->published_mask || !peer->has_table) {
		table = path_table_build(peer->config->mode, candidates, len);
		if (!table)
			return; /* without memory the old one stays, and the next change tries again */
		mark_in_table(peer, table);
		peer->fx->publish_paths(peer->fx, peer->dp, table);
		if (!mask && peer->published_mask)
			effects_log(peer->fx, LOG_LEVEL_WARNING,
			            "peer=%s: no path left, packets wait for one", peer->name);
		peer->published_mask = mask;
		peer->has_table = true;
	}
	if (mask && session_is_alive(&peer->session, now_ns) && dp_peer_staged(peer->dp))
		peer->fx->kick(peer->fx, peer->dp);
}

/* ---- probes ---- */

/* False when it could not leave: it stays due, and is not waited for. */
static bool send_probe(struct peer *peer, struct path *path, uint64_t now_ns)
{
	if (!peer->session.current ||
	    !frames_send_probe(&peer->frames, peer->session.current, path_id(peer, path),
	                       path->health.next_seq, !path->is_in_table,
	                       path->has_target ? NULL : &path->route))
		return false;
	health_probe_sent(&path->health, &peer->health_settings, now_ns);
	return true;
}

static void note_activity(struct peer *peer, uint64_t now_ns)
{
	bool is_busy = now_ns < counter_read(&peer->dp->data_ns) + BUSY_NS;

	if (is_busy == peer->is_busy)
		return;
	peer->is_busy = is_busy;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (peer->path[i].is_used)
			health_set_busy(&peer->path[i].health, &peer->health_settings, is_busy,
			                now_ns);
	}
}

static void log_state(struct peer *peer, const struct path *path, uint64_t now_ns)
{
	if (path->health.state == PATH_SUSPECT)
		effects_log(peer->fx, LOG_LEVEL_DEBUG, "peer=%s path=%u link=%s: suspect, %s",
		            peer->name, path_id(peer, path), path->uplink->name,
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
	if (!path->is_origin || peer->verdict.hello_ns != NEVER_NS)
		return NEVER_NS; /* greetings come first: they carry the challenge */
	health_tick(&path->health, &peer->health_settings, now_ns);
	if (path->health.probe_at_ns <= now_ns) {
		if (!path_may_tell(path, PROBE_BYTES))
			return NEVER_NS;
		if (!send_probe(peer, path, now_ns)) {
			path->told_bytes -= PROBE_BYTES;
			return now_ns + MEMORY_RETRY_NS;
		}
	}
	return health_deadline_ns(&path->health, &peer->health_settings);
}

/* A challenge that was not answered in time proves nothing later: the peer may have left the address it got
 * it at. A candidate ends together with its own.
 */
static void forget_challenge(const struct peer *peer, struct path *path, uint64_t now_ns)
{
	if (path->has_target && now_ns >= peer->challenge_ns + CANDIDATE_NS)
		path->has_challenge = false;
}

/* When a path or candidate learnt from the peer is forgotten, unless it lives; NEVER_NS: not at all. */
static uint64_t forget_at(const struct peer *peer, const struct path *path)
{
	bool is_dead = path->health.state == PATH_DOWN;

	if (!path->is_used || path->is_configured || path_id(peer, path) == peer->active)
		return NEVER_NS;
	if (!path->has_target)
		return path->health.since_ns + CANDIDATE_NS;
	return peer->verdict.is == VERDICT_BONDED && is_dead ? path->health.since_ns + DEAD_NS
	                                                     : NEVER_NS;
}

static uint64_t forget_dead(struct peer *peer, uint64_t now_ns)
{
	uint64_t next = NEVER_NS;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];
		uint64_t at_ns = forget_at(peer, path);

		forget_challenge(peer, path, now_ns);
		if (at_ns > now_ns) {
			next = at_ns < next ? at_ns : next;
			continue;
		}
		if (path->has_target)
			log_path(peer, path, "forgotten", "dead for 30 s", now_ns);
		free_slot(peer, path);
	}
	return next;
}

/* All paths of a bonded peer are dead: it may have lost the session, as after a restart. */
static void look_for_peer(struct peer *peer, uint64_t now_ns)
{
	bool waits_for_it = peer->is_unreachable && !peer->config->endpoint_count;

	if (waits_for_it || peer->published_mask || peer->handshake.is_pending ||
	    peer->handshake.retry_ns != NEVER_NS || !path_is_any_known(peer))
		return;
	peer_initiate(peer, false, now_ns);
}

uint64_t path_service(struct peer *peer, uint64_t now_ns)
{
	uint64_t next = forget_dead(peer, now_ns);

	if (peer->verdict.is == VERDICT_BONDED && session_is_alive(&peer->session, now_ns)) {
		note_activity(peer, now_ns);
		for (unsigned i = 0; i < PATHS_MAX; i++) {
			struct path *path = &peer->path[i];
			uint64_t due;

			if (!path->is_used || !path_can_leave(peer, path))
				continue;
			due = path->has_target ? service_one(peer, path, now_ns)
			                       : service_candidate(peer, path, now_ns);
			next = due < next ? due : next;
		}
	}
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (peer->path[i].rest_until_ns > now_ns && peer->path[i].rest_until_ns < next)
			next = peer->path[i].rest_until_ns;
	}
	path_publish(peer, now_ns);
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

	return path_has_alternative(&choice, path_id(peer, path), now_ns);
}

/* Counts refusals without a success between; true when these are enough to mean something. */
static bool is_refused_for_good(struct peer *peer, struct path *path)
{
	uint64_t sent = counter_read(&peer->dp->path[path_id(peer, path)].tx_packets);

	if (sent != path->refused_at_tx)
		path->refusals = 0;
	path->refused_at_tx = sent;
	return ++path->refusals >= REFUSALS_MAX;
}

/* A firewall or a full table of connections may refuse one datagram and take the next, so a single refusal
 * means nothing, and the only path there is never rests. A probe finds out how it stands.
 */
void path_refused(struct peer *peer, struct path *path, int error, uint64_t now_ns)
{
	uint64_t suppressed;
	bool is_final;

	if (is_about_link(error)) {
		uplink_refused(path->uplink, path->route.link, error, now_ns);
		endpoints_network_changed(peer->control, now_ns);
		return;
	}
	if (path->rest_until_ns > now_ns)
		return;
	is_final = is_refused_for_good(peer, path);
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
	path->rest_until_ns = now_ns + peer->control->config->error_backoff_ns;
	health_fail(&path->health, refusal_reason(error), now_ns);
	log_path(peer, path, strerror(error), "resting", now_ns);
	path_publish(peer, now_ns);
}

void path_try_again(struct peer *peer, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (!path->is_used || path->rest_until_ns <= now_ns)
			continue;
		path->rest_until_ns = now_ns;
		peer->fx->wake_at(peer->fx, &peer->deadline, now_ns);
	}
}

void path_link_failed(struct peer *peer, const struct link *link, const char *reason,
                      uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (path->is_used && path->route.link == link &&
		    health_fail(&path->health, reason, now_ns))
			log_state(peer, path, now_ns);
	}
	path_publish(peer, now_ns);
	/* A plain peer is looked for on the other links at once. */
	if (peer->verdict.is != VERDICT_BONDED && !peer->published_mask && path_is_any_known(peer))
		peer_initiate(peer, false, now_ns);
}

static void try_trains(struct peer *peer, const struct path *path)
{
	struct path_target *target = peer->dp->path[path_id(peer, path)].target;

	if (target)
		train_limit_set(&target->trains, TRAIN_ANY);
}

void path_link_back(struct peer *peer, const struct link *link)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (path->is_used && path->route.link == link) {
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

	if (error) {
		path->trains_since_ns = now_ns;
		if (error != path->trains_told)
			effects_log(peer->fx, LOG_LEVEL_INFO,
			            "peer=%s path=%u link=%s: trains of datagrams are refused, %s; "
			            "those above %u bytes leave one by one",
			            peer->name, path_id(peer, path), path->uplink->name,
			            strerror(error), max);
		path->trains_told = error;
	} else if (max < TRAIN_ANY && now_ns >= path->trains_since_ns + TRAINS_RETRY_NS) {
		train_limit_set(limit, TRAIN_ANY);
	}
}

void path_tell_trains(struct peer *peer, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		/* Control alone changes it. */
		struct path_target *target = peer->dp->path[i].target;

		if (peer->path[i].is_used && target)
			tell_path_trains(peer, &peer->path[i], &target->trains, now_ns);
	}
}

void path_sample_rates(struct peer *peer, uint64_t elapsed_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];
		uint64_t tx = counter_read(&peer->dp->path[i].tx_bytes);
		uint64_t rx = counter_read(&peer->dp->path[i].rx_bytes);

		if (!path->is_used)
			continue;
		path->tx_bps = (tx - path->sampled_tx_bytes) * 8 * NS_PER_S / elapsed_ns;
		path->rx_bps = (rx - path->sampled_rx_bytes) * 8 * NS_PER_S / elapsed_ns;
		path->sampled_tx_bytes = tx;
		path->sampled_rx_bytes = rx;
	}
}
