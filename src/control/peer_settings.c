/* SPDX-License-Identifier: MIT */
#include "control/peer_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "config/desired.h"

static int copy_allowed_ips(struct peer_allowed_ips *ret, const struct desired_peer *peer)
{
	*ret = (struct peer_allowed_ips){0};
	if (!peer->allowed_ip_count)
		return 0;
	ret->at = calloc(peer->allowed_ip_count, sizeof *ret->at);
	if (!ret->at)
		return -ENOMEM;
	memcpy(ret->at, peer->allowed_ips, peer->allowed_ip_count * sizeof *ret->at);
	ret->count = peer->allowed_ip_count;
	return 0;
}

static void free_allowed_ips(struct peer_allowed_ips *ips)
{
	free(ips->at);
	*ips = (struct peer_allowed_ips){0};
}

int peer_settings_init(struct peer_settings *set, const struct desired *wanted,
                       const struct desired_peer *peer)
{
	*set = (struct peer_settings){.mode = peer->mode,
	                              .has_bonding = wanted->bonding != BONDING_POLICY_OFF,
	                              .requires_bonding = wanted->bonding == BONDING_POLICY_REQUIRE,
	                              .persistent_keepalive_ns =
	                                      peer->persistent_keepalive * NS_PER_S,
	                              .error_backoff_ns = wanted->error_backoff_ns};
	memcpy(set->public_key, peer->public_key, KEY_LEN);
	return copy_allowed_ips(&set->allowed_ips, peer);
}

void peer_settings_fini(struct peer_settings *set)
{
	free_allowed_ips(&set->allowed_ips);
	peer_settings_drop_allowed_ips(set);
}

int peer_settings_ready_allowed_ips(struct peer_settings *set, const struct desired_peer *peer)
{
	int r = set->has_coming ? 0 : copy_allowed_ips(&set->coming, peer);

	set->has_coming = !r;
	return r;
}

void peer_settings_take_allowed_ips(struct peer_settings *set)
{
	if (!set->has_coming)
		return;
	free_allowed_ips(&set->allowed_ips);
	set->allowed_ips = set->coming;
	set->coming = (struct peer_allowed_ips){0};
	set->has_coming = false;
}

void peer_settings_drop_allowed_ips(struct peer_settings *set)
{
	free_allowed_ips(&set->coming);
	set->has_coming = false;
}
