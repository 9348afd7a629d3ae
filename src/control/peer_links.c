/* SPDX-License-Identifier: MIT */
#include "control/peer_links.h"

#include <errno.h>
#include <ifaddrs.h>

#include "control/last_second.h"
#include "control/peer_endpoints.h"
#include "control/peer_paths.h"
#include "control/peer_table.h"
#include "control/peer_told.h"
#include "control/refusal.h"
#include "control/sharing.h"
#include "control/source.h"

/* Errors that say nothing about one destination. */
static bool is_about_link(int error)
{
	return error == ENETDOWN || error == ENODEV || error == ENXIO || error == EADDRNOTAVAIL;
}

/* Whether data could go somewhere else. */
static bool has_alternative(const struct peer *peer, const struct path *path, uint64_t now_ns)
{
	const struct path_choice choice = peer_path_choice(peer);

	return path_has_alternative(&choice, path_id(&peer->paths, path), now_ns);
}

/* Where there is another, and of a bonded peer: no other has probes that could refute it. */
static void doubt_path(struct peer *peer, struct path *path, const char *why, uint64_t now_ns)
{
	const struct path_health *health = &path->health;

	if (peer->verdict.is == VERDICT_BONDED && health_carries_data(health) &&
	    has_alternative(peer, path, now_ns) &&
	    doubt_take(&path->doubt, health->answered_ns, health->fell_ns, now_ns))
		peer_hears(peer, NEWS_PATH_DOUBTED,
		           &(struct news){.now_ns = now_ns, .path = path, .why = why});
}

STEP(suspect_path)
{
	health_suspect(&n->path->health, &peer->health_settings, n->why, n->now_ns);
	peer->fx->doubt_path(peer->fx, peer->dp, path_id(&peer->paths, n->path), n->now_ns);
}

static bool is_same_address(const struct endpoint *a, const struct endpoint *b)
{
	struct endpoint same_port = *b;

	if (endpoint_family(a) != endpoint_family(b))
		return false;
	endpoint_set_port(&same_port, endpoint_port(a));
	return endpoint_equal(a, &same_port);
}

/* Whether the datagram that it is about was one of @path. Our own address may not be known yet. */
static bool is_about_path(const struct icmp_error *error, const struct path *path)
{
	const struct link *link = path->route.link;
	const struct endpoint *own = link->is_wildcard ? &path->route.local : &link->bound;

	return path_has_target(path) && endpoint_equal(&error->to, &path->route.remote) &&
	       endpoint_port(&error->from) == endpoint_port(&link->bound) &&
	       (endpoint_family(own) == AF_UNSPEC || is_same_address(&error->from, own));
}

bool peer_hears_icmp(struct peer *peer, const struct icmp_error *error, uint64_t now_ns)
{
	bool is_about_peer = false;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (!path_is_used(path) || !is_about_path(error, path))
			continue;
		is_about_peer = true;
		doubt_path(peer, path, error->why, now_ns);
	}
	return is_about_peer;
}

/* A firewall or a full table of connections may refuse one datagram and take the next, so a single
 * refusal is a reason to doubt the path and no more, and the only path there is never rests. A
 * probe finds out how it stands.
 */
void peer_path_refused(struct peer *peer, struct path *path, int error, uint64_t now_ns)
{
	struct news refused = {.now_ns = now_ns, .path = path, .error = error};
	bool is_final;

	if (is_about_link(error)) {
		peer->fx->link_refused(peer->fx, path->route.link, error, now_ns);
		return;
	}
	if (path->rest_until_ns > now_ns)
		return;
	is_final = path_count_refusal(
		path, counter_read(&peer->dp->path[path_id(&peer->paths, path)].tx_packets));
	if (path->refusals == 1)
		doubt_path(peer, path, refusal_reason(error), now_ns);
	if (is_final && peer_leave_refused(peer, path, now_ns)) {
		path->refusals = 0;
		return;
	}
	if (!is_final || !has_alternative(peer, path, now_ns)) {
		health_probe_soon(&path->health, &peer->health_settings, now_ns);
		if (path->refusals == 1)
			peer_hears(peer, NEWS_PATH_REFUSED, &refused);
		return;
	}
	peer_hears(peer, NEWS_PATH_RESTS, &refused);
}

STEP(rest_path)
{
	n->path->refusals = 0;
	n->path->rest_until_ns = n->now_ns + peer->set.error_backoff_ns;
	health_fail(&n->path->health, refusal_reason(n->error), n->now_ns);
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

STEP(fail_paths_of_link)
{
	struct news changed = *n;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = changed.path = &peer->paths.slot[i];

		if (path_is_used(path) && path->route.link == n->link &&
		    health_fail(&path->health, n->why, n->now_ns))
			tell_path_state(peer, &changed);
	}
}

void peer_link_failed(struct peer *peer, const struct link *link, const char *reason,
                      uint64_t now_ns)
{
	peer_hears(peer, NEWS_LINK_FAILED,
	           &(struct news){.now_ns = now_ns, .link = link, .why = reason});
}

static void try_trains(struct peer *peer, const struct path *path)
{
	struct path_target *target = peer->dp->path[path_id(&peer->paths, path)].target;

	if (target)
		train_limit_set(&target->trains, TRAIN_ANY);
}

STEP(use_link_again)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (path_is_used(path) && path->route.link == n->link) {
			path->rest_until_ns = 0;
			health_hurry(&path->health, &peer->health_settings);
			/* Another device may do what the one before could not. */
			try_trains(peer, path);
		}
	}
}

void peer_link_back(struct peer *peer, const struct link *link, uint64_t now_ns)
{
	peer_hears(peer, NEWS_LINK_BACK, &(struct news){.now_ns = now_ns, .link = link});
}

STEP(forget_cookie)
{
	peer->jar[n->link->id] = (struct cookie_jar){0};
}

void peer_link_closed(struct peer *peer, const struct link *link, uint64_t now_ns)
{
	peer_hears(peer, NEWS_LINK_CLOSED,
	           &(struct news){.now_ns = now_ns, .link = link, .why = "its link is bound anew"});
	peer->fx->wake_at(peer->fx, &peer->deadline, now_ns);
}

void peer_link_gone(struct peer *peer, const struct link *link, uint64_t now_ns)
{
	peer_hears(peer, NEWS_LINK_GONE, &(struct news){.now_ns = now_ns, .link = link});
	peer->fx->wake_at(peer->fx, &peer->deadline, now_ns);
}

static void look_at_trains(struct peer *peer, struct path *path, struct train_limit *limit,
                           uint64_t now_ns)
{
	unsigned max = train_limit_max(limit);
	int error = train_limit_take_error(limit);

	switch (path_look_at_trains(path, error, max < TRAIN_ANY, now_ns)) {
	case PATH_TRAINS_TELL:
		peer_hears(peer, NEWS_TRAINS_REFUSED,
		           &(struct news){
				   .now_ns = now_ns, .path = path, .error = error, .bytes = max});
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
			look_at_trains(peer, &peer->paths.slot[i], &target->trains, now_ns);
	}
}

void peer_sample_rates(struct peer *peer, uint64_t now_ns)
{
	uint64_t elapsed_ns = now_ns - peer->sampled_ns;

	peer->sampled_ns = now_ns;
	last_second_take(&peer->second, peer->dp, elapsed_ns);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct dp_path *dp = &peer->dp->path[i];

		if (path_is_used(&peer->paths.slot[i]))
			path_sample(&peer->paths.slot[i], counter_read(&dp->tx_bytes),
			            counter_read(&dp->rx_bytes), elapsed_ns);
	}
}

/* ---- source addresses ---- */

/* It has learnt one. */
static bool is_pinned(const struct path *path)
{
	return path_is_used(path) && path_has_target(path) && path->route.link->is_wildcard &&
	       endpoint_family(&path->route.local) != AF_UNSPEC;
}

STEP(forget_source)
{
	struct route route = {.link = n->path->route.link, .remote = n->path->route.remote};

	peer_set_route(peer, n->path, &route, n->now_ns);
}

static void look_at_source(struct peer *peer, struct path *path, const struct ifaddrs *list,
                           uint64_t now_ns)
{
	if (is_pinned(path) &&
	    source_is_stale(&path->route, &uplink_of(peer->uplinks, path->route.link)->line, list))
		peer_hears(peer, NEWS_SOURCE_STALE, &(struct news){.now_ns = now_ns, .path = path});
}

void peer_check_sources(struct peer *peer, const struct ifaddrs *list, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		look_at_source(peer, &peer->paths.slot[i], list, now_ns);
}

STEP(check_source)
{
	struct ifaddrs *list;

	if (n->path->health.state != PATH_DOWN || !is_pinned(n->path) || getifaddrs(&list))
		return;
	look_at_source(peer, n->path, list, n->now_ns);
	freeifaddrs(list);
}

void peer_forget_sources(struct peer *peer, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (is_pinned(&peer->paths.slot[i]))
			forget_source(peer, &(struct news){.now_ns = now_ns,
			                                   .path = &peer->paths.slot[i]});
	}
}

/* ---- lines that paths share ---- */

void peer_look_at_sharing(struct peer *peer)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];

		if (path_is_used(path) && path_is_configured(path) && path_has_target(path))
			path->device = sharing_device(
				path, uplink_of(peer->uplinks, path->route.link)->line.fwmark);
	}
}

void peer_tell_sharing(struct peer *peer, uint64_t now_ns)
{
	char text[SHARING_TEXT_LEN];

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];
		bool is_shared = path_is_used(path) && path_has_target(path) &&
		                 *sharing_text(&peer->paths, path, now_ns, text);

		if (is_shared && !path->is_sharing_told)
			peer_hears(peer, NEWS_PATH_SHARES,
			           &(struct news){.now_ns = now_ns, .path = path, .why = text});
		path->is_sharing_told = is_shared;
	}
}
