/* SPDX-License-Identifier: MIT */
/* doors.h - the handshake sockets of all links as one descriptor, which one thread watches and
 * another fills.
 *
 * An epoll set, to which control adds and from which it removes sockets with a call of the system
 * that any thread may make; whoever reads looks away from all of them by not watching the set.
 */
#ifndef CONTROL_DOORS_H
#define CONTROL_DOORS_H

struct link;

struct doors {
	int fd; /* readable when one of the sockets is; -1: none */
};

/* Returns 0 or a negative errno. */
int doors_init(struct doors *doors);

/* When nobody reads any more. One whose descriptor is -1 is allowed. */
void doors_fini(struct doors *doors);

/* ---- control ---- */

/* Makes sure that the handshake socket of @link, which is open, can be watched, before that is
 * done: until then it may be closed. Returns 0 or a negative errno.
 */
int doors_reserve(struct doors *doors, struct link *link);

/* It is watched. Returns 0 or a negative errno; cannot fail after doors_reserve(). */
int doors_open(struct doors *doors, struct link *link);

/* It is watched no more, but who reads may have it in hand until a grace period is over: meanwhile
 * its descriptor may become that of another socket of the link, and is not closed.
 */
void doors_close(struct doors *doors, struct link *link);

/* ---- who reads ---- */

#define DOORS_READY_MAX 16

/* Links whose handshake sockets can be read now, in turns: returns how many. */
unsigned doors_ready(struct doors *doors, struct link *ret[static DOORS_READY_MAX]);

#endif
