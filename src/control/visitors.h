/* SPDX-License-Identifier: MIT */
/* visitors.h - handshake messages on their way from the thread that checks strangers to control: a
 * ring.
 *
 * One thread lets in, one takes out, nobody waits and nothing is allocated. When the ring is full
 * the one who lets in hears so, leaves further messages where they are, and is woken when half of
 * it is free:
 *
 *      visitors_room(), fill in, visitors_let_in()   -->   visitors_next(), visitors_dismiss()
 *
 * What a message has said so far of its sender's keys lies in secret memory and is wiped when it is
 * dismissed.
 *
 *   [I] set by visitors_init()   [P] who lets in   [C] who takes out   [A] both
 */
#ifndef CONTROL_VISITORS_H
#define CONTROL_VISITORS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/align.h"
#include "base/bell.h"
#include "crypto/noise.h"
#include "dataplane/route.h"
#include "vtrunkd/wire.h"

/* Some milliseconds of work for who takes them out. */
#define VISITORS_MAX 64u

/* A handshake message that may concern a peer of ours. */
struct visitor {
	struct route route; /* where it came from */
	uint64_t time_ns;   /* and when */
	unsigned kind;      /* MESSAGE_INITIATION, MESSAGE_RESPONSE or MESSAGE_COOKIE_REPLY */
	union {
		struct message_initiation initiation;
		struct message_response response;
		struct message_cookie_reply cookie;
	} message;
	struct noise_initiation
		*opened; /* of an initiation: noise_open_initiation(). Secret memory */
};

struct visitors {
	struct visitor slot[VISITORS_MAX]; /* of [P] until let in, of [C] until dismissed */
	struct bell arrived;               /* [A] wakes who takes out */
	struct bell has_room;              /* [A] wakes who lets in */

	_Alignas(CACHE_LINE) _Atomic unsigned in;  /* [P] so many were let in; counts on and on */
	_Alignas(CACHE_LINE) _Atomic unsigned out; /* [C] and dismissed */
	_Alignas(CACHE_LINE) _Atomic bool is_room_wanted; /* [A] has_room is to be rung */
};

/* Returns 0 or a negative errno; then visitors_fini() is due too. */
int visitors_init(struct visitors *v);

/* Wipes those who are left. When nobody uses it any more. */
void visitors_fini(struct visitors *v);

/* The place of the next one, or NULL: has_room will be rung when there is some. Asked twice it is
 * the same place. [P]
 */
struct visitor *visitors_room(struct visitors *v);

/* Hands over the one in the place that visitors_room() gave. [P] */
void visitors_let_in(struct visitors *v);

/* The one who came first, or NULL. [C], who calls bell_heard() on @arrived before. */
struct visitor *visitors_next(struct visitors *v);

/* Wipes that one and gives its place back. [C] */
void visitors_dismiss(struct visitors *v);

#endif
