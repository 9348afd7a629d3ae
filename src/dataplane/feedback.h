/* SPDX-License-Identifier: MIT */
/* feedback.h - what a peer and we tell each other of what arrived (sched/report.h).
 *
 * The receiving half notes what comes over each path and makes reports of it. What reports of the
 * peer say goes to the sending half, together with the round trips of probes and the times at which
 * runs left; that half, the sender of sched/sender.h, learns from it how its paths are.
 *
 * A peer has one when it has said in HELLO that it takes and gives reports. One mapping, touched as
 * needed; it lives as long as the peer.
 *
 *   [A] any thread   [D] whoever delivers for the peer   [E] whoever has the role of its outflow
 *   [S] whoever sends on the path   [C] control
 */
#ifndef DATAPLANE_FEEDBACK_H
#define DATAPLANE_FEEDBACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rcu.h"
#include "dataplane/beliefs.h"
#include "dataplane/departures.h"
#include "dataplane/peer.h"
#include "dataplane/report_box.h"
#include "sched/account.h"
#include "sched/arrivals.h"
#include "sched/estimate.h"
#include "sched/patience.h"

struct keypair;
struct sender;
struct sender_facts;

struct feedback {
	_Atomic bool is_wanted; /* [C] writes, [A] read: the peer takes and gives reports now */

	struct arrivals arrivals;   /* [D] what came ... */
	uint64_t key_born_ns;       /* [D] ... under the keypair that was born then, ... */
	uint64_t key_heard_ns;      /* [D] ... lately at this time */
	uint64_t said_born_ns;      /* [D] the keypair of the newest report of the peer, ... */
	uint32_t said_number;       /* [D] ... and its number; ... */
	bool has_said;              /* [D] ... there was one */
	struct report_box reported; /* [D] to [E] */

	struct path_estimate loop[PATHS_MAX]; /* [D] round trips of probes ... */
	struct patience patience;             /* [D] ... and for how long repairs are waited for */
	uint64_t passed_for;                  /* [D] the gap for which a report was made at once */
	_Atomic uint16_t moved_loops;         /* [C] to [D], as the next one */

	_Atomic uint16_t moved;             /* [C] to [E]: paths that lead elsewhere now */
	_Atomic uint16_t doubted; /* [C] to [E]: paths that are said to lead nowhere ... */
	_Atomic uint64_t doubted_ns[PATHS_MAX]; /* ... then, for the last time */
	struct beliefs beliefs;             /* [E] writes, [C] reads */
	struct account account;             /* [E] writes, [C] reads */
	_Atomic uint32_t rtt_us[PATHS_MAX]; /* [D] puts in, [E] takes; 0: nothing new */
	struct departures left[PATHS_MAX];  /* [S] to [E] */
};

/* NULL without memory. */
struct feedback *feedback_create(void);

/* NULL is allowed. */
void feedback_destroy(struct feedback *fb);

/* That of @peer, or NULL while the peer neither takes nor gives reports. RCU read side. */
static inline struct feedback *feedback_of(const struct dp_peer *peer)
{
	struct feedback *fb = rcu_dereference(peer->feedback);

	return fb && atomic_load_explicit(&fb->is_wanted, memory_order_relaxed) ? fb : NULL;
}

/* Path @path leads elsewhere, or is another one. [C] */
static inline void feedback_path_moved(struct feedback *fb, unsigned path)
{
	atomic_fetch_or_explicit(&fb->moved, (uint16_t)(1u << path), memory_order_relaxed);
	atomic_fetch_or_explicit(&fb->moved_loops, (uint16_t)(1u << path), memory_order_relaxed);
}

/* Path @path was said to lead nowhere at @at_ns, see sender_path_doubted(). [C] */
static inline void feedback_path_doubted(struct feedback *fb, unsigned path, uint64_t at_ns)
{
	atomic_store_explicit(&fb->doubted_ns[path], at_ns, memory_order_relaxed);
	atomic_fetch_or_explicit(&fb->doubted, (uint16_t)(1u << path), memory_order_release);
}

/* ---- [D] ---- */

/* A datagram with @bytes of data and @counter, in a lane of data, came under @kp over @path at
 * @came_ns, for the first time or as a copy.
 */
void feedback_data_came(struct feedback *fb, const struct keypair *kp, unsigned path,
                        uint64_t counter, uint32_t bytes, uint64_t came_ns);

/* A probe that left at @t_tx_us of the peer's clock on the path that it calls @name. */
void feedback_probe_came(struct feedback *fb, unsigned path, uint8_t name, uint32_t t_tx_us,
                         uint64_t came_ns);

/* A datagram of a train of probes, with @len bytes of payload. */
static inline void feedback_train_came(struct feedback *fb, unsigned path, uint32_t len,
                                       uint64_t came_ns)
{
	arrivals_train(&fb->arrivals, path, len + PATH_OVERHEAD, came_ns);
}

/* An answer to a probe of ours. */
void feedback_answer_came(struct feedback *fb, unsigned path, uint32_t rtt_us);

enum feedback_verdict {
	FEEDBACK_NEWS, /* the outflow should hear of it */
	FEEDBACK_OLD,  /* a newer one came before */
	FEEDBACK_BAD,  /* it is none */
};

/* The @body of a REPORT that came under @kp. */
enum feedback_verdict feedback_report_came(struct feedback *fb, const struct keypair *kp,
                                           const uint8_t *body, size_t len);

/* ---- [S] ---- */

/* The run that begins with @counter leaves on @path, under the keypair that the peer calls @key. */
static inline void feedback_run_left(struct feedback *fb, unsigned path, uint64_t counter,
                                     uint32_t key, uint64_t now_ns)
{
	departures_put(&fb->left[path], counter, key, now_ns);
}

/* ---- [E] ---- */

/* Tells @sender all that has come in since the last call. */
void feedback_hear(struct feedback *fb, struct sender *sender, uint64_t now_ns);

/* And which paths are doubted, of those that @facts name. */
void feedback_hear_doubts(struct feedback *fb, struct sender *sender,
                          const struct sender_facts *facts, uint64_t now_ns);

#endif
