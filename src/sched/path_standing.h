/* SPDX-License-Identifier: MIT */
/* path_standing.h - why a path is not among those that may carry data now, by the rules of
 * path_choice.h.
 *
 * For people. Asked of a path that was not chosen; of several causes the one that would have to go
 * first. Pure; time comes in.
 */
#ifndef SCHED_PATH_STANDING_H
#define SCHED_PATH_STANDING_H

#include <stdint.h>

#include "sched/path_choice.h"

enum standing {
	STANDING_NO_LINK,      /* the sockets of its link cannot be used */
	STANDING_RESTS,        /* the system refused to send, for left_ns more */
	STANDING_NOT_FOLLOWED, /* the peer is plain, and spoken to over another path */
	STANDING_UNPROVEN,     /* no answer came yet */
	STANDING_HELD_DOWN,    /* it answers again, and has to wait for left_ns more */
	STANDING_PROVES,       /* it answers again, and not often enough yet */
	STANDING_LEAVING, /* it answers, but the peer says that its end can carry nothing */
	STANDING_DOWN,
	STANDING_ALIVE, /* nothing is against it */
};

struct path_standing {
	enum standing is;
	uint64_t left_ns;
};

struct path_standing path_standing(const struct path_choice *choice, unsigned path_id,
                                   uint64_t now_ns);

#endif
