/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/report_out.h"

#include "crypto/keypair.h"
#include "dataplane/feedback.h"
#include "dataplane/frame.h"
#include "dataplane/late.h"
#include "dataplane/peer.h"
#include "dataplane/reorder.h"

/* What a copy of a report is taken to cost a processor, times a hundred; and that of so many may be
 * owed, for the first reports of many peers come together.
 */
#define COPY_NS      NS_PER_MS
#define COPIES_AHEAD 200u

#define REPORT_SOON_NS (3 * NS_PER_MS) /* after another one, at the least */

/* Paths that carry no data while others can get every so manieth report: enough for the peer to
 * know that they live.
 */
#define REPORT_SPARE_EVERY 4u

#define FRAME_BYTES_MAX (FRAME_HEADER_LEN + REPORT_BYTES_MAX)

_Static_assert(FRAME_BYTES_MAX <= FRAMES_LEN_MAX, "fits the slots of every pool");

/* The frame of it, as a payload. Returns its length. */
static size_t make_report(struct feedback *fb, const struct reorder *reorder, uint64_t now_ns,
                          uint8_t payload[static FRAME_BYTES_MAX])
{
	uint8_t body[REPORT_BYTES_MAX];
	struct report report;

	if (reorder)
		reorder_report(reorder, &fb->arrivals, now_ns, &report);
	else
		arrivals_report(&fb->arrivals, NULL, 0, now_ns, &report);
	return frame_append(payload, 0, FRAME_BYTES_MAX, FRAME_REPORT, body,
	                    report_encode(&report, body));
}

/* Over how many paths of @table the next one goes. */
static unsigned copies_of(const struct feedback *fb, const struct path_table *table)
{
	return fb->arrivals.number % REPORT_SPARE_EVERY ? table->len : path_table_all(table);
}

static void send_report(struct dp_thread *self, struct dp_peer *peer, struct keypair *kp,
                        const struct path_table *table, unsigned copies, const uint8_t *payload,
                        size_t len)
{
	for (unsigned i = 0; i < copies; i++) {
		unsigned id = table->slot[i].path_id;
		struct batch *b =
			late_make(self, peer, kp, id, LANE_CONTROL + id, payload, len, NULL, 0);

		if (b)
			dp_follow(self, b);
	}
}

/* What it tells is told as well when there is nobody to tell it to. */
static void report_now(struct dp_thread *self, struct dp_peer *peer, struct feedback *fb,
                       const struct reorder *reorder, const struct path_table *table,
                       unsigned copies, uint64_t now_ns)
{
	struct keypair *kp = rcu_dereference(peer->current);
	uint8_t payload[FRAME_BYTES_MAX];
	size_t len = make_report(fb, reorder, now_ns, payload);

	if (table && kp && atomic_load_explicit(&kp->send_lanes, memory_order_relaxed))
		send_report(self, peer, kp, table, copies, payload, len);
}

/* Once for each gap that only a repair can fill, as soon as the last report is not too recent. */
static bool is_repair_wanted(struct feedback *fb, const struct reorder *reorder, uint64_t now_ns)
{
	uint64_t gap = reorder ? reorder_passed_gap(reorder) : UINT64_MAX;

	if (gap == UINT64_MAX || gap == fb->passed_for ||
	    now_ns < fb->arrivals.reported_ns + REPORT_SOON_NS)
		return false;
	fb->passed_for = gap;
	return true;
}

uint64_t report_out_if_due(struct dp_thread *self, struct dp_peer *peer, struct feedback *fb,
                           const struct reorder *reorder, uint64_t now_ns)
{
	const struct path_table *table = rcu_dereference(peer->path_table);
	uint64_t due_ns = arrivals_due_ns(&fb->arrivals);
	unsigned copies = table ? copies_of(fb, table) : 0;

	if (due_ns > now_ns && !is_repair_wanted(fb, reorder, now_ns))
		return due_ns;
	if (bucket_take(&self->reports, copies * COPY_NS, COPIES_AHEAD * COPY_NS, now_ns))
		report_now(self, peer, fb, reorder, table, copies, now_ns);
	else
		arrivals_put_off(&fb->arrivals, now_ns);
	return arrivals_due_ns(&fb->arrivals);
}
