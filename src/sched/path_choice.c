/* SPDX-License-Identifier: MIT */
#include "sched/path_choice.h"

static bool can_carry(const struct path_facts *path, uint64_t now_ns)
{
	return path->has_target && path->has_link && path->rest_until_ns <= now_ns;
}

static bool is_alive(const struct path_facts *path, uint64_t now_ns)
{
	return can_carry(path, now_ns) && health_carries_data(path->health);
}

static struct path_candidate candidate(const struct path_choice *choice, unsigned id)
{
	const struct path_facts *path = &choice->path[id];

	return (struct path_candidate){.path_id = (uint8_t)id,
	                               .rank = path->rank,
	                               .packet_max = choice->is_bonded ? path->packet_max : 0,
	                               .weight = path->weight,
	                               .limit = {path->limit[0], path->limit[1]}};
}

static bool has_answered_lately(const struct path_facts *path, uint64_t now_ns)
{
	return can_carry(path, now_ns) && health_answers(path->health) &&
	       path->health->answered_ns + PATH_LATELY_NS > now_ns;
}

static unsigned choose_alive(const struct path_choice *choice, bool is_leaving,
                             struct path_candidate candidates[PATHS_MAX], uint64_t now_ns)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path_facts *path = &choice->path[i];

		if (path->is_leaving == is_leaving &&
		    (is_alive(path, now_ns) ||
		     (choice->is_redundant && has_answered_lately(path, now_ns))))
			candidates[n++] = candidate(choice, i);
	}
	return n;
}

/* The one where the peer is followed, of a bonded peer only until it has answered. */
static unsigned choose_followed(const struct path_choice *choice,
                                struct path_candidate candidates[PATHS_MAX], uint64_t now_ns)
{
	const struct path_facts *path;

	if (choice->followed >= PATHS_MAX)
		return 0;
	path = &choice->path[choice->followed];
	if (!can_carry(path, now_ns))
		return 0;
	if (choice->is_bonded && path->health->state != PATH_UNPROVEN)
		return 0;
	candidates[0] = candidate(choice, choice->followed);
	return 1;
}

static unsigned choose_answering(const struct path_choice *choice,
                                 struct path_candidate candidates[PATHS_MAX], uint64_t now_ns)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (can_carry(&choice->path[i], now_ns) && health_answers(choice->path[i].health))
			candidates[n++] = candidate(choice, i);
	}
	return n;
}

static unsigned choose_heard_last(const struct path_choice *choice,
                                  struct path_candidate candidates[PATHS_MAX], uint64_t now_ns)
{
	uint64_t newest_ns = now_ns > PATH_DOUBTFUL_NS ? now_ns - PATH_DOUBTFUL_NS : 0;
	unsigned n = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path_facts *path = &choice->path[i];

		if (!can_carry(path, now_ns) || path->heard_ns <= newest_ns)
			continue;
		newest_ns = path->heard_ns;
		candidates[0] = candidate(choice, i);
		n = 1;
	}
	return n;
}

unsigned path_choose(const struct path_choice *choice, struct path_candidate candidates[PATHS_MAX],
                     uint64_t now_ns)
{
	unsigned n = choice->is_bonded ? choose_alive(choice, false, candidates, now_ns) : 0;

	if (n == 0)
		n = choose_followed(choice, candidates, now_ns);
	if (n == 0 && choice->is_bonded)
		n = choose_answering(choice, candidates, now_ns);
	if (n == 0 && choice->is_bonded)
		n = choose_heard_last(choice, candidates, now_ns);
	if (n == 0 && choice->is_bonded)
		n = choose_alive(choice, true, candidates, now_ns);
	return n;
}

bool path_has_alternative(const struct path_choice *choice, unsigned path_id, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path_facts *other = &choice->path[i];

		/* A plain peer answers no probes: any path may be as good as this one. */
		if (i != path_id &&
		    (choice->is_bonded ? is_alive(other, now_ns) && !other->is_leaving
		                       : can_carry(other, now_ns)))
			return true;
	}
	return false;
}
