/* SPDX-License-Identifier: MIT */
#include "sched/link_wishes.h"

struct link_wishes link_wishes_of_both(const struct link_wishes *a, const struct link_wishes *b)
{
	return (struct link_wishes){.role = a->role > b->role ? a->role : b->role,
	                            .weight = a->weight > b->weight ? a->weight : b->weight};
}

const char *link_role_name(enum link_role role)
{
	static const char *const names[LINK_ROLES] = {[LINK_ROLE_PRIMARY] = "primary",
	                                              [LINK_ROLE_OVERFLOW] = "overflow",
	                                              [LINK_ROLE_BACKUP] = "backup"};

	return names[role];
}
