/* SPDX-License-Identifier: MIT */
/* health.h - is a path alive? A state machine fed by probes, with time as argument.
 *
 *              an answer               a probe overdue
 *   UNPROVEN ------------> UP -----------------------------> SUSPECT
 *                          ^ ^            an answer            | |
 *                          | +---------------------------------+ |
 *   three answers in a row |                                     | three overdue, or silent
 *   and the hold-down over |                                     v for timeout_ns
 *                          +---------------------------------- DOWN
 *
 * Up leads health_answered(), or health_tick() when a hold-down ends. Down leads health_tick(),
 * straight from UP if it was called late. health_fail() goes from everywhere to DOWN,
 * health_reset() from everywhere to UNPROVEN, health_suspect() from UP to SUSPECT.
 *
 * UNPROVEN: never answered since it leads where it does; carries no data, probed at the idle
 * interval; DOWN when that has lasted for timeout_ns, at least 5 s. UP: carries data. SUSPECT:
 * still carries data, probed fast. DOWN: carries none; probed at the idle interval, fast from the
 * first answer until it is up or three are overdue again. The hold-down is 0.5 s doubled by each
 * fall within the last minute (at most 30 s).
 *
 * "Overdue" is estimate_overdue_ns(): an answer that comes late raises it above its own round trip,
 * so a queue may fill to any length at up to two probe intervals and slack_ns of delay per interval
 * (busy, with the usual 100 and 150 ms: 3.5 s of delay per second) and the path stays. Probes that
 * left less than 1 ms apart count once. An answer (echo) proves both directions; merely hearing
 * from the peer does not and is not counted.
 *
 * Three are overdue by bad luck where a tenth and more is lost each way. So as many are needed as
 * would be lost once in a thousand times at the loss that was seen, up to 8.
 *
 * A dead path is left, at most, after its last answer: busy 3 busy_ns + overdue. Idle interval_ns +
 * overdue + the longer of half an interval_ns (at most 0.5 s) and busy_ns + overdue: with no data
 * at stake it is given that time, as probes a second apart do not show a queue that is filling.
 * That is less than 2 interval_ns + overdue while overdue < interval_ns - busy_ns. And timeout_ns
 * in any case.
 *
 * Probes of many paths must not all leave at one moment: a path with a phase moves its own towards
 * that part of the interval, by an eighth of it at a time and only forwards, so that none comes
 * later than said above.
 *
 * One thread. now_ns is boot time, read once per turn, and never goes back.
 */
#ifndef SCHED_HEALTH_H
#define SCHED_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/estimate.h"
#include "vtrunkd/limits.h"

enum path_state {
	PATH_UNPROVEN,
	PATH_UP,
	PATH_SUSPECT,
	PATH_DOWN,
};

/* Settings shared by all paths of a peer. */
struct health_settings {
	uint64_t interval_ns; /* probe interval while idle (health_check_interval_ms) */
	uint64_t timeout_ns; /* silence after which a path is down whatever else (..._timeout_ms) */
	uint64_t busy_ns;    /* while data flows or something is in doubt; at most interval_ns */
	uint64_t slack_ns;   /* allowance in estimate_overdue_ns() */
};

#define HEALTH_PROBES_KEPT 64u /* probes on their way that are remembered, a power of two */

struct path_health {
	enum path_state state;
	uint64_t since_ns;  /* when the state began */
	const char *reason; /* why, for people: a constant string */
	struct path_estimate estimate;

	uint16_t next_seq;     /* of the next probe */
	uint16_t answered_seq; /* newest probe answered or given up; later ones are on their way */
	bool has_answer;
	uint64_t answered_ns; /* when the latest answer came; since_ns before any */
	uint64_t asked_ns;    /* when the first probe on its way left; NEVER_NS: none is */
	uint64_t sent_ns[HEALTH_PROBES_KEPT]; /* by seq; 0: answered or never sent */
	uint64_t probed_ns;                   /* when the last probe left; 0: none has */
	uint64_t probe_at_ns; /* when the next probe is due; NEVER_NS: once one of 64 is answered */
	uint64_t soon_ns; /* by then whatever the interval says, for something happened; 0: not */
	unsigned answers_in_row; /* to probes one after the other; counted up to 3 */
	bool is_recovering;      /* not up, but answered lately: probed fast */
	unsigned falls;          /* recent falls, for the hold-down; halved per stable minute */
	uint64_t fell_ns;
	uint64_t hold_until_ns; /* not up before; 0: never fell */
	bool is_busy;
	uint32_t phase; /* of its probes within the interval, in 2^-32 of it; 0: none */
};

/* Begins UNPROVEN with a probe due at once. */
void health_init(struct path_health *h, uint64_t now_ns);

/* Its probes are to leave at that part of the interval (2^-32 of it) from now on, 0: whenever the
 * first did. Paths that differ in it are probed at different moments.
 */
void health_spread(struct path_health *h, uint32_t phase);

/* The path leads elsewhere now: estimate and state begin anew, the hold-down stays. */
void health_reset(struct path_health *h, uint64_t now_ns);

/* Data flows on the peer (or has stopped): changes the interval, at once when it gets shorter. The
 * deadline may be now.
 */
void health_set_busy(struct path_health *h, const struct health_settings *set, bool is_busy,
                     uint64_t now_ns);

/* A probe leaves now; returns its sequence number, which was next_seq, and sets when the next is
 * due. One that is due and cannot leave (no session, no memory) stays due: then do not wait for
 * health_deadline_ns().
 */
uint16_t health_probe_sent(struct path_health *h, const struct health_settings *set,
                           uint64_t now_ns);

/* An answer to probe @seq. @rtt_ns without the peer's hold time; it counts for no longer than the
 * probe was away. Returns true when the state changed. Answers to probes unknown or answered before
 * are ignored.
 */
bool health_answered(struct path_health *h, const struct health_settings *set, uint16_t seq,
                     uint64_t rtt_ns, uint64_t now_ns);

/* Time has passed: counts overdue probes. Returns true when the state changed. Hand in the answers
 * that are already here first: after a pause of the process they look overdue.
 */
bool health_tick(struct path_health *h, const struct health_settings *set, uint64_t now_ns);

/* A local event says that nothing can leave (send error, device gone, peer said goodbye). Returns
 * true when the state changed; a path already DOWN takes the new reason. Answers to earlier probes
 * are ignored from now on. @reason is a constant string.
 */
bool health_fail(struct path_health *h, const char *reason, uint64_t now_ns);

/* UP without probes: a plain WireGuard peer answers none, and its path is the one where it was
 * heard last. @reason is a constant string.
 */
void health_assume_up(struct path_health *h, const char *reason, uint64_t now_ns);

/* There is a reason to hope for a path that carries no data (the peer is heard there, the link has
 * rested): probes it fast, as after an answer, until three are overdue.
 */
void health_hurry(struct path_health *h, const struct health_settings *set);

/* A probe is due at once, or busy_ns after the last one: something has happened that one can tell
 * about.
 */
void health_probe_soon(struct path_health *h, const struct health_settings *set, uint64_t now_ns);

/* The next moment at which health_tick() or a probe is due. Sleep until then, call health_tick(),
 * send a probe if probe_at_ns has come: no change is missed, and the next deadline lies ahead.
 */
uint64_t health_deadline_ns(const struct path_health *h, const struct health_settings *set);

/* Somebody who may lie or be mistaken says that nothing arrives: SUSPECT if it was UP, and a probe
 * is due at once. Nothing for a path that carries no data. Returns true when the state changed.
 * @reason is a constant string.
 */
bool health_suspect(struct path_health *h, const struct health_settings *set, const char *reason,
                    uint64_t now_ns);

static inline bool health_carries_data(const struct path_health *h)
{
	return h->state == PATH_UP || h->state == PATH_SUSPECT;
}

/* DOWN and held down, or not proven yet, but has answered since. */
static inline bool health_answers(const struct path_health *h)
{
	return !health_carries_data(h) && h->is_recovering && h->has_answer &&
	       h->answered_ns > h->since_ns;
}

/* "unproven", "up", "suspect", "down". */
const char *path_state_name(enum path_state state);

#endif
