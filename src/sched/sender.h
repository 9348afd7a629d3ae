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
 * Of a peer that reports what arrives (facts->is_reporting) each path has a model, which learns
 * from what was sent and what is heard of it:
 *
 *    sender_departed()   a run left on a path, later than it was numbered
 *    sender_heard()      a report came (heard.h)
 *
 * And if the caller wants so (facts->is_learned), bulk is striped by what is believed of each path
 * (stripe.h) rather than by weights, and packets of the latency class go before it, over the
 * quickest one and in the unordered lane. Then also:
 *
 *    sender_congested()  has bulk waited too long? sender_drop() then, or a mark
 *    sender_pump_ns()    when a path can take more of it
 *    sender_next_repair(), sender_fit_repair(), sender_repaired()
 *                        what has to be sent once more, and over which path (heard.h)
 *    sender_take_copy(), sender_copied()
 *                        what of the latency class leaves twice for fear of loss (copies.h)
 *
 * Pure: time comes in, and memory is allocated for records and models alone. Used in one role, so
 * by one thread at a time. @now_ns is boot time, read once for many packets, and never goes back.
 */
#ifndef SCHED_SENDER_H
#define SCHED_SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/path_table.h"
#include "sched/pick.h"
#include "sched/run.h"
#include "sched/send_queue.h"
#include "sched/send_run.h"
#include "sched/sendlog.h"
#include "sched/stripe.h"
#include "vtrunkd/limits.h"

/* Nobody waits for an older packet: who sent it has sent it again or given up. */
#define SENDER_AGE_NS (5 * NS_PER_S)

/* Records of what was sent are given back when nothing was for so long. */
#define SENDER_REST_NS (10 * NS_PER_S)

#define SENDER_KEYS_KEPT 4u /* previous, current and next, and one more; a power of two */

/* Begins with sender_init(). */
struct sender {
	struct send_queue waiting; /* bulk, or everything */
	struct send_queue urgent;  /* the latency class, if bulk is striped by what was learned */
	uint64_t pinned;           /* packets that wait, bulk with a path by configuration */
	struct stripe stripe;
	bool is_blocked;                /* when asked last, nobody could take anything */
	bool is_held_up;                /* the same, or nobody yet */
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
	bool is_reporting; /* the peer tells what arrives: what is sent is charged to the models */
	bool is_learned;   /* and paths take what by those; only of a peer that reports */
};

/* The numbers that a run was given: @first and those that follow, in @lane. */
struct send_numbers {
	uint64_t first;
	uint32_t key; /* tells keypairs apart: the peer's index of it, which its reports name */
	uint8_t lane; /* LANE_ORDERED or LANE_UNORDERED */
};

void sender_init(struct sender *s);

/* Frees the records. Nothing may wait any more, see sender_drop(). */
void sender_fini(struct sender *s);

/* What is taken first: also when paths take by weights again, of what was offered before. */
static inline const struct send_queue *sender_first_queue(const struct sender *s)
{
	return s->urgent.first ? &s->urgent : &s->waiting;
}

/* Packets that wait. */
static inline uint64_t sender_waiting(const struct sender *s)
{
	return s->waiting.packets + s->urgent.packets;
}

/* @ticket waits from now on and is the sender's until its last packet is taken or dropped. Urgent
 * ones only while paths take by what was learned.
 */
void sender_offer(struct sender *s, struct send_ticket *ticket);

/* Who takes how much of what waits. Until sender_sent() another call says the same again, if the
 * facts are the same: so a caller that has no memory for a run just leaves it.
 */
enum sender_outcome sender_next_run(struct sender *s, const struct sender_facts *facts,
                                    uint64_t now_ns, struct send_run *ret_run);

/* The next packet of @run: its ticket, from which the caller cuts one. A ticket without packets
 * left is the caller's again. NULL: the run is full, the next belongs to other paths for its
 * length, or nothing waits any more. The caller may stop
 * before, when its memory or a train is full: the path goes on with its turn in the next run.
 */
static inline struct send_ticket *sender_take(struct sender *s, struct send_run *run)
{
	struct send_queue *queue = run->is_urgent ? &s->urgent : &s->waiting;

	if (!queue->first || !send_run_suits(run, queue->first->flow, queue->first->is_pinned) ||
	    !send_run_add(run, send_ticket_next_bytes(queue->first)))
		return NULL;
	s->pinned -= queue->first->is_pinned;
	return send_queue_take(queue);
}

/* The same as sender_next_run() for what is in @hand, while nothing of its class waits: the caller
 * takes it with send_run_add() instead of sender_take(). Never SENDER_NOTHING.
 */
enum sender_outcome sender_run_for(struct sender *s, const struct sender_facts *facts,
                                   const struct send_hand *hand, uint64_t now_ns,
                                   struct send_run *ret_run);

/* @run, of which something was taken, has got its @numbers and leaves in the order of this call.
 * NULL: it got none and is lost, or nobody will ask for its record; the path is charged all the
 * same. @facts are those of sender_next_run().
 */
void sender_sent(struct sender *s, const struct sender_facts *facts, const struct send_run *run,
                 const struct send_numbers *numbers, uint64_t now_ns);

/* The second half of sender_sent(), for a caller whose runs are numbered several at a time: @run is
 * all that got @numbers, over the paths of its mask.
 */
void sender_record(struct sender *s, const struct sender_facts *facts, const struct send_run *run,
                   const struct send_numbers *numbers, uint64_t now_ns);

/* What was recorded under @numbers was sent over @path_id at @at_ns, later than it was numbered. */
void sender_departed(struct sender *s, unsigned path_id, const struct send_numbers *numbers,
                     uint64_t at_ns);

/* The record of what went over @path_id with these numbers, see sendlog_find(); one of the last
 * keypair used. NULL: there is none.
 */
const struct send_record *sender_find(const struct sender *s, unsigned path_id,
                                      const struct send_numbers *numbers);

enum sender_excess {
	SENDER_KEEPS,    /* nothing is to be dropped */
	SENDER_TOO_OLD,  /* a packet waits for SENDER_AGE_NS or longer */
	SENDER_TOO_MANY, /* nobody can take anything, and more than STAGED_MAX packets wait */
};

/* Whether the packet that sender_drop() would take is too much. Ask until it is not: after what was
 * offered could not be taken, and at the alarm.
 */
enum sender_excess sender_excess(struct sender *s, uint64_t now_ns);

enum sender_congestion {
	SENDER_FLOWS, /* nothing is to be done; 0 */
	SENDER_MARKS, /* the packet that sender_drop() would take is to leave with a mark (ECN) */
	SENDER_DROPS, /* it is to be dropped */
};

/* Whether bulk has waited so long that who sends it needs a sign (codel.h): a mark if the packet's
 * sender takes marks, or else a drop; or so much of it waits that packets have to be dropped, marks
 * or not. Before every run of bulk, again after a drop.
 */
enum sender_congestion sender_congested(struct sender *s, const struct sender_facts *facts,
                                        uint64_t now_ns);

/* Takes out the packet that sender_excess() or sender_congested() meant, which is not sent: its
 * ticket, as from sender_take(). NULL: nothing waits.
 */
struct send_ticket *sender_drop(struct sender *s);

/* When sender_excess() or sender_service() will have something to do; NEVER_NS: not without a call
 * of another function.
 */
uint64_t sender_alarm_ns(const struct sender *s);

/* When a path can take something of what waits, after SENDER_WAIT, or a copy is to leave; NEVER_NS:
 * nothing waits, or not for that.
 */
uint64_t sender_pump_ns(const struct sender *s);

/* Gives back memory of records that nobody will ask for. At the alarm. */
void sender_service(struct sender *s, uint64_t now_ns);

/* The epoch of a keypair that something was recorded under; 0: forgotten. */
uint32_t sender_epoch_of(const struct sender *s, uint32_t key);

/* Path @path_id leads elsewhere now, or is another one: what was believed of it is forgotten. */
static inline void sender_forget_path(struct sender *s, unsigned path_id)
{
	stripe_forget_path(&s->stripe, path_id);
}

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
