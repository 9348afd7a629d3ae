/* SPDX-License-Identifier: MIT */
/* path_model.h - what a sender believes of one path in its own direction.
 *
 * Put together from leaves: the way and its jitter (owd.h), the queue as reckoned and corrected
 * (virtual_queue.h), the capacity (capacity.h); and from reports: loss, reordering inside, what was
 * acknowledged. No rate stands in any configuration. Everything is learned from traffic, and an
 * idle path keeps what it knew: estimates move by samples alone, never by time.
 *
 * A *clean* probe is one that can have met no queue. Over an idle path any is; a loaded one has to
 * be kept idle for a moment before it (path_model_pause()): once a second, for as long as its queue
 * needs to run dry, which costs half a percent of it. It is what tells a longer way from a queue.
 *
 * Bytes are those of datagrams with their IP headers: PATH_OVERHEAD more than the inner packet.
 * Delays are relative, with a clock offset that all paths of a peer share (owd.h).
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_PATH_MODEL_H
#define SCHED_PATH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/capacity.h"
#include "sched/owd.h"
#include "sched/report.h"
#include "sched/sendlog.h"
#include "sched/virtual_queue.h"

/* IPv4 and UDP headers, WireGuard's header and tag, half a padding. Wrong by the same at both ends
 * it does no harm: costs and rates are counted alike.
 */
#define PATH_OVERHEAD 64u

#define PATH_TARGET_NS    (2 * NS_PER_MS) /* queue kept in a path so that it never runs dry */
#define PATH_SPILL_NS     (5 * NS_PER_MS) /* backlog from which a path that has joined is used */
#define PATH_SPILL_MIN_NS (3 * NS_PER_MS)
#define PATH_CLEAN_KEPT   16u
#define PATH_SENDS_KEPT   128u /* moments of sending that are remembered */

struct path_model {
	struct virtual_queue queue;
	struct capacity capacity;
	struct owd delay;
	uint64_t srtt_ns, rttvar_ns; /* of probes and their answers; 0: none came */
	uint64_t sent_ns;            /* when data or a probe was sent last */
	uint32_t loss_ppm;
	int32_t loss_mean_ppm; /* may be below 0 for a moment, when late ones come */
	struct {
		uint32_t sent, received;
	} loss;                /* packets since it was looked at */
	uint64_t reorder_ns;   /* inside the path */
	uint64_t spill_ns;     /* PATH_SPILL_NS, or less where a path throws away early */
	uint64_t spill_at_ns;  /* when it changed */
	uint64_t no_refund_ns; /* until then it is thought to throw away without queueing */
	uint64_t acked_ns;     /* when the newest that is known to have arrived was sent */
	uint64_t progress_ns;  /* when that was learned */
	uint64_t forgiven_ns;  /* what was sent until then does not count */
	uint64_t send_ns[PATH_SENDS_KEPT];    /* at least 1 ms and 1/64 of a round trip apart */
	unsigned sends;                       /* ever noted */
	uint64_t train_at_ns;                 /* the first train was reported; 0: none was */
	uint64_t pause_until_ns, clean_at_ns; /* no data before; a clean probe is due */
	uint32_t clean_us[PATH_CLEAN_KEPT];   /* times of clean probes, as they carried them */
	unsigned clean;                       /* ever sent */
	struct {
		bool is_known;
		uint64_t packets, bytes; /* sent before and with it */
		struct report_path said; /* of what arrived up to it */
	} heard;                         /* the newest data that is known to have arrived */
};

void path_model_init(struct path_model *m);

/* The path leads elsewhere now, or is another one. */
void path_model_reset(struct path_model *m);

/* Something leaves now that can be acknowledged. */
static inline void path_model_note_send(struct path_model *m, uint64_t now_ns)
{
	uint64_t *last_ns = &m->send_ns[(m->sends - 1) % PATH_SENDS_KEPT];

	m->sent_ns = now_ns;
	if (!m->sends || now_ns - *last_ns >= NS_PER_MS + m->srtt_ns / 64)
		m->send_ns[m->sends++ % PATH_SENDS_KEPT] = now_ns;
}

/* @packets of @bytes are sent now. */
static inline void path_model_sent(struct path_model *m, uint32_t bytes, uint32_t packets,
                                   uint64_t now_ns)
{
	uint64_t cost_ns = capacity_cost_ns(&m->capacity, bytes + packets * PATH_OVERHEAD);

	virtual_queue_add(&m->queue, cost_ns, now_ns);
	path_model_note_send(m, now_ns);
}

/* A copy of @bytes of what has its moment of sending already is sent now: it says nothing new of
 * when something is overdue.
 */
static inline void path_model_copied(struct path_model *m, uint32_t bytes, uint64_t now_ns)
{
	virtual_queue_add(&m->queue, capacity_cost_ns(&m->capacity, bytes + PATH_OVERHEAD), now_ns);
	m->sent_ns = now_ns;
}

/* A probe with @t_tx_us in it leaves now. Decides whether it is a clean one. */
void path_model_probe_sent(struct path_model *m, uint32_t t_tx_us, uint64_t now_ns);

/* Its answer came now, after @rtt_ns without the time for which it was held. */
void path_model_answered(struct path_model *m, uint64_t rtt_ns, uint64_t now_ns);

/* A new report says @said of the path. @record: of the newest data it tells of, which is counter
 * @counter; NULL: not of this path, or forgotten. @zero_us: any number, the same for all paths of a
 * peer, near the receiver's clock less ours. Returns whether something new has arrived.
 */
bool path_model_heard(struct path_model *m, const struct report_path *said,
                      const struct send_record *record, uint64_t counter, uint32_t zero_us,
                      uint64_t now_ns);

enum path_probe {
	PATH_PROBE_NONE,
	PATH_PROBE_CLEAN, /* send a probe now: it will be clean */
};

/* Whether a clean probe is due; begins the pause before it where the path is loaded. Every 10 ms.
 */
enum path_probe path_model_pause(struct path_model *m, uint64_t now_ns);

static inline bool path_model_is_pausing(const struct path_model *m, uint64_t now_ns)
{
	return now_ns < m->pause_until_ns;
}

static inline uint64_t path_model_queue_ns(const struct path_model *m, uint64_t now_ns)
{
	return virtual_queue_ns(&m->queue, now_ns);
}

/* The queue that we leave in the path. What jitters needs more, else it would run dry. */
static inline uint64_t path_model_target_ns(const struct path_model *m)
{
	return PATH_TARGET_NS + m->delay.jitter_ns;
}

/* For people. */
struct path_belief {
	uint64_t rtt_ns; /* of probes, smoothed; 0: unknown */
	int64_t way_ns;  /* one way, with a clock offset that all paths of a peer share */
	uint64_t jitter_ns, queue_ns; /* of the way; what stood in it lately */
	uint64_t arrived_bytes_per_s;
	uint64_t capacity_bytes_per_s; /* 0: nothing has told it yet */
	uint32_t loss_ppm;
};

/* False while nothing is known of its way. */
bool path_model_belief(const struct path_model *m, struct path_belief *ret);

/* How many moments of sending, after the latest of which something has arrived, are overdue: the
 * round trip, four times its variation, @report_ns between two reports, the queue and 10 ms have
 * passed.
 */
unsigned path_model_overdue(const struct path_model *m, uint64_t report_ns, uint64_t now_ns);

/* Nothing that was sent before counts any more, neither for the rate nor as overdue. */
void path_model_forgive(struct path_model *m, uint64_t now_ns);

#endif
