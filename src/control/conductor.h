/* SPDX-License-Identifier: MIT */
/* conductor.h - a peer from its making to its end, and what news mean to it.
 *
 * The table at the head of conductor.c says for each kind of news which steps are taken, in which
 * order; the steps are in the files named peer_*.c, which do not know of each other's part in it.
 *
 * Control thread.
 */
#ifndef CONTROL_CONDUCTOR_H
#define CONTROL_CONDUCTOR_H

#include "control/peer.h"

/* What all peers of a daemon have in common. */
struct peer_shared {
	struct effects *fx;
	struct uplinks *uplinks;
	struct engine *engine;
	const struct noise_identity *identity;
	const uint8_t *boot_id; /* 8 bytes */
	struct stamps *stamps;  /* of peers that went */
	uint64_t now_ns;
	uint32_t next_id; /* counts the peers ever made */
};

/* @config of the state @wanted, of which nothing is kept but copies. Returns 0 or -ENOMEM. */
int peer_create(struct peer_shared *shared, const struct desired *wanted,
                const struct desired_peer *config, struct peer **ret);

/* It takes no part any more: retires its keypairs, leads nowhere, drops what waits. It may still be
 * named by the allowed IPs. Again is allowed.
 */
void peer_leave(struct peer *peer);

/* Leaves, and is no more; NULL is allowed. */
void peer_destroy(struct peer *peer);

/* Takes the steps that the table says, in their order: struct peer has it as its conductor. */
void peer_conduct(struct peer *peer, enum peer_news news, const struct news *n);

/* Does what is due and sets the deadline for what comes next. */
void peer_service(struct peer *peer, uint64_t now_ns);

#endif
