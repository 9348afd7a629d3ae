/* SPDX-License-Identifier: MIT */
#include "control/interface_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/desired.h"

static size_t count_routes(const struct desired *wanted)
{
	size_t count = 0;

	for (size_t i = 0; wanted->routes_auto && i < wanted->peer_count; i++)
		count += wanted->peers[i].allowed_ip_count;
	return count;
}

static void copy_routes(struct interface_plan *plan, const struct desired *wanted)
{
	struct prefix *at = plan->routes;

	for (size_t i = 0; plan->route_count && i < wanted->peer_count; i++) {
		const struct desired_peer *peer = &wanted->peers[i];

		for (size_t k = 0; k < peer->allowed_ip_count; k++)
			*at++ = peer->allowed_ips[k];
	}
}

int interface_plan_init(struct interface_plan *plan, const struct desired *wanted)
{
	*plan = (struct interface_plan){.destination = wanted->destination,
	                                .address_count = wanted->address_count,
	                                .route_count = count_routes(wanted)};
	/* One more, so that none is no special case. */
	plan->addresses = calloc(plan->address_count + 1, sizeof *plan->addresses);
	plan->routes = calloc(plan->route_count + 1, sizeof *plan->routes);
	if (!plan->addresses || !plan->routes) {
		interface_plan_fini(plan);
		return -ENOMEM;
	}
	for (size_t i = 0; i < plan->address_count; i++)
		plan->addresses[i] = wanted->addresses[i];
	copy_routes(plan, wanted);
	return 0;
}

void interface_plan_fini(struct interface_plan *plan)
{
	free(plan->addresses);
	free(plan->routes);
	*plan = (struct interface_plan){0};
}

bool interface_plan_comes_by_itself(const struct interface_plan *plan, const struct prefix *prefix)
{
	for (size_t i = 0; i < plan->address_count; i++) {
		struct prefix network = plan->addresses[i];

		if (plan->destination.family == network.family)
			memcpy(network.addr, plan->destination.addr, sizeof network.addr);
		prefix_mask(&network);
		if (prefix_equal(&network, prefix))
			return true;
	}
	return false;
}
