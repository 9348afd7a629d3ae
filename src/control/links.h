/* SPDX-License-Identifier: MIT */
/* links.h - our links within the daemon: made as the configuration says, read, their peers told.
 *
 * What a link does by itself is in uplink.h, which knows no peer. Here the gate is given its
 * handshake sockets to read, and the peers hear what happens to the sockets that their paths use.
 * Control thread.
 */
#ifndef CONTROL_LINKS_H
#define CONTROL_LINKS_H

#include "control/uplink.h"

struct desired;
struct desired_link;
struct doors;
struct engine;
struct loop;
struct peers;

struct links {
	struct uplink_effects fx; /* what they do to the rest */

	/* The owner's, before links_init(). */
	struct uplinks *uplinks;
	struct engine *engine;
	struct doors *doors; /* of the gate; NULL: none of them is ever opened */
	struct loop *loop;   /* with room for their deadlines */
	const struct peers *peers;
};

/* None yet. @links must stay where it is. */
void links_init(struct links *links);

/* One more, of which nothing is opened: @link of the state @wanted. It keeps no pointer to them. */
void links_add(struct links *links, const struct desired *wanted, const struct desired_link *link);

/* What is wanted of paths over it. */
struct link_wishes links_wishes_of(const struct desired_link *link);

/* The id of the one called @name; -1: there is none, or @name is "". */
int links_find(const struct links *links, const char *name);

/* It goes, while others go on: peers forget their paths over it, what they said there leaves, its
 * threads end. Nothing to do when there is none called @name.
 */
void links_remove(struct links *links, const char *name);

/* It is bound, tied to a device or marked otherwise in the state @wanted: its sockets are closed,
 * and links_open() opens others. Its paths stay and are down meanwhile, so that what its peers can
 * say over other links goes there; those of a family that it has no more are gone.
 */
void links_change(struct links *links, const struct desired *wanted,
                  const struct desired_link *link);

/* Opens what the configuration binds of those that were added or changed since. Errors as of
 * uplink_open(); then it is to be called again for those behind.
 */
int links_open(struct links *links, uint64_t now_ns);

#endif
