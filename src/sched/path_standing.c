/* SPDX-License-Identifier: MIT */
#include "sched/path_standing.h"

static struct path_standing of_health(const struct path_health *h, uint64_t now_ns)
{
	if (health_carries_data(h))
		return (struct path_standing){.is = STANDING_ALIVE};
	if (health_answers(h) && h->hold_until_ns > now_ns)
		return (struct path_standing){STANDING_HELD_DOWN, h->hold_until_ns - now_ns};
	if (health_answers(h))
		return (struct path_standing){.is = STANDING_PROVES};
	return (struct path_standing){.is = h->state == PATH_UNPROVEN ? STANDING_UNPROVEN
	                                                              : STANDING_DOWN};
}

struct path_standing path_standing(const struct path_choice *choice, unsigned path_id,
                                   uint64_t now_ns)
{
	const struct path_facts *path = &choice->path[path_id];

	if (!path->has_link)
		return (struct path_standing){.is = STANDING_NO_LINK};
	if (path->rest_until_ns > now_ns)
		return (struct path_standing){STANDING_RESTS, path->rest_until_ns - now_ns};
	if (!choice->is_bonded && path_id != choice->followed)
		return (struct path_standing){.is = STANDING_NOT_FOLLOWED};
	if (path->is_leaving && health_carries_data(path->health))
		return (struct path_standing){.is = STANDING_LEAVING};
	return of_health(path->health, now_ns);
}
