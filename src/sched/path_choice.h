/* SPDX-License-Identifier: MIT */
/* path_choice.h - which paths of a peer may carry data now.
 *
 * A plain peer is spoken to over one path, the one it is followed on. Of a bonded peer:
 *
 *    1. all paths that are up or suspect; if there are none,
 *    2. the one that the handshake took, as long as it has yet to answer; if it is not that,
 *    3. those that have answered since they fell: with no path up, hold-downs and verdicts are
 *       worth less than a chance; if there are none,
 *    4. the one where the peer was heard last, if that was within PATH_DOUBTFUL_NS; if it is none,
 *    5. those that are up though the peer says that its end can carry nothing.
 *
 * Where every packet goes over every path nothing is lost by one that may be dead: those of the
 * paths of 3. that have answered lately are among those of 1. then.
 *
 * A path that cannot carry anything, for want of an address or a link or because it rests, is never
 * among them. What comes out is for path_table_build(). Pure; time comes in.
 */
#ifndef SCHED_PATH_CHOICE_H
#define SCHED_PATH_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/health.h"
#include "sched/path_table.h"

/* A path that is down may serve for so long after the peer was heard there, if no other is up. */
#define PATH_DOUBTFUL_NS (2 * NS_PER_S)
#define PATH_LATELY_NS   NS_PER_S

/* What the choice goes by, of one path. */
struct path_facts {
	bool has_target;        /* it exists, and where it leads is proved */
	bool has_link;          /* the sockets of its link can be used */
	uint64_t rest_until_ns; /* the system refused to send; 0 or past: it may be tried */
	uint64_t heard_ns;      /* when the newest datagram came; 0 never */
	uint32_t weight;
	uint16_t packet_max; /* as of struct path_candidate; of a bonded peer */
	uint8_t rank;        /* see struct path_candidate */
	struct path_limit limit[LIMITS];
	const struct path_health *health;
	bool is_leaving; /* the peer says that its end can carry nothing */
};

/* Of a peer. */
struct path_choice {
	struct path_facts path[PATHS_MAX]; /* by path id; all zero: none */
	bool is_bonded;
	bool is_redundant; /* every packet goes over every path */
	unsigned followed; /* where the peer was found last; PATHS_MAX or above: nowhere */
};

/* Writes those chosen to @candidates, by rising id. Returns how many. */
unsigned path_choose(const struct path_choice *choice, struct path_candidate candidates[PATHS_MAX],
                     uint64_t now_ns);

/* Whether data could go somewhere else if path @path_id carried none. */
bool path_has_alternative(const struct path_choice *choice, unsigned path_id, uint64_t now_ns);

#endif
