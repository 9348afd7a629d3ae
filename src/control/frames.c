/* SPDX-License-Identifier: MIT */
#include "control/frames.h"

#include <string.h>

#include "base/bytes.h"
#include "control/link_state.h"
#include "vtrunkd/limits.h"

/* Workers that take longer to give memory back are not going to send a goodbye either. */
#define GOODBYE_PATIENCE_MS 100u

#define GREETING_LEN \
	(2 * FRAME_HEADER_LEN + sizeof(struct frame_hello) + sizeof(struct frame_path_challenge))

void frames_init(struct frames *f, struct effects *fx, struct dp_peer *dp,
                 const uint8_t boot_id[static 8])
{
	*f = (struct frames){.fx = fx, .dp = dp};
	memcpy(f->boot_id, boot_id, sizeof f->boot_id);
}

bool frames_owe(const struct frames *f)
{
	return f->owes_keepalive || f->owed_hellos || f->owed_acks;
}

void frames_forget_owed(struct frames *f)
{
	f->owed_hellos = f->owed_acks = 0;
	f->owes_keepalive = false;
}

void frames_forget_path(struct frames *f, unsigned id)
{
	f->owed_hellos &= (uint16_t) ~(1u << id);
	f->owed_acks &= (uint16_t) ~(1u << id);
}

static bool send_payload(struct frames *f, struct keypair *kp, unsigned path_id, unsigned lane,
                         const void *payload, size_t len, const struct route *to)
{
	return f->fx->send_payload(f->fx, f->dp, kp, path_id, lane, payload, len, to);
}

void frames_send_keepalive(struct frames *f, struct keypair *kp, unsigned path_id)
{
	f->owes_keepalive = !send_payload(f, kp, path_id, LANE_ORDERED, NULL, 0, NULL);
}

/* ---- lane 0 ---- */

static size_t put_hello(const struct frames *f, enum frame_type type,
                        uint8_t payload[static GREETING_LEN])
{
	struct frame_hello hello = {.version = 1,
	                            .path_limit = PATHS_MAX,
	                            .replay_log2 = (uint8_t)__builtin_ctz(REPLAY_BITS_BONDED)};

	store_le32(hello.features, FEATURE_REPORTS | FEATURE_LINK_STATE | FEATURE_MTU);
	memcpy(hello.boot_id, f->boot_id, sizeof hello.boot_id);
	return frame_append(payload, 0, GREETING_LEN, type, &hello, sizeof hello);
}

bool frames_send_hello(struct frames *f, struct keypair *kp, enum frame_type type, unsigned path_id)
{
	uint8_t payload[GREETING_LEN];
	size_t len = put_hello(f, type, payload);

	return send_payload(f, kp, path_id, LANE_ORDERED, payload, len, NULL);
}

/* @type of @body follows the hello of @hello_type. */
static bool send_two(struct frames *f, struct keypair *kp, unsigned path_id,
                     enum frame_type hello_type, enum frame_type type,
                     const struct frame_path_challenge *body, const struct route *to)
{
	uint8_t payload[GREETING_LEN];
	size_t len = put_hello(f, hello_type, payload);

	len = frame_append(payload, len, sizeof payload, type, body, sizeof *body);
	return send_payload(f, kp, path_id, LANE_ORDERED, payload, len, to);
}

static struct frame_path_challenge challenge_of(unsigned path_id,
                                                const uint8_t token[static CHALLENGE_LEN])
{
	struct frame_path_challenge body = {.path_id = (uint8_t)path_id};

	memcpy(body.token, token, sizeof body.token);
	return body;
}

bool frames_send_greeting(struct frames *f, struct keypair *kp, enum frame_type type,
                          unsigned path_id, const uint8_t token[static CHALLENGE_LEN],
                          const struct route *to)
{
	struct frame_path_challenge body = challenge_of(path_id, token);

	return send_two(f, kp, path_id, type, FRAME_PATH_CHALLENGE, &body, to);
}

bool frames_send_greeting_answer(struct frames *f, struct keypair *kp, unsigned path_id,
                                 const struct frame_path_challenge *response)
{
	return send_two(f, kp, path_id, FRAME_HELLO_ACK, FRAME_PATH_RESPONSE, response, NULL);
}

/* ---- the path's control lane ---- */

static bool send_frame(struct frames *f, struct keypair *kp, unsigned path_id, enum frame_type type,
                       const void *body, size_t body_len, const struct route *to)
{
	uint8_t payload[FRAME_HEADER_LEN + LINK_STATE_LEN_MAX]; /* none is longer */
	size_t len = frame_append(payload, 0, sizeof payload, type, body, body_len);

	return send_payload(f, kp, path_id, LANE_CONTROL + path_id, payload, len, to);
}

bool frames_send_probe(struct frames *f, struct keypair *kp, unsigned path_id, uint16_t seq,
                       bool is_standby, const struct route *to)
{
	struct frame_probe body = {.path_id = (uint8_t)path_id,
	                           .flags = is_standby ? PROBE_STANDBY : 0};

	store_le16(body.seq, seq);
	return send_frame(f, kp, path_id, FRAME_PROBE, &body, sizeof body, to);
}

bool frames_send_whole_probe(struct frames *f, struct keypair *kp, unsigned path_id, uint16_t seq,
                             unsigned size)
{
	struct frame_probe body = {.path_id = (uint8_t)path_id, .flags = PROBE_WHOLE};
	uint8_t payload[FRAMES_LEN_MAX] = {0};

	store_le16(body.seq, seq);
	frame_append(payload, 0, sizeof payload, FRAME_PROBE, &body, sizeof body);
	return send_payload(f, kp, path_id, LANE_CONTROL + path_id, payload, size, NULL);
}

bool frames_send_challenge(struct frames *f, struct keypair *kp, unsigned path_id,
                           const uint8_t token[static CHALLENGE_LEN], const struct route *to)
{
	struct frame_path_challenge body = challenge_of(path_id, token);

	return send_frame(f, kp, path_id, FRAME_PATH_CHALLENGE, &body, sizeof body, to);
}

bool frames_send_response(struct frames *f, struct keypair *kp, unsigned path_id,
                          const struct frame_path_challenge *response, const struct route *to)
{
	return send_frame(f, kp, path_id, FRAME_PATH_RESPONSE, response, sizeof *response, to);
}

bool frames_send_link_state(struct frames *f, struct keypair *kp, unsigned path_id,
                            const uint8_t *body, size_t len)
{
	return send_frame(f, kp, path_id, FRAME_LINK_STATE, body, len, NULL);
}

bool frames_send_link_state_ack(struct frames *f, struct keypair *kp, unsigned path_id,
                                const uint8_t number[static 4])
{
	struct frame_link_state_ack body = {0};

	memcpy(body.number, number, sizeof body.number);
	return send_frame(f, kp, path_id, FRAME_LINK_STATE_ACK, &body, sizeof body, NULL);
}

/* Other threads work still, and memory comes home from them. It names where it goes: when
 * it leaves, the path may be gone.
 */
bool frames_send_goodbye(struct frames *f, struct keypair *kp, unsigned path_id,
                         const struct route *to)
{
	struct frame_goodbye body = {.reason = GOODBYE_STOPPING};

	memcpy(body.boot_id, f->boot_id, sizeof body.boot_id);
	while (!send_frame(f, kp, path_id, FRAME_GOODBYE, &body, sizeof body, to)) {
		if (!f->fx->await_memory(f->fx, GOODBYE_PATIENCE_MS))
			return false;
	}
	return true;
}
