/* SPDX-License-Identifier: MIT */
#include "control/paths.h"

#include <stddef.h>

/* At most four challenges per second and peer go to addresses not yet proved (docs/protocol.md). */
#define CHALLENGE_INTERVAL_NS (NS_PER_S / 4)

/* A candidate whose address is not proved within this time is forgotten: there were six greetings.
 */
#define CANDIDATE_NS (10 * NS_PER_S)

/* So is a path learnt from the peer that has been dead for so long. When the peer is there again it
 * probes us, which makes it a path again.
 */
#define DEAD_NS (30 * NS_PER_S)

void paths_init(struct paths *paths)
{
	*paths = (struct paths){.followed = PATH_NONE};
}

/* ---- finding ---- */

struct path *paths_followed(struct paths *paths)
{
	return paths->followed == PATH_NONE ? NULL : &paths->slot[paths->followed];
}

struct path *paths_find(struct paths *paths, const struct route *route)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &paths->slot[i];

		if (path_is_used(path) && route_is_same_way(&path->route, route))
			return path;
	}
	return NULL;
}

struct path *paths_find_by_remote_id(struct paths *paths, const struct link *link,
                                     uint8_t remote_id)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &paths->slot[i];

		if (path_is_used(path) && path->knows_remote_id && path->remote_id == remote_id &&
		    path->route.link == link)
			return path;
	}
	return NULL;
}

struct path *paths_find_proved(struct paths *paths, const struct link *link)
{
	struct path *any = NULL;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &paths->slot[i];

		if (!path_has_target(path))
			continue;
		if (path->route.link == link)
			return path;
		any = any ? any : path;
	}
	return any;
}

struct path *paths_newest_origin(struct paths *paths)
{
	struct path *newest = NULL;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &paths->slot[i];

		if (path_is_first_origin(path) &&
		    (!newest || path->health.since_ns > newest->health.since_ns))
			newest = path;
	}
	return newest;
}

bool paths_is_any_known(const struct paths *paths)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_has_target(&paths->slot[i]))
			return true;
	}
	return false;
}

unsigned paths_to_speak(const struct paths *paths, bool is_bonded)
{
	for (unsigned i = 0; is_bonded && i < PATHS_MAX; i++) {
		if (paths->slot[i].is_in_table)
			return i;
	}
	return paths->followed;
}

/* ---- places ---- */

static bool may_give_way(const struct paths *paths, const struct path *path, bool is_for_copy,
                         uint64_t accepted_ns)
{
	if (path_is_configured(path) || path_id(paths, path) == paths->followed ||
	    health_carries_data(&path->health))
		return false;
	if (!is_for_copy)
		return true;
	return path_has_target(path) ? path->health.state == PATH_DOWN
	                             : path->health.since_ns < accepted_ns;
}

struct path *paths_place(struct paths *paths, bool is_for_copy, uint64_t accepted_ns)
{
	struct path *oldest = NULL;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &paths->slot[i];

		if (!path_is_used(path))
			return path;
		if (!may_give_way(paths, path, is_for_copy, accepted_ns))
			continue;
		if (!oldest || path->health.since_ns < oldest->health.since_ns)
			oldest = path;
	}
	return oldest;
}

/* ---- masks ---- */

uint16_t paths_to_greet(const struct paths *paths)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_has_target(&paths->slot[i]) || path_is_origin(&paths->slot[i]))
			mask |= (uint16_t)(1u << i);
	}
	return mask;
}

uint16_t paths_late_origins(const struct paths *paths)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_is_origin(&paths->slot[i]) && !path_is_asked(&paths->slot[i]))
			mask |= (uint16_t)(1u << i);
	}
	return mask;
}

void paths_set_table(struct paths *paths, uint16_t mask)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		paths->slot[i].is_in_table = mask & 1u << i;
	paths->published_mask = mask;
	paths->has_table = true;
}

/* ---- times ---- */

bool paths_may_ask(const struct paths *paths, uint64_t now_ns)
{
	return now_ns >= paths->asked_ns + CHALLENGE_INTERVAL_NS;
}

void paths_stop_asking_late(struct paths *paths, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (paths->slot[i].proof == PATH_MOVING && now_ns >= paths->asked_ns + CANDIDATE_NS)
			path_stop_asking(&paths->slot[i]);
	}
}

unsigned paths_heir(const struct paths *paths, const struct path *path)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *other = &paths->slot[i];

		if (other != path && path_has_target(other) && health_carries_data(&other->health))
			return i;
	}
	return PATH_NONE;
}

/* Nobody would be followed in its place. */
static bool is_needed(const struct paths *paths, const struct path *path, bool is_bonded)
{
	return path_id(paths, path) == paths->followed &&
	       !(is_bonded && paths_heir(paths, path) != PATH_NONE);
}

uint64_t paths_forget_at(const struct paths *paths, const struct path *path, bool is_bonded)
{
	bool is_dead = path->health.state == PATH_DOWN;

	if (!path_is_used(path) || path_is_configured(path) || is_needed(paths, path, is_bonded))
		return NEVER_NS;
	if (!path_has_target(path))
		return path->health.since_ns + CANDIDATE_NS;
	return is_bonded && is_dead ? path->health.since_ns + DEAD_NS : NEVER_NS;
}
