/* SPDX-License-Identifier: MIT */
/* peer_settings.h - what a running peer uses of the configuration: copies of its own.
 *
 * Nothing here points into a desired state, which ends before the peer does. Its name is in struct
 * peer, its endpoints are in endpoints.h and its preshared key is in secret memory. What changes
 * while the peer runs is written into it; only the allowed IPs take memory for that, so others are
 * readied first, while that can still be refused, and taken up later, when it cannot.
 *
 * One thread (control).
 */
#ifndef CONTROL_PEER_SETTINGS_H
#define CONTROL_PEER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prefix.h"
#include "sched/path_table.h"
#include "vtrunkd/wire.h"

struct desired;
struct desired_peer;

/* Owned. All zero: none. */
struct peer_allowed_ips {
	struct prefix *at; /* masked, in the order of the configuration */
	size_t count;
};

struct peer_settings {
	uint8_t public_key[KEY_LEN];
	enum bonding_mode mode;
	bool has_bonding;                 /* we show the marker, and look for it */
	bool requires_bonding;            /* no data to and from a plain peer */
	uint64_t persistent_keepalive_ns; /* 0: off */
	uint64_t error_backoff_ns;        /* how long a path rests that the system refuses */
	struct peer_allowed_ips allowed_ips;
	struct peer_allowed_ips coming; /* readied */
	bool has_coming;
};

/* Those of @peer of the state @wanted. Returns 0 or -ENOMEM, with nothing kept. */
int peer_settings_init(struct peer_settings *set, const struct desired *wanted,
                       const struct desired_peer *peer);
void peer_settings_fini(struct peer_settings *set);

/* Readies the allowed IPs of @peer, unless some are ready. Returns 0 or -ENOMEM. */
int peer_settings_ready_allowed_ips(struct peer_settings *set, const struct desired_peer *peer);

/* Takes up those that are ready, in place of the ones before; drops them. Nothing to do when none
 * are.
 */
void peer_settings_take_allowed_ips(struct peer_settings *set);
void peer_settings_drop_allowed_ips(struct peer_settings *set);

#endif
