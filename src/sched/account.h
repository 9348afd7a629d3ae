/* SPDX-License-Identifier: MIT */
/* account.h - what a sender gave each of its paths to carry, and why no more, for people.
 *
 * Counted where it is decided, never reckoned afterwards. Bytes are those of inner packets: probes
 * and reports are nobody's share. Each time bulk asks who takes the next run something is found of
 * every path, also where one path alone comes into question for it; how often what was, and for how
 * long of the time in which bulk had to wait, is counted too. Counts only grow; who wants those of
 * a second takes two.
 *
 * One writer at a time, who has the role of the peer's sender; read by any thread, each number for
 * itself.
 */
#ifndef SCHED_ACCOUNT_H
#define SCHED_ACCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "sched/path_table.h"
#include "vtrunkd/limits.h"

#define ACCOUNT_GAP_NS   (50 * NS_PER_MS)
#define ACCOUNT_FLOWS_NS (100 * NS_PER_MS) /* flows are counted so often */

/* As what it was sent. */
enum account_kind {
	ACCOUNT_BULK,     /* by what is believed of the paths */
	ACCOUNT_URGENT,   /* the same, in a hurry */
	ACCOUNT_COPY,     /* of what another path carries */
	ACCOUNT_REPAIR,   /* lost elsewhere, or on a path that died */
	ACCOUNT_BY_TABLE, /* by weight, or because there was one path only */
	ACCOUNT_KINDS,
};

/* What is found of a path when bulk asks. */
enum account_finding {
	FOUND_NOTHING,  /* it was not asked */
	FOUND_FIRST,    /* it takes the run: of the quickest it is the one that has room */
	FOUND_JOINED,   /* it takes the run though quicker ones exist: so much waits for them */
	FOUND_QUICKEST, /* it takes the run: the quickest, which takes all */
	FOUND_OWN,      /* it takes the run: of a flow that keeps to it */
	FOUND_PINNED,   /* it takes the run: of a flow that has it by configuration */
	FOUND_FULL,     /* it has enough to carry, or pauses to be measured */
	FOUND_LIMITED,  /* the limit of one of its links is used up */
	FOUND_BEHIND,   /* it has room, and so has another, which brings it sooner */
	FOUND_EARLY,   /* it has room, but quicker ones, though busy, bring all that waits sooner */
	FOUND_ENDING,  /* the same: senders pause, what waits may be the last */
	FOUND_FAR,     /* its way is too long to be waited for */
	FOUND_POOR,    /* what it carries is not worth its delay */
	FOUND_LATER,   /* another is the quickest, which takes all */
	FOUND_OTHERS,  /* another has the flow, by configuration or because that keeps to it */
	FOUND_UNKNOWN, /* its way, or what a quicker one carries, is yet to be measured */
	FOUND_SMALL,   /* the packet is too long for it */
	FOUND_DEAD,    /* what was sent over it is overdue, and nothing of others */
	FOUND_SPARE,   /* others go before it while one of them lives */
	FINDINGS,
};

/* One question of bulk, all zero at first. */
struct account_choice {
	uint8_t base;                /* id + 1 of the path that ways are compared with; 0: none */
	uint8_t found[PATHS_MAX];    /* by path id */
	uint64_t need_ns[PATHS_MAX]; /* so much has to wait for quicker ones first; 0: unasked */
};

/* Of a run that is no copy. */
static inline enum account_kind account_kind(bool is_learned, bool is_urgent)
{
	if (!is_learned)
		return ACCOUNT_BY_TABLE;
	return is_urgent ? ACCOUNT_URGENT : ACCOUNT_BULK;
}

struct account_path {
	counter_t bytes[ACCOUNT_KINDS];
	counter_t found[FINDINGS];     /* how often */
	counter_t waited_ns[FINDINGS]; /* while bulk had to wait */
	counter_t need_ns;             /* when that was said last */
};

/* All zero at first. Of sixteen paths two are used as a rule. */
struct account {
	struct account_path *_Atomic path[PATHS_MAX]; /* NULL: nothing was counted, or no memory */
	_Atomic uint16_t flows[PATHS_MAX]; /* that keep to it, when they were counted last */
	_Atomic uint8_t base;              /* of the last choice that had one */
	uint64_t flows_ns;                 /* the writer's: that was then */
	bool is_waiting;                   /* the writer's: so ended the last question, ... */
	uint8_t found[PATHS_MAX];          /* ... in which this was found ... */
	uint64_t asked_ns;                 /* ... at this time */
};

/* What stood in an account, of one path. */
struct account_counts {
	uint64_t bytes[ACCOUNT_KINDS];
	uint64_t found[FINDINGS], waited_ns[FINDINGS];
	uint64_t need_ns;
	uint16_t flows;
	uint8_t base;
};

/* Frees what it took; nobody reads it any more. */
void account_fini(struct account *account);

/* For account_path_of(). */
struct account_path *account_begin_path(struct account *account, unsigned path_id);

/* Where the writer counts what is about the path; NULL without memory. */
static inline struct account_path *account_path_of(struct account *account, unsigned path_id)
{
	struct account_path *path =
		atomic_load_explicit(&account->path[path_id], memory_order_relaxed);

	return path ? path : account_begin_path(account, path_id);
}

static inline void account_count(struct account *account, unsigned path_id, enum account_kind kind,
                                 uint32_t bytes)
{
	struct account_path *path = account_path_of(account, path_id);

	if (path)
		counter_add(&path->bytes[kind], bytes);
}

/* @bytes went over the path @carrier, and as copies over the others in @mask. NULL: nobody wants to
 * know.
 */
static inline void account_sent(struct account *account, enum account_kind kind, uint8_t carrier,
                                uint16_t mask, uint32_t bytes)
{
	if (!account)
		return;
	account_count(account, carrier, kind, bytes);
	for (mask &= (uint16_t) ~(1u << carrier); mask; mask &= mask - 1)
		account_count(account, (unsigned)__builtin_ctz(mask), ACCOUNT_COPY, bytes);
}

/* Bulk with a packet of @bytes at its head asked the paths of @table, of which those in @dead are
 * dead; those that @choice tells nothing of were passed over for what the others show.
 * @is_waiting: none takes anything now. Time is counted up to ACCOUNT_GAP_NS from question to
 * question: as long as bulk waits there is one every 10 ms. NULL is allowed.
 */
void account_asked(struct account *account, const struct path_table *table, uint16_t dead,
                   uint32_t bytes, const struct account_choice *choice, bool is_waiting,
                   uint64_t now_ns);

/* Whether the flows that keep to a path are to be counted again. */
static inline bool account_wants_flows(const struct account *account, uint64_t now_ns)
{
	return account && now_ns - account->flows_ns >= ACCOUNT_FLOWS_NS;
}

/* So many keep to each path now, by its id. */
void account_flows(struct account *account, const unsigned count[static PATHS_MAX],
                   uint64_t now_ns);

void account_read(const struct account *account, unsigned path_id, struct account_counts *ret);

/* What came to @before since then, by @now; what has to wait, and flows, are as told last. */
void account_since(const struct account_counts *before, const struct account_counts *now,
                   struct account_counts *ret);

/* Nothing was sent over the path, nor found of it. */
bool account_is_empty(const struct account_counts *counts);

/* Of all kinds. */
uint64_t account_bytes(const struct account_counts *counts);

/* For how long bulk had to wait, whatever was found. */
uint64_t account_waited_ns(const struct account_counts *counts);

#endif
