/* SPDX-License-Identifier: MIT */
/* sender.h - the sending half of one peer: which path takes how much of what waits, what was sent.
 *
 * Paths take packets in runs. A run has consecutive counters of one lane and goes over one path; in
 * redundant mode over all paths of the table. The caller holds the packets and does everything that
 * has to do with bytes, keys and sockets:
 *
 *    sender_offer()      a packet or super-packet was read
 *    sender_next_run()   who takes how much now?
 *      sender_take()     ... as often as it gives something: cut one packet into the run's memory
 *      sender_sent()     the run has its numbers: records it, and charges the path for it
 *    sender_excess()     is something waiting that nobody should wait for any longer?
 *    sender_alarm_ns()   when to come back, if nothing happens before
 *
 * Which paths may carry data, and with what weights, is told by an immutable table that control
 * publishes: the state of a path (health.h, estimate.h) is fed by probes that control sends,
 * decides about handshakes, greetings and lines in the log as well, and so stays with control,
 * which makes the table of it (path_choice.h). This half knows only what it sends.
 *
 * Pure: time comes in, and memory is allocated for records alone. Used in one role, so by one
 * thread at a time. @now_ns is boot time, read once for many packets, and never goes back.
 */
#ifndef SCHED_SENDER_H
#define SCHED_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/path_table.h"
#include "sched/pick.h"
#include "sched/run.h"
#include "sched/send_queue.h"
#include "sched/sendlog.h"
#include "vtrunkd/limits.h"

/* Nobody waits for an older packet: who sent it has sent it again or given up. */
#define SENDER_AGE_NS (5 * NS_PER_S)

/* Records of what was sent are given back when nothing was for so long. */
#define SENDER_REST_NS (10 * NS_PER_S)

#define SENDER_KEYS_KEPT 4u /* previous, current and next, and one more; a power of two */

/* Begins with sender_init(). */
struct sender {
	struct send_queue waiting;
	bool is_blocked;                /* when asked last, nobody could take anything */
	struct pick_state pick;         /* what each path is owed */
	struct run_state run;           /* which path has its turn, for how many bytes more */
	uint32_t prepaid_bytes;         /* of its turn: charged by pick_path(), not taken yet */
	uint32_t epoch;                 /* of the newest record; 0: there was none */
	uint32_t key[SENDER_KEYS_KEPT]; /* of the latest epochs, by epoch modulo their number */
	uint64_t sent_ns;               /* when the newest record was written; 0 never */
	uint64_t rest_at_ns; /* when to look whether memory can be given back; NEVER_NS: not */
	struct sendlog *log[PATHS_MAX]; /* by path id; NULL: it was never used */
};

/* What the caller knows beside what waits. Valid for the call. */
struct sender_facts {
	const struct path_table *table; /* NULL or empty: no path can carry data */
	bool has_session;               /* there is a keypair to send with */
};

/* What may be taken now. It becomes a run with sender_sent(). */
struct send_run {
	uint16_t path_mask; /* of the paths that carry it: one, or in redundant mode all */
	uint8_t path_id;    /* the lowest of them, by place in the table */
	bool is_ordered;    /* the receiver has to restore the order; in LANE_ORDERED then */
	uint32_t bytes_max; /* another packet may be taken while fewer than these were taken ... */
	uint32_t packets_max;    /* ... and fewer than these */
	uint32_t bytes, packets; /* taken so far */
};

enum sender_outcome {
	SENDER_RUN,     /* *ret_run says what */
	SENDER_NOTHING, /* nothing waits */
	SENDER_BLOCKED, /* no session or no path: ask again when the facts have changed */
	SENDER_WAIT,    /* not before sender_alarm_ns(); without pacing nobody has to */
};

/* The numbers that a run was given: @first and those that follow, in @lane. */
struct send_numbers {
	uint64_t first;
	uint32_t key; /* tells keypairs apart: our index of it */
	uint8_t lane; /* LANE_ORDERED or LANE_UNORDERED */
};

void sender_init(struct sender *s);

/* Frees the records. Nothing may wait any more, see sender_drop(). */
void sender_fini(struct sender *s);

/* @ticket waits from now on and is the sender's until its last packet is taken or dropped. */
void sender_offer(struct sender *s, struct send_ticket *ticket);

/* Who takes how much of what waits. Until sender_sent() another call says the same again, if the
 * facts are the same: so a caller that has no memory for a run just leaves it.
 */
enum sender_outcome sender_next_run(struct sender *s, const struct sender_facts *facts,
                                    uint64_t now_ns, struct send_run *ret_run);

/* Whether another packet of @bytes fits into @run, which it belongs to then. */
static inline bool send_run_add(struct send_run *run, uint32_t bytes)
{
	if (run->bytes >= run->bytes_max || run->packets >= run->packets_max)
		return false;
	run->bytes += bytes;
	run->packets++;
	return true;
}

/* The next packet of @run: its ticket, from which the caller cuts one. A ticket without packets
 * left is the caller's again. NULL: the run is full, or nothing waits any more. The caller may stop
 * before, when its memory or a train is full: the path goes on with its turn in the next run.
 */
static inline struct send_ticket *sender_take(struct sender *s, struct send_run *run)
{
	if (!s->waiting.first || !send_run_add(run, send_ticket_next_bytes(s->waiting.first)))
		return NULL;
	return send_queue_take(&s->waiting);
}

/* The same as sender_next_run() for packets that the caller keeps in an order of its own, the first
 * of @bytes: it takes them with send_run_add() instead of sender_take(). Never SENDER_NOTHING.
 */
enum sender_outcome sender_run_for(struct sender *s, const struct sender_facts *facts,
                                   uint32_t bytes, uint64_t now_ns, struct send_run *ret_run);

/* @run, of which something was taken, has got its @numbers and leaves in the order of this call.
 * NULL: it got none and is lost, or nobody will ask for its record; the path is charged all the
 * same. @facts are those of sender_next_run().
 */
void sender_sent(struct sender *s, const struct sender_facts *facts, const struct send_run *run,
                 const struct send_numbers *numbers, uint64_t now_ns);

/* The record of what went over @path_id with these numbers, see sendlog_find(); one of the last
 * keypair used. NULL: there is none.
 */
const struct send_record *sender_find(const struct sender *s, unsigned path_id,
                                      const struct send_numbers *numbers);

enum sender_excess {
	SENDER_KEEPS,    /* nothing is to be dropped */
	SENDER_TOO_OLD,  /* the oldest packet waits for SENDER_AGE_NS or longer */
	SENDER_TOO_MANY, /* nobody can take anything, and more than STAGED_MAX packets wait */
};

/* Whether the packet that sender_drop() would take is too much. Ask until it is not: after what was
 * offered could not be taken, and at the alarm.
 */
enum sender_excess sender_excess(const struct sender *s, uint64_t now_ns);

/* Takes out the oldest packet, which is not sent: its ticket, as from sender_take(). NULL: nothing
 * waits.
 */
struct send_ticket *sender_drop(struct sender *s);

/* When sender_excess() or sender_service() will have something to do; NEVER_NS: not without a call
 * of another function.
 */
uint64_t sender_alarm_ns(const struct sender *s);

/* Gives back memory of records that nobody will ask for. At the alarm. */
void sender_service(struct sender *s, uint64_t now_ns);

/* For people: a copy of what stands in a sender. */
struct sender_view {
	uint64_t waiting_packets, waiting_bytes;
	uint64_t bytes_per_s; /* striped over several paths lately; 0 on a single one */
	struct {
		uint64_t packets, bytes; /* sent over it, all lanes of data */
	} path[PATHS_MAX];
};

void sender_view(const struct sender *s, struct sender_view *ret);

#endif
