/* SPDX-License-Identifier: MIT */
/* changes.h - what runs is brought to a desired state: links and peers come, change and go while
 * the others carry data.
 *
 * Each operation of the list (config/diff.h) is one small function here, and does nothing when it
 * was done before. A peer that goes says goodbye; a link that goes takes with it the paths over it.
 * What all have in common, the allowed IPs and the room for deadlines, follows when the list is
 * done. A start is the list from nothing, the end of the daemon the same backwards. Control thread.
 */
#ifndef CONTROL_CHANGES_H
#define CONTROL_CHANGES_H

#include "control/conductor.h"

struct desired;
struct engine;
struct links;
struct loop;
struct peer;
struct peers;

/* All zero but for @running: nothing is there to change. */
struct changes {
	/* What is changed, and what peers are made of: the owner's, before changes_begin(). */
	struct engine *engine;
	struct loop *loop;
	struct links *links;
	struct peers *peers;
	struct peer_shared shared;
	void (*peers_changed)(void *arg); /* the list of them is another, or may be */
	void *arg;

	struct desired *running; /* what the last list led to; freed by the owner */
	struct peer *leaving;    /* peers that went and are still named by the allowed IPs */
};

/* From nothing to @running. What was added is not opened yet: links_open(). Returns 0 or a
 * negative errno.
 */
int changes_begin(struct changes *changes);

/* From what runs to @wanted, which is taken over, also on failure; what is new is opened and begins
 * to work. Returns 0 or a negative errno: -ENOTSUP with nothing done when the list has an operation
 * that needs a restart; otherwise what was done is taken back.
 */
int changes_apply(struct changes *changes, struct desired *wanted);

/* To nothing, with a goodbye to every peer. Needs no memory. Again is allowed. */
void changes_end(struct changes *changes);

#endif
