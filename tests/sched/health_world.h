/* SPDX-License-Identifier: MIT */
/* health_world.h - a path in virtual time: probes leave when they are due, answers come after the
 * delay of the moment or never, and between two deadlines nothing is called. Beside it stands an
 * oracle that keeps a list of all probes and looks through it after every step.
 */
#ifndef TESTS_SCHED_HEALTH_WORLD_H
#define TESTS_SCHED_HEALTH_WORLD_H

#include <stddef.h>

#include "sched/health.h"

#define MS    NS_PER_MS
#define START (1000 * NS_PER_S)

extern const struct health_settings usual;

struct sent_probe {
	uint16_t seq;
	bool is_answered;
	uint64_t sent_ns;
	uint64_t answer_ns; /* NEVER_NS: lost */
};

struct world {
	struct path_health h;
	struct health_settings set;
	uint64_t now_ns;

	uint64_t rtt_ns, jitter_ns;
	unsigned loss_percent;             /* of probes or answers */
	uint64_t hole_from_ns, hole_to_ns; /* nothing passes, either way */
	uint64_t hole_every_ns;            /* above 0: the hole comes again */
	uint64_t queue_from_ns, queue_ns;  /* a queue begins to fill, to this length */
	uint64_t queue_rise_ns;            /* within this time */
	bool (*is_lost)(const struct world *w);
	bool has_hearsay; /* it may be suspect for what somebody said */
	uint64_t late_ns; /* the caller wakes up to this much after its deadline */

	struct sent_probe *probes;
	size_t probe_count;
	size_t first_open; /* all before it are answered, lost or overtaken long ago */
	size_t wakes, answers, changes, falls;
	uint64_t heard_ns;
	uint64_t fell_ns;
	uint64_t carried_ns;
};

/* A path of @rtt_ns whose first probe is due. */
void world_init(struct world *w, const struct health_settings *set, uint64_t rtt_ns);
void world_fini(struct world *w);

/* Time passes. Every step is judged by the oracle, and no change may come but at its deadline. */
void run_until(struct world *w, uint64_t end_ns);
void run_for(struct world *w, uint64_t ns);

/* A local event: the answers on their way count no more. */
void fail_world(struct world *w);

/* Data begins to flow or stops. */
void set_busy(struct world *w, bool is_busy);

/* A path that has come up at START with 20 ms, its next probe due at START + 1 s. */
void path_up(struct path_health *h);

#endif
