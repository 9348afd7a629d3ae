/* SPDX-License-Identifier: MIT */
#include "control/endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/peer.h"
#include "control/peer_handshake.h"
#include "control/peer_paths.h"

int endpoints_init(struct peer *peer)
{
	if (!peer->config->endpoint_count)
		return 0;
	peer->endpoint = calloc(peer->config->endpoint_count, sizeof *peer->endpoint);
	return peer->endpoint ? 0 : -ENOMEM;
}

void endpoints_fini(struct peer *peer)
{
	free(peer->endpoint);
}

/* ---- which address ---- */

static bool is_meant_for(const struct peer *peer, unsigned e, const struct uplink *uplink)
{
	int link = peer->config->endpoints[e].link;

	return link < 0 || (unsigned)link == uplink->id;
}

static struct path *path_of(struct peer *peer, unsigned e, const struct uplink *uplink)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (path_is_used(path) && path->endpoint == (int)e &&
		    path_link(&path->route) == uplink->id)
			return path;
	}
	return NULL;
}

/* A second initiation in a row is on its way. */
static bool is_peer_silent(const struct peer *peer)
{
	return peer->handshake.is_pending && peer->handshake.attempts > 1;
}

/* A plain peer is known to be at one place only. */
static bool is_answered(const struct peer *peer, const struct path *path, uint64_t now_ns)
{
	if (!session_is_alive(&peer->session, now_ns))
		return false;
	if (peer->verdict.is == VERDICT_BONDED)
		return health_carries_data(&path->health) || health_answers(&path->health);
	return path_id(&peer->paths, path) == peer->paths.followed && !is_peer_silent(peer);
}

/* Its place among the addresses, or known->count. */
static unsigned index_of(const struct peer_endpoint *known, const struct endpoint *address)
{
	unsigned i = 0;

	while (i < known->count && !endpoint_equal(&known->address[i], address))
		i++;
	return i;
}

/* Whether @path, NULL for a new one, may lead to @address: no other path goes the same way. */
static bool is_free(struct peer *peer, const struct path *path, unsigned e,
                    const struct uplink *uplink, const struct endpoint *address)
{
	struct route route = {.link = uplink->pair[endpoint_family(address) == AF_INET6].link,
	                      .remote = *address};
	const struct path *other = paths_find(&peer->paths, &route);

	if (!other || other == path)
		return true;
	return !path && (!path_is_configured(other) || other->endpoint == (int)e);
}

/* The first address of the endpoint that the link can reach, else the first that it may have
 * sockets for: a device or a route may still come. NULL: none.
 */
static const struct endpoint *choose(struct peer *peer, const struct path *path, unsigned e,
                                     const struct uplink *uplink)
{
	const struct peer_endpoint *known = &peer->endpoint[e];
	const struct endpoint *fallback = NULL;

	for (unsigned i = 0; i < known->count; i++) {
		const struct endpoint *address = &known->address[i];

		if (!uplink_allows(uplink, endpoint_family(address)) ||
		    !is_free(peer, path, e, uplink, address))
			continue;
		if (known->count == 1 || uplink_can_reach(uplink, address))
			return address;
		if (!fallback)
			fallback = address;
	}
	return fallback;
}

/* ---- paths ---- */

/* @why for people; NULL: not worth a line. */
static void lead(struct peer *peer, struct path *path, unsigned e, struct uplink *uplink,
                 const struct endpoint *address, const char *why, uint64_t now_ns)
{
	struct route route = {.link = uplink_want(uplink, endpoint_family(address), now_ns),
	                      .remote = *address};

	if (!*uplink->pair[endpoint_family(address) == AF_INET6].device)
		peer->fx->keep_way(peer->fx, address, &uplink->line);
	if (!path)
		path = peer_add_path(peer, &route, (int)e, now_ns);
	if (path)
		peer_move_path(peer, path, &route, why, now_ns);
}

static bool stays(const struct peer *peer, const struct path *path, unsigned e, uint64_t now_ns)
{
	const struct peer_endpoint *known = &peer->endpoint[e];

	if (!path_has_target(path))
		return false;
	return is_answered(peer, path, now_ns) ||
	       (index_of(known, &path->route.remote) < known->count &&
	        (known->count == 1 || uplink_can_reach(uplink_of(peer->uplinks, path->route.link),
	                                               &path->route.remote)));
}

/* Sees to it that the endpoint has a path over each link it is meant for, to an address that
 * serves. True when there is one that was not there before.
 */
static bool place(struct peer *peer, unsigned e, uint64_t now_ns)
{
	bool is_any_new = false;

	for (unsigned i = 0; i < peer->uplinks->count; i++) {
		struct uplink *uplink = &peer->uplinks->uplink[i];
		struct path *path = path_of(peer, e, uplink);
		const struct endpoint *address;

		if (!is_meant_for(peer, e, uplink) || (path && stays(peer, path, e, now_ns)))
			continue;
		address = choose(peer, path, e, uplink);
		if (!address)
			continue;
		is_any_new |= !path || !endpoint_equal(address, &path->route.remote);
		lead(peer, path, e, uplink, address, "of the configured endpoint", now_ns);
	}
	return is_any_new;
}

/* ---- the next address ---- */

static const char unanswered[] = "the one before does not answer";

/* The address behind the present one that the link can reach, round the list; NULL: there is no
 * other.
 */
static const struct endpoint *next_address(struct peer *peer, const struct path *path)
{
	unsigned e = (unsigned)path->endpoint;
	const struct peer_endpoint *known = &peer->endpoint[e];
	const struct uplink *uplink = uplink_of(peer->uplinks, path->route.link);
	unsigned at = index_of(known, &path->route.remote);

	for (unsigned i = 1; i <= known->count; i++) {
		const struct endpoint *address = &known->address[(at + i) % known->count];

		if (uplink_allows(uplink, endpoint_family(address)) &&
		    !endpoint_equal(address, &path->route.remote) &&
		    is_free(peer, path, e, uplink, address) && uplink_can_reach(uplink, address))
			return address;
	}
	return NULL;
}

/* @why as in lead(). */
static bool try_next(struct peer *peer, struct path *path, const char *why, uint64_t now_ns)
{
	const struct endpoint *address;

	if (path->endpoint < 0)
		return false;
	address = next_address(peer, path);
	if (address)
		lead(peer, path, (unsigned)path->endpoint,
		     uplink_of(peer->uplinks, path->route.link), address, why, now_ns);
	return address;
}

void endpoints_retry(struct peer *peer, uint64_t now_ns)
{
	const struct handshake *hs = &peer->handshake;
	uint16_t tried = hs->tried_paths;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];
		bool is_news;

		/* What was heard since is under a session that lives, only renewing it fails. */
		if (!(tried & 1u << i) || !path_is_used(path) || path->endpoint < 0 ||
		    is_answered(peer, path, now_ns) ||
		    counter_read(&peer->dp->path[i].heard_ns) > hs->sent_ns)
			continue;
		is_news = hs->attempts < peer->endpoint[path->endpoint].count;
		try_next(peer, path, is_news ? unanswered : NULL, now_ns);
	}
}

uint64_t endpoints_service_path(struct peer *peer, struct path *path, uint64_t now_ns)
{
	const struct path_health *health = &path->health;
	uint64_t due = health->since_ns + peer->health_settings.timeout_ns;

	if (path->endpoint < 0 || peer->endpoint[path->endpoint].count < 2 ||
	    health_carries_data(health) || health_answers(health))
		return NEVER_NS;
	if (health->state == PATH_UNPROVEN && now_ns < due)
		return due;
	/* Without memory it may lead where it did, and have done so for long. */
	if (try_next(peer, path, health->state == PATH_DOWN ? unanswered : NULL, now_ns) &&
	    path->health.since_ns + peer->health_settings.timeout_ns > now_ns)
		return path->health.since_ns + peer->health_settings.timeout_ns;
	return now_ns + peer->health_settings.timeout_ns; /* another may be reached by then */
}

bool endpoints_refused(struct peer *peer, struct path *path, uint64_t now_ns)
{
	if (path->endpoint < 0)
		return false;
	if (++path->addresses_refused >= peer->endpoint[path->endpoint].count) {
		path->addresses_refused = 0;
		return false;
	}
	return try_next(peer, path, "the system refused to send to the one before", now_ns);
}

/* ---- names ---- */

/* Whether it may be that the endpoint is elsewhere by now. A link that is away says nothing of it.
 */
static bool is_in_doubt(struct peer *peer, unsigned e, uint64_t now_ns)
{

	if (session_is_alive(&peer->session, now_ns) && peer->verdict.is != VERDICT_BONDED)
		return is_peer_silent(peer);
	for (unsigned i = 0; i < peer->uplinks->count; i++) {
		const struct path *path = path_of(peer, e, &peer->uplinks->uplink[i]);

		if (!is_meant_for(peer, e, &peer->uplinks->uplink[i]))
			continue;
		if (!path || (peer_path_can_leave(peer, path) && !is_answered(peer, path, now_ns)))
			return true;
	}
	return false;
}

/* When to ask for its addresses; NEVER_NS: not now. */
static uint64_t ask_at(struct peer *peer, unsigned e, uint64_t now_ns)
{
	const struct peer_endpoint *known = &peer->endpoint[e];

	if (known->is_asked)
		return NEVER_NS;
	if (!known->asked_ns)
		return now_ns;
	if (!known->count)
		return known->asked_ns + ENDPOINT_ASK_SOON_NS;
	return is_in_doubt(peer, e, now_ns) ? known->asked_ns + ENDPOINT_ASK_AGAIN_NS : NEVER_NS;
}

static void learn(struct peer_endpoint *known, const struct resolve_answer *answer)
{
	known->has_failed = false;
	known->count = answer->count;
	memcpy(known->address, answer->endpoints, answer->count * sizeof answer->endpoints[0]);
}

/* The first of failures in a row is told. */
static void note_failure(struct peer *peer, unsigned e, const char *why, uint64_t now_ns)
{
	struct peer_endpoint *known = &peer->endpoint[e];
	const struct news n = {
		.now_ns = now_ns, .what = peer->config->endpoints[e].address, .why = why};

	if (!known->has_failed)
		peer_hears(peer, known->count ? NEWS_NAME_FAILED : NEWS_NO_ADDRESS, &n);
	known->has_failed = true;
}

static void take(struct peer *peer, unsigned e, const struct resolve_answer *answer,
                 uint64_t now_ns)
{
	peer->endpoint[e].is_asked = false;
	if (answer->error) {
		note_failure(peer, e, answer->text, now_ns);
		return;
	}
	learn(&peer->endpoint[e], answer);
	if (place(peer, e, now_ns) && !session_is_alive(&peer->session, now_ns) &&
	    !peer->session.next && !peer->handshake.is_pending)
		peer_initiate(peer, false, now_ns);
}

void endpoints_answered(struct peer *peer, const struct resolve_answer *answer, uint64_t now_ns)
{
	take(peer, (unsigned)(uint32_t)answer->id, answer, now_ns);
}

/* A numeric address is its own answer. */
static void ask(struct peer *peer, unsigned e, uint64_t now_ns)
{
	struct peer_endpoint *known = &peer->endpoint[e];
	const char *address = peer->config->endpoints[e].address;
	struct resolve_answer answer = {.id = (uint64_t)peer->id << 32 | e, .count = 1};
	char host[RESOLVE_HOST_LEN];
	uint16_t port;

	known->asked_ns = now_ns;
	known->is_asked = true;
	if (endpoint_parse(address, 0, &answer.endpoints[0]) == 0)
		take(peer, e, &answer, now_ns);
	else if (endpoint_split(address, host, sizeof host, &port) ||
	         peer->fx->resolve(peer->fx, answer.id, host, port))
		known->is_asked = false; /* without memory; the next time is due */
}

uint64_t endpoints_service(struct peer *peer, uint64_t now_ns)
{
	uint64_t next = NEVER_NS;

	for (unsigned e = 0; e < peer->config->endpoint_count; e++) {
		uint64_t due = ask_at(peer, e, now_ns);

		if (due <= now_ns) {
			ask(peer, e, now_ns);
			due = ask_at(peer, e, now_ns);
		}
		next = due < next ? due : next;
	}
	return next;
}

void endpoints_network_changed(struct peer *peer, uint64_t now_ns)
{
	for (unsigned e = 0; e < peer->config->endpoint_count; e++) {
		if (peer->endpoint[e].count > 1)
			place(peer, e, now_ns);
	}
}
