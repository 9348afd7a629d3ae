/* SPDX-License-Identifier: MIT */
/* pull.h - which path takes how much of what waits, by what is believed of each.
 *
 * Packets wait in one queue before the paths, and a path takes a run of them when its own queue has
 * become short: so the queue stands where it can be seen and shared, not in somebody's modem. Of
 * the paths that are ready the one takes the run that will bring it first. A path with a longer way
 * takes none as long as those with a shorter one, though busy, would bring all that waits sooner
 * (earliest completion first: Lim et al., CoNEXT 2017):
 *
 *    need    by how much later a run would come over this path than over the fastest, were that
 *            free; and the jitter of its way
 *    wait    what the faster paths need for all that waits
 *
 * In one order every packet on the slow path lengthens the way of all by the difference, so it
 * *joins* when wait >= need, not before; it would end the slow start of a connection. Once it has
 * joined, PATH_SPILL_NS of backlog are enough, for the time is spent at the receiver now instead of
 * in the queue. It leaves when the fastest path has run dry for a quarter of the last 200 ms. And
 * while a busy period is young, a pause of the senders may be the end of a short transfer: then the
 * last packets do not go over the slow path.
 *
 * What the ways of others are compared with is the *base*: the path that alone would soonest have
 * brought a download of some length. As a rule it is the shortest. A shorter one that is thin
 * counts as a little longer, and takes what the base cannot: the first packets of a connection,
 * over it, would tell of a round trip that is not kept, and end its slow start. Where no more was
 * sent lately than somebody asks for a download with, and of small packets, the shortest is meant.
 *
 * Far slower paths are not used for this at all (the striping set): what they bring must be worth
 * the delay that they cost.
 *
 * A weight is a wish, not a rate: a path of less weight than the heaviest counts as a little longer
 * than it is (PULL_BIAS_NS for each halving, at most eight).
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_PULL_H
#define SCHED_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/account.h"
#include "sched/pull_base.h"
#include "sched/pull_load.h"
#include "sched/pull_path.h"
#include "vtrunkd/limits.h"

#define PULL_SPREAD_NS (150 * NS_PER_MS) /* a path may be so much longer than the shortest */
#define PULL_GAIN_NS   (400 * NS_PER_MS) /* see worth_its_delay() */
#define PULL_DWELL_NS  (5 * NS_PER_S)    /* least time between two changes of the striping set */
#define PULL_DRY_NS    (50 * NS_PER_MS)  /* of the last 200 ms */
#define PULL_TAIL_NS   (5 * NS_PER_MS)   /* nothing follows: perhaps the end */
#define PULL_YOUNG_NS  (2 * NS_PER_S)
#define PULL_REST_NS   (200 * NS_PER_MS) /* after so much silence a busy period begins */
#define PULL_RUN_NS    (NS_PER_MS / 2)   /* of a path's rate, at least two packets */
#define PULL_STICKY_NS (3 * NS_PER_MS)   /* so much better makes the latency class move, ... */
#define PULL_STICKY    5u                /* ... and by one of so many parts of its way, ... */
#define PULL_BETTER_NS (200 * NS_PER_MS) /* ... after it was so for so long */
#define PULL_DETOUR_NS (50 * NS_PER_MS)  /* what is suspect is still better than more than this */
#define PULL_FULL_NS   (3 * NS_PER_MS)   /* more of this class never stands in its path */
#define PULL_FLOOD_NS  (12 * NS_PER_MS)  /* the rest takes even a path that is later */

/* All zero at first. */
struct pull {
	uint64_t last_in_ns;   /* when the latest of the bulk came; 0 never */
	uint64_t busy_from_ns; /* when this busy period began */
	uint64_t dry_ns;       /* of the last 200 ms the fastest path stood idle so long */
	uint64_t dry_at_ns;    /* up to when that was reckoned */
	uint16_t joined;       /* paths, by id */
	uint16_t left_out;     /* of the striping set */
	uint64_t left_out_at_ns[PATHS_MAX]; /* when that changed; 0 never */
	struct pull_load load;              /* whether a download is expected */
	struct pull_base base;              /* what the others add to */
	uint8_t latency_path; /* id */
	bool has_latency_path;
	uint8_t widest;           /* id + 1; 0: none yet */
	uint64_t latency_busy_ns; /* when that will have sent what it got of this class */
	uint64_t better_from_ns;  /* another was better since, or this one suspect; 0: it is best */
};

/* What waits. */
struct pull_backlog {
	uint64_t bytes, packets;
	uint32_t next_bytes; /* of the first packet */
};

enum pull_outcome {
	PULL_RUN,  /* who takes what */
	PULL_WAIT, /* not before at_ns, if nothing changes */
	PULL_NONE, /* there is no path */
};

/* What came out of the question who takes the next run of bulk. All zero at first. */
struct pull_share {
	unsigned slot;   /* PULL_RUN: whose run it is ... */
	uint32_t bytes;  /* ... up to how many (at least one packet) ... */
	uint16_t copies; /* ... and the paths that carry a copy of it, by id */
	uint64_t at_ns;  /* PULL_WAIT: when to ask again; NEVER_NS: when something was heard */
	struct account_choice choice; /* what was found of each, for people */
};

/* Bulk was offered. */
void pull_offered(struct pull *p, uint64_t now_ns);

/* Who takes the next run of bulk. @backlog is not empty. */
enum pull_outcome pull_bulk(struct pull *p, const struct pull_path *path, unsigned len,
                            const struct pull_backlog *backlog, uint64_t now_ns,
                            struct pull_share *ret);

/* The same where copies go over all paths: bulk has the rate of the path that carries most
 * (another takes its place when it carries a quarter more), and each of the others takes a copy of
 * what it has room for. So copies never make anybody wait.
 */
enum pull_outcome pull_copies(struct pull *p, const struct pull_path *path, unsigned len,
                              const struct pull_backlog *backlog, uint64_t now_ns,
                              struct pull_share *ret);

/* The slot of the path that pull_copies() goes by; there is one. */
unsigned pull_widest(struct pull *p, const struct pull_path *path, unsigned len);

/* The same for packets that other paths cannot carry: of @path whichever brings it first, when it
 * has room. Nobody joins or leaves for that.
 */
enum pull_outcome pull_first_ready(const struct pull_path *path, unsigned len,
                                   const struct pull_backlog *backlog, uint64_t now_ns,
                                   struct pull_share *ret);

/* What is found of @path, which has no room. */
static inline enum account_finding pull_why_full(const struct pull_path *path, uint64_t now_ns)
{
	return path->ready_ns > now_ns ? FOUND_LIMITED : FOUND_FULL;
}

/* When @path can take bulk again: @now_ns, or later. */
uint64_t pull_ready_ns(const struct pull_path *path, uint64_t now_ns);

/* How much of it in a row, of which the first packet has @next_bytes. */
uint32_t pull_run_bytes(const struct pull_path *path, uint32_t next_bytes);

/* Time has passed, nothing may have happened: keeps account of how long the fastest path stood
 * idle. @is_empty: no bulk waited since the last call of any function here. Every 10 ms.
 */
void pull_tick(struct pull *p, const struct pull_path *path, unsigned len, bool is_empty,
               uint64_t now_ns);

/* How much more delay than usual bulk may wait in the queue: the way of paths that have not joined,
 * since without that no backlog could earn their joining.
 */
uint64_t pull_slack_ns(const struct pull *p, const struct pull_path *path, unsigned len);

#endif
