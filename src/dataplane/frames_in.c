/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/frames_in.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/keypair.h"
#include "dataplane/feedback.h"
#include "dataplane/frame.h"
#include "dataplane/late.h"
#include "dataplane/link.h"
#include "dataplane/mailbox.h"
#include "dataplane/peer.h"
#include "dataplane/reorder.h"

/* A round trip beyond is none: the peer's clock is coarse, and its hold time was the longer of the
 * two.
 */
#define RTT_US_MAX (60u * 1000 * 1000)

/* Answers to probes: twice what PATHS_MAX paths of a busy peer ask for, and at once what they ask
 * for in a second, as after a pause of this process.
 */
#define ECHO_NS      (NS_PER_S / 320)
#define ECHOES_BURST 160u

/* Whether the datagram in hand is as long as the ECHO that it asks for; what it may ask for beside
 * becomes less by that.
 */
static bool pays_for_echo(unsigned *answer_bytes)
{
	unsigned bytes = frames_datagram_len(FRAME_HEADER_LEN + sizeof(struct frame_echo));

	if (bytes > *answer_bytes)
		return false;
	*answer_bytes -= bytes;
	return true;
}

static bool may_echo(const struct batch *b)
{
	return bucket_take(&b->peer->echoes, ECHO_NS, ECHOES_BURST * ECHO_NS, b->time_ns);
}

/* On the path where it came in and from the address it was sent to. A probe from an address that is
 * no path yet is control's business.
 */
static void send_echo(struct dp_thread *self, const struct batch *b, unsigned path_id,
                      const struct probe_in *probe)
{
	uint8_t payload[FRAME_HEADER_LEN + sizeof(struct frame_echo)];
	struct frame_echo echo = {.path_id = probe->body->path_id,
	                          .flags = probe->body->flags & PROBE_WHOLE};
	struct batch *answer;

	memcpy(echo.seq, probe->body->seq, sizeof echo.seq);
	memcpy(echo.t_tx_us, probe->body->t_tx_us, sizeof echo.t_tx_us);
	memcpy(echo.tx_packets, probe->body->tx_packets, sizeof echo.tx_packets);
	store_le32(echo.rx_packets, (uint32_t)probe->heard);
	frame_append(payload, 0, sizeof payload, FRAME_ECHO, &echo, sizeof echo);
	answer = late_make(self, b->peer, b->keypair, path_id, LANE_CONTROL + path_id, payload,
	                   sizeof payload, &b->route, b->time_ns);
	if (answer)
		dp_follow(self, answer);
}

void frames_in_answer(struct dp_thread *self, const struct batch *b, unsigned path_id,
                      const struct probe_in *newest)
{
	if (may_echo(b))
		send_echo(self, b, path_id, newest);
	else
		dp_drop(self, DROP_ANSWER_LIMITED, 1);
}

/* The last probe of a payload asks for an answer. */
static void want_answer(struct dp_thread *self, const struct frames_origin *from,
                        const struct frame *frame, uint64_t counter, unsigned *answer_bytes,
                        struct probe_in *newest)
{
	if (!pays_for_echo(answer_bytes)) {
		dp_drop(self, DROP_ANSWER_LIMITED, 1);
		return;
	}
	if (!newest->body || counter > newest->counter)
		*newest = (struct probe_in){(const void *)frame->body, counter, from->heard};
}

/* Of several addresses of ours the peer speaks to another one than we answer from. Where the system
 * chooses, it goes on to: an address that was forgotten must not come back by a late probe.
 */
static bool is_spoken_to_elsewhere(const struct frames_origin *from)
{
	const struct path_target *target =
		rcu_dereference(from->b->peer->path[from->path_id].target);
	const struct route *route = &from->b->route;

	return target && route->link->is_wildcard &&
	       endpoint_family(&target->route.local) != AF_UNSPEC &&
	       !endpoint_equal(&target->route.local, &route->local);
}

/* Differences of these between paths tell how long a gap is worth waiting for. */
static void note_delay(const struct frames_origin *from, const struct frame *frame)
{
	const struct frame_probe *probe = (const void *)frame->body;
	uint32_t now_us = (uint32_t)(from->b->time_ns / NS_PER_US);

	if (from->reorder)
		reorder_probed(from->reorder, from->path_id,
		               (int32_t)(now_us - load_le32(probe->t_tx_us)));
}

void frames_in_pass_on(struct dp_thread *self, const struct frames_origin *from,
                       const uint8_t *frames, size_t len, uint64_t counter, unsigned answer_bytes)
{
	struct batch *r = batch_get(&self->pool);

	if (!r) {
		dp_drop(self, DROP_CONTROL_BUSY, 1);
		return;
	}
	r->kind = BATCH_NOTICE;
	r->peer = dp_peer_get(from->b->peer);
	if (keypair_get(from->b->keypair))
		r->keypair = from->b->keypair;
	r->route = from->b->route;
	r->time_ns = from->b->time_ns;
	r->path_id = (uint8_t)from->path_id;
	r->first_counter = counter;
	r->answer_bytes = answer_bytes;
	r->rx_packets = from->heard;
	assert(len <= FRAMES_LEN_MAX);
	if (len) {
		struct segment *seg = batch_append(r, self->pool.stride);

		memcpy(segment_payload(r, seg), frames, len);
		seg->len = (uint16_t)len;
	}
	mailbox_post_notice(self, r);
}

#define FRAME_BIT(type) (1u << (type))

/* What control hears of by a notice of its own; a PROBE only from where no path is. */
#define FRAMES_TOLD                                                                              \
	(FRAME_BIT(FRAME_HELLO) | FRAME_BIT(FRAME_HELLO_ACK) | FRAME_BIT(FRAME_PATH_CHALLENGE) | \
	 FRAME_BIT(FRAME_PATH_RESPONSE) | FRAME_BIT(FRAME_LINK_STATE) |                          \
	 FRAME_BIT(FRAME_LINK_STATE_ACK) | FRAME_BIT(FRAME_GOODBYE))

/* Checks a payload of frames as a whole: false, counted, when one of them is bad. @ret_types gets a
 * bit for each type known that is in it.
 */
static bool check_frames(struct dp_thread *self, const uint8_t *payload, size_t len,
                         uint32_t *ret_types)
{
	enum frame_result result = FRAME_BAD;
	struct frame frame;
	size_t offset = 0;

	*ret_types = 0;
	while (len <= FRAMES_LEN_MAX &&
	       (result = frame_next(payload, len, &offset, &frame)) == FRAME_FOUND) {
		size_t known = frame_body_len(frame.type);

		if (known == 0)
			dp_drop(self, DROP_FRAME_UNKNOWN, 1);
		else if (frame.body_len < known)
			break;
		else
			*ret_types |= FRAME_BIT(frame.type);
	}
	if (result == FRAME_END)
		return true;
	dp_drop(self, DROP_FRAME_MALFORMED, 1);
	return false;
}

/* An answer counts only on the path it is about: that proves both directions. */
static void keep_answer(const struct frames_origin *from, const struct frame *frame)
{
	const struct frame_echo *echo = (const void *)frame->body;
	uint32_t rtt_us = (uint32_t)(from->b->time_ns / NS_PER_US) - load_le32(echo->t_tx_us) -
	                  load_le32(echo->hold_us);
	struct life_sign sign = {.key = from->b->keypair->local_index,
	                         .number = load_le16(echo->seq) |
	                                   (echo->flags & PROBE_WHOLE ? SIGN_WHOLE : 0),
	                         .rtt_us = rtt_us <= RTT_US_MAX ? rtt_us : 0,
	                         .sent = load_le32(echo->tx_packets),
	                         .heard = load_le32(echo->rx_packets)};

	if (echo->path_id != from->path_id)
		return;
	signs_put(&from->b->peer->path[from->path_id].answers, &sign);
	if (from->feedback && !(echo->flags & PROBE_WHOLE))
		feedback_answer_came(from->feedback, from->path_id, sign.rtt_us);
}

static void keep_probe(const struct frames_origin *from, const struct frame *frame)
{
	const struct frame_probe *probe = (const void *)frame->body;
	struct life_sign sign = {.key = from->b->keypair->local_index,
	                         .number = probe->path_id,
	                         .sent = load_le32(probe->tx_packets),
	                         .heard = (uint32_t)from->heard};

	signs_put(&from->b->peer->path[from->path_id].probes, &sign);
	if (from->feedback)
		feedback_probe_came(from->feedback, from->path_id, probe->path_id,
		                    load_le32(probe->t_tx_us), from->came_ns);
}

/* One that is for a report alone. False: it is to be answered. */
static bool keep_measure(const struct frames_origin *from, const struct frame *frame, size_t len)
{
	const struct frame_probe *probe = (const void *)frame->body;

	if (!(probe->flags & PROBE_MEASURES))
		return false;
	if (from->feedback && probe->flags & PROBE_TRAIN)
		feedback_train_came(from->feedback, from->path_id, (uint32_t)len, from->came_ns);
	else if (from->feedback)
		feedback_probe_came(from->feedback, from->path_id, probe->path_id,
		                    load_le32(probe->t_tx_us), from->came_ns);
	if (!(probe->flags & PROBE_TRAIN))
		note_delay(from, frame);
	return true;
}

/* One of the path's MTU: it takes longer than others, and may be lost for no fault of the path. */
static void keep_whole(struct dp_thread *self, const struct frames_origin *from,
                       const struct frame *frame, uint64_t counter, unsigned *answer_bytes)
{
	counter_add(&from->b->peer->path[from->path_id].rx_whole, 1);
	if (from->whole)
		want_answer(self, from, frame, counter, answer_bytes, from->whole);
}

static bool is_whole(const struct frame *frame)
{
	return ((const struct frame_probe *)(const void *)frame->body)->flags & PROBE_WHOLE;
}

/* Each says everything anew, over whatever way it came. */
static void take_report(struct dp_thread *self, const struct frames_origin *from,
                        const uint8_t *payload, size_t len)
{
	struct frame frame;
	size_t offset = 0;

	while (frame_next(payload, len, &offset, &frame) == FRAME_FOUND) {
		enum feedback_verdict verdict;

		if (frame.type != FRAME_REPORT)
			continue;
		verdict = feedback_report_came(from->feedback, from->b->keypair, frame.body,
		                               frame.body_len);
		if (verdict == FEEDBACK_BAD)
			dp_drop(self, DROP_FRAME_MALFORMED, 1);
		self->has_news |= verdict == FEEDBACK_NEWS;
	}
}

/* Life signs of a path we know: the last probe of the payload counts, and control is told. */
static void take_signs(struct dp_thread *self, const struct frames_origin *from,
                       const uint8_t *payload, size_t len, uint64_t counter, unsigned *answer_bytes,
                       struct probe_in *newest)
{
	struct frame frame, probe = {0}, whole = {0};
	size_t offset = 0;

	while (frame_next(payload, len, &offset, &frame) == FRAME_FOUND) {
		if (frame.type == FRAME_ECHO)
			keep_answer(from, &frame);
		else if (frame.type == FRAME_PROBE && is_whole(&frame))
			whole = frame;
		else if (frame.type == FRAME_PROBE && !keep_measure(from, &frame, len))
			probe = frame;
	}
	if (whole.body)
		keep_whole(self, from, &whole, counter, answer_bytes);
	if (probe.body) {
		note_delay(from, &probe);
		want_answer(self, from, &probe, counter, answer_bytes, newest);
		keep_probe(from, &probe);
	}
	mailbox_tell(from->b->peer, PEER_EVENT_SIGNS);
}

/* All answers to a datagram together are no longer than it: nobody gets more sent to an address, be
 * it his own or a forged one, than he sends himself.
 */
void frames_in_take(struct dp_thread *self, const struct frames_origin *from,
                    const uint8_t *payload, size_t len, uint64_t counter, struct probe_in *newest)
{
	bool is_on_path = from->path_id != PATH_NONE;
	uint32_t signs = FRAME_BIT(FRAME_PROBE) | FRAME_BIT(FRAME_ECHO);
	bool is_stray = !is_on_path || is_spoken_to_elsewhere(from);
	uint32_t told = FRAMES_TOLD | (is_stray ? FRAME_BIT(FRAME_PROBE) : 0);
	unsigned answer_bytes = (unsigned)len + TRANSPORT_OVERHEAD;
	uint32_t types;

	if (!check_frames(self, payload, len, &types))
		return;
	if (is_on_path && types & signs && keypair_is_fresh(from->b->keypair, from->b->time_ns))
		take_signs(self, from, payload, len, counter, &answer_bytes, newest);
	if (types & FRAME_BIT(FRAME_REPORT) && from->feedback)
		take_report(self, from, payload, len);
	if (types & told)
		frames_in_pass_on(self, from, payload, len, counter, answer_bytes);
}
