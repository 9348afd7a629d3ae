/* SPDX-License-Identifier: MIT */
/* changer.h - who does the operations of a list of changes (reconcile.h), and what runs: what their
 * functions in changes_links.h and changes_peers.h find around the table that they are called
 * through.
 *
 * Control thread.
 */
#ifndef CONTROL_CHANGER_H
#define CONTROL_CHANGER_H

#include "base/rcu.h"
#include "control/conductor.h"
#include "control/reconcile.h"

struct allowedips;
struct traffic_rules;
struct desired;
struct engine;
struct links;
struct loop;
struct peer;
struct peers;
struct surroundings;

/* All zero but for @running: nothing is there to change. */
struct changes {
	/* What is changed, and what peers are made of: the owner's, before changes_begin(). */
	struct engine *engine;
	struct loop *loop;
	struct links *links;
	struct peers *peers;
	struct peer_shared shared;
	struct surroundings *around;      /* routes follow; may not be set up yet */
	void (*peers_changed)(void *arg); /* the list of them is another, or may be */
	void *arg;

	struct desired *running; /* what the last list led to; freed by the owner */

	/* While a list is followed. */
	struct peer *arriving, *last_arriving; /* readied, in the order in which they come */
	struct peer *leaving;          /* peers that went and are still named by the allowed IPs */
	struct allowedips *allowedips; /* readied */
	struct traffic_rules *rules;   /* the same; NULL: there are none */
};

struct changer {
	struct reconciler by;
	struct changes *changes;
	char *why; /* where what cannot be done is written; NULL: nobody asks */
};

static inline struct changes *changes_of(struct reconciler *by)
{
	return caa_container_of(by, struct changer, by)->changes;
}

#endif
