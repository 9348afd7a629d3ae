/* SPDX-License-Identifier: MIT */
#include "control/peer_endpoints.h"

#include "control/peer_paths.h"

static const char unanswered[] = "the one before does not answer";

/* ---- facts ---- */

/* A second initiation in a row is on its way. */
static bool is_silent(const struct peer *peer)
{
	return peer->handshake.is_pending && peer->handshake.attempts > 1;
}

/* A plain peer is known to be at one place only. */
static bool is_answered(const struct peer *peer, const struct path *path, bool has_session)
{
	if (!has_session)
		return false;
	if (peer->verdict.is == VERDICT_BONDED)
		return health_carries_data(&path->health) || health_answers(&path->health);
	return path_id(&peer->paths, path) == peer->paths.followed && !is_silent(peer);
}

static struct endpoint_facts facts_of(const struct peer *peer, uint64_t now_ns)
{
	bool has_session = session_is_alive(&peer->session, now_ns);
	struct endpoint_facts facts = {.is_at_one_place =
	                                       has_session && peer->verdict.is != VERDICT_BONDED,
	                               .is_silent = is_silent(peer)};

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->paths.slot[i];

		if (path_is_used(path))
			facts.path[i] = (struct endpoint_path){
				.route = &path->route,
				.endpoint = path->endpoint,
				.has_target = path_has_target(path),
				.is_answered = is_answered(peer, path, has_session),
				.can_leave = peer_path_can_leave(peer, path)};
	}
	return facts;
}

/* ---- paths ---- */

STEP(keep_ways)
{
	(void)n;
	peer_keep_ways(peer);
}

/* Of a link that is tied to no device, routes may lead the way to @to into the tunnel. */
static void keep_way(struct peer *peer, const struct uplink *uplink, const struct endpoint *to)
{
	if (!*uplink->pair[endpoint_family(to) == AF_INET6].device)
		peer->fx->keep_way(peer->fx, to, &uplink->line);
}

void peer_keep_ways(struct peer *peer)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->paths.slot[i];

		if (path_has_target(path) && path_is_configured(path))
			keep_way(peer, uplink_of(peer->uplinks, path->route.link),
			         &path->route.remote);
	}
}

/* @path leads to @address of endpoint @e from now on; NULL: a new one. @why for people; NULL: not
 * worth a line.
 */
static void lead(struct peer *peer, struct path *path, unsigned e, struct uplink *uplink,
                 const struct endpoint *address, const char *why, uint64_t now_ns)
{
	struct route route = {.link = uplink_want(uplink, endpoint_family(address), now_ns),
	                      .remote = *address};

	keep_way(peer, uplink, address);
	if (!path)
		path = peer_add_path(peer, &route, (int)e, now_ns);
	if (path)
		peer_move_path(peer, path, &route, why, now_ns);
}

/* True when the endpoint leads over @uplink to where it did not before. */
static bool place_over(struct peer *peer, unsigned e, struct uplink *uplink, uint64_t now_ns)
{
	const struct endpoint_facts facts = facts_of(peer, now_ns);
	const struct endpoint *address;
	struct path *path;
	bool is_new;
	int place;

	address = endpoints_choose(&peer->endpoints, e, uplink, &facts, &place);
	if (!address)
		return false;
	path = place == ENDPOINT_NEW_PATH ? NULL : &peer->paths.slot[place];
	is_new = !path || !endpoint_equal(address, &path->route.remote);
	lead(peer, path, e, uplink, address, "of the configured endpoint", now_ns);
	return is_new;
}

/* Sees to it that the endpoint has a path over each link it is meant for, to an address that
 * serves. True when there is one that was not there before.
 */
static bool place(struct peer *peer, unsigned e, uint64_t now_ns)
{
	bool is_any_new = false;

	for (unsigned i = 0; i < peer->uplinks->count; i++) {
		struct uplink *uplink = &peer->uplinks->uplink[i];

		is_any_new |= uplink->is_used && place_over(peer, e, uplink, now_ns);
	}
	return is_any_new;
}

/* @why as in lead(). */
static bool try_next(struct peer *peer, struct path *path, const char *why, uint64_t now_ns)
{
	const struct endpoint_facts facts = facts_of(peer, now_ns);
	struct uplink *uplink = uplink_of(peer->uplinks, path->route.link);
	const struct endpoint *address =
		endpoints_next(&peer->endpoints, path_id(&peer->paths, path), uplink, &facts);

	if (address)
		lead(peer, path, (unsigned)path->endpoint, uplink, address, why, now_ns);
	return address;
}

/* Whether the pending initiation was tried there and nothing came back. What was heard since is
 * under a session that lives, only renewing it fails.
 */
static bool was_unanswered(const struct peer *peer, const struct path *path, uint16_t tried,
                           uint64_t now_ns)
{
	unsigned id = path_id(&peer->paths, path);

	return tried & 1u << id && path_is_used(path) && path->endpoint >= 0 &&
	       !is_answered(peer, path, session_is_alive(&peer->session, now_ns)) &&
	       counter_read(&peer->dp->path[id].heard_ns) <= peer->handshake.sent_ns;
}

void peer_try_next_addresses(struct peer *peer, uint64_t now_ns)
{
	uint16_t tried = peer->handshake.tried_paths; /* which changes with the addresses */

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];
		bool is_news;

		if (!was_unanswered(peer, path, tried, now_ns))
			continue;
		is_news = peer->handshake.attempts <
		          endpoints_addresses(&peer->endpoints, path->endpoint);
		try_next(peer, path, is_news ? unanswered : NULL, now_ns);
	}
}

uint64_t peer_service_address(struct peer *peer, struct path *path, uint64_t now_ns)
{
	uint64_t timeout_ns = peer->health_settings.timeout_ns;
	bool is_down = path->health.state == PATH_DOWN;
	uint64_t due_ns =
		endpoints_leave_at(&peer->endpoints, path->endpoint, &path->health, timeout_ns);

	if (due_ns > now_ns)
		return due_ns;
	/* Without memory it may lead where it did, and have done so for long. */
	if (try_next(peer, path, is_down ? unanswered : NULL, now_ns) &&
	    path->health.since_ns + timeout_ns > now_ns)
		return path->health.since_ns + timeout_ns;
	return now_ns + timeout_ns; /* another may be reached by then */
}

bool peer_leave_refused(struct peer *peer, struct path *path, uint64_t now_ns)
{
	if (path->endpoint < 0)
		return false;
	if (++path->addresses_refused >= endpoints_addresses(&peer->endpoints, path->endpoint)) {
		path->addresses_refused = 0;
		return false;
	}
	return try_next(peer, path, "the system refused to send to the one before", now_ns);
}

void peer_place_again(struct peer *peer, uint64_t now_ns)
{
	for (unsigned e = 0; e < peer->endpoints.count; e++) {
		if (endpoints_addresses(&peer->endpoints, (int)e) > 1)
			place(peer, e, now_ns);
	}
}

/* ---- endpoints that go ---- */

static int endpoint_instead(const struct peer *peer, const struct path *path, unsigned dropped)
{
	if (path->endpoint != (int)dropped)
		return path->endpoint - (path->endpoint > (int)dropped);
	return endpoints_has_address(&peer->endpoints, dropped, &path->route.remote) ? PATH_ORPHANED
	                                                                             : PATH_LEARNT;
}

void peer_drop_endpoint(struct peer *peer, unsigned e)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (path_is_used(path))
			path->endpoint = endpoint_instead(peer, path, e);
	}
	endpoints_remove(&peer->endpoints, e);
}

bool peer_settle_endpoints(struct peer *peer, uint64_t now_ns)
{
	bool has_orphans = false;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		has_orphans |= path_is_orphaned(&peer->paths.slot[i]);
	if (has_orphans)
		peer_hears(peer, NEWS_ENDPOINTS_GONE, &(struct news){.now_ns = now_ns});
	return has_orphans;
}

/* ---- names ---- */

static void place_learnt(struct peer *peer, unsigned e, uint64_t now_ns)
{
	if (place(peer, e, now_ns))
		peer_hears(peer, NEWS_ADDRESS_FOUND, &(struct news){.now_ns = now_ns});
}

void peer_links_came(struct peer *peer, uint64_t now_ns)
{
	for (unsigned e = 0; e < peer->endpoints.count; e++) {
		if (endpoints_addresses(&peer->endpoints, (int)e))
			place_learnt(peer, e, now_ns);
	}
}

static void tell_failure(struct peer *peer, enum peer_news news, unsigned e, const char *why,
                         uint64_t now_ns)
{
	peer_hears(peer, news,
	           &(struct news){
			   .now_ns = now_ns, .what = peer->endpoints.known[e].text, .why = why});
}

/* An id that names the peer and its endpoint. */
static uint64_t question_id(const struct peer *peer, unsigned e)
{
	return (uint64_t)peer->id << 32 | peer->endpoints.known[e].number;
}

uint32_t peer_id_of_answer(const struct resolve_answer *answer)
{
	return (uint32_t)(answer->id >> 32);
}

void peer_take_addresses(struct peer *peer, const struct resolve_answer *answer, uint64_t now_ns)
{
	int found = endpoints_find_number(&peer->endpoints, (uint32_t)answer->id);
	unsigned e = (unsigned)found;

	if (found < 0)
		return; /* it is no more */
	switch (endpoints_take(&peer->endpoints, e, answer)) {
	case ENDPOINTS_LEARNT:
		place_learnt(peer, e, now_ns);
		break;
	case ENDPOINTS_FAILED:
		tell_failure(peer, NEWS_NO_ADDRESS, e, answer->text, now_ns);
		break;
	case ENDPOINTS_KEPT:
		tell_failure(peer, NEWS_NAME_FAILED, e, answer->text, now_ns);
		break;
	case ENDPOINTS_FAILED_AGAIN:
		break;
	}
}

static void ask(struct peer *peer, unsigned e, uint64_t now_ns)
{
	struct endpoint_question question;

	switch (endpoints_ask(&peer->endpoints, e, now_ns, &question)) {
	case ENDPOINTS_KNOWN:
		place_learnt(peer, e, now_ns);
		break;
	case ENDPOINTS_LOOK_UP:
		if (peer->fx->resolve(peer->fx, question_id(peer, e), question.host, question.port))
			endpoints_not_asked(&peer->endpoints, e);
		break;
	case ENDPOINTS_NO_NAME:
		break;
	}
}

static uint64_t ask_at(const struct peer *peer, unsigned e, uint64_t now_ns)
{
	const struct endpoint_facts facts = facts_of(peer, now_ns);

	return endpoints_ask_at(&peer->endpoints, e, peer->uplinks, &facts);
}

uint64_t peer_endpoints_service(struct peer *peer, uint64_t now_ns)
{
	uint64_t next = NEVER_NS;

	for (unsigned e = 0; e < peer->endpoints.count; e++) {
		uint64_t due = ask_at(peer, e, now_ns);

		if (due <= now_ns) {
			ask(peer, e, now_ns);
			due = ask_at(peer, e, now_ns);
		}
		next = due < next ? due : next;
	}
	return next;
}
