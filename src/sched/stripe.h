/* SPDX-License-Identifier: MIT */
/* stripe.h - one peer's paths as a sender sees them whose receiver reports: a model of each, who
 * takes what, what is dead, what is to be sent again.
 *
 * Which paths live: stripe_lives.h.
 *
 * Pure; time comes in. Allocates a model when a path is met for the first time.
 */
#ifndef SCHED_STRIPE_H
#define SCHED_STRIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/account.h"
#include "sched/balance.h"
#include "sched/codel.h"
#include "sched/duplicate.h"
#include "sched/overflow.h"
#include "sched/pacers.h"
#include "sched/path_table.h"
#include "sched/pull.h"
#include "sched/repair.h"

#define STRIPE_TICK_NS      (10 * NS_PER_MS)
#define STRIPE_CODEL_NS     (40 * NS_PER_MS)  /* what bulk may wait: it has to outlast one repair */
#define STRIPE_CODEL_ONE_NS (20 * NS_PER_MS)  /* where a packet has one path nothing is repaired */
#define STRIPE_WAITING_NS   (300 * NS_PER_MS) /* of all capacities, more never waits */
#define STRIPE_BOUNDS_NS    NS_PER_MS
#define STRIPE_FEW_BYTES    3000u /* two packets: nobody is told to slow down for so little */

/* All zero at first. */
struct stripe {
	struct path_model *model[PATHS_MAX]; /* by path id; NULL: never met */
	struct pull pull;
	struct overflow overflow;
	struct pacers pacers;
	struct account *account; /* the caller's, or NULL */
	struct repair *repair; /* or NULL */
	struct duplicate *duplicate; /* or NULL */
	struct balance *balance;     /* or NULL */
	uint16_t dead, suspect, doubted;
	uint64_t doubted_ns[PATHS_MAX]; /* by path id: when those doubted became so last */
	uint16_t pausing;        /* for a clean probe, see measure.h */
	uint16_t spared;         /* the caller's: no trains are sent over them */
	uint16_t trained;        /* a train was sent over them ... */
	uint64_t trained_ns;     /* ... the last one then */
	uint16_t awaits_train;   /* and over these one is due, see measure_due_ns() */
	uint64_t turn_ns;        /* when one that nobody waits for may leave; 0: not yet known */
	uint64_t train_ns[PATHS_MAX]; /* when the last was sent, wherever the path led; 0: never */
	uint64_t expected_ns;    /* when a connection may have begun; 0: never */
	uint8_t back[PATHS_MAX]; /* reports of something new since it is dead */
	bool has_report;
	uint32_t report_number; /* of the newest */
	uint32_t report_key;    /* and the keypair that it told of */
	uint32_t zero_us;       /* see path_model_heard() */
	struct {
		uint64_t came_ns; /* the newest */
		uint64_t mean_ns,
			off_ns; /* time between two, and how far it is off that; 0: unknown */
	} reports;
	uint64_t wait_until_ns; /* what the last choice said; 0: nothing */
	struct {
		uint64_t bytes_max, target_ns; /* how much may wait, and how long */
		uint64_t until_ns;             /* then they are reckoned anew; 0: never were */
	} bounds;
};

void stripe_fini(struct stripe *st);

/* The peer is another one, or has begun another life: its clock has another origin. */
void stripe_forget(struct stripe *st);

/* Path @path_id leads elsewhere now, or is another one. */
void stripe_forget_path(struct stripe *st, unsigned path_id);

/* The model of a path; NULL without memory. */
struct path_model *stripe_model(struct stripe *st, uint8_t path_id);

/* A bit for each that takes none as long as others can: dead, or doubted. */
uint16_t stripe_passed_by(const struct stripe *st, const struct path_table *table);

/* The paths of @table that take data: those of the lowest rank of which any lives, without the dead
 * and the doubted ones; if all are, without the dead ones; if all are dead, all of the lowest. (In
 * the modes redundant and balance doubt is no reason to take none: nothing is lost by a copy more,
 * and a flow that had left its path would not come back.) Returns how many.
 */
unsigned stripe_paths(struct stripe *st, const struct path_table *table,
                      struct pull_path path[PATHS_MAX]);

/* The same for a packet of @bytes: those that it fits, unless it fits none. */
unsigned stripe_paths_for(struct stripe *st, const struct path_table *table, uint32_t bytes,
                          struct pull_path path[PATHS_MAX]);

/* What fits none of @path leaves in fragments, which not every way carries (over IPv6 only where
 * the system knows the MTU of the way, over some routers never). So those that fell silent and
 * would carry it whole take a copy: the silence may be over in a moment.
 */
uint16_t stripe_silent_for(struct stripe *st, const struct path_table *table,
                           const struct pull_path *path, unsigned len, uint32_t bytes);

/* Who takes the next run. */
struct stripe_share {
	uint8_t path_id;
	uint16_t path_mask; /* it, and those that carry a copy, among them silent ones */
	uint16_t asked;     /* those that could have had it; not said by stripe_pull() */
	uint32_t bytes;     /* up to so many, at least one packet */
};

/* Of bulk, among those that the next packet fits; what to wait for is kept in wait_until_ns. */
enum pull_outcome stripe_pull(struct stripe *st, const struct path_table *table,
                              const struct pull_backlog *backlog, uint64_t now_ns,
                              struct stripe_share *ret);

/* Of what is in a hurry, a packet of @bytes first. False: there is no path. */
bool stripe_urgent(struct stripe *st, const struct path_table *table, uint32_t bytes,
                   uint64_t now_ns, struct stripe_share *ret);

/* The same and, while these are full, those for the overflow behind them. */
unsigned stripe_bulk_paths(struct stripe *st, const struct path_table *table,
                           struct pull_path path[PATHS_MAX]);

/* Finds out whether they are full; @waiting_bytes wait. Before bulk is given to a path. */
void stripe_look_at_load(struct stripe *st, const struct path_table *table, uint64_t waiting_bytes,
                         uint64_t now_ns);

/* Whether there never was more than one path. One that has fallen will come back, and senders
 * should not have shrunk to a single path by then.
 */
bool stripe_is_alone(const struct stripe *st);

/* How much bulk may wait in bytes, and how long in ns: bounds that change slowly, reckoned anew
 * every STRIPE_BOUNDS_NS.
 */
void stripe_reckon_bounds(struct stripe *st, const struct path_table *table, uint64_t now_ns);

/* Whether more bulk waits than ever should. */
static inline bool stripe_is_full(struct stripe *st, const struct path_table *table,
                                  uint64_t waiting_bytes, uint64_t now_ns)
{
	if (now_ns >= st->bounds.until_ns)
		stripe_reckon_bounds(st, table, now_ns);
	return waiting_bytes > st->bounds.bytes_max;
}

/* The same where nothing is learned and limits alone hold bulk up. */
bool stripe_is_over_limits(struct stripe *st, const struct path_table *table,
                           uint64_t waiting_bytes);

/* Whether the next packet of bulk, which has waited for @waited_ns, is to be dropped or marked.
 * @codel: of its flow. Behind stripe_is_full().
 */
static inline bool stripe_is_congested(const struct stripe *st, struct codel *codel,
                                       uint64_t waiting_bytes, uint64_t waited_ns, uint64_t now_ns)
{
	return codel_drop(codel, waited_ns, st->bounds.target_ns, waiting_bytes < STRIPE_FEW_BYTES,
	                  now_ns);
}

/* The slot for the next repair, whose first way was over @from; -1: not now. */
int stripe_repair_slot(struct stripe *st, const struct pull_path *path, unsigned len, uint8_t from,
                       uint64_t now_ns);

#endif
