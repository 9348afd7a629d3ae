/* SPDX-License-Identifier: MIT */
#include "control/frames.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/bytes.h"

static const uint8_t boot_id[8] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t token[CHALLENGE_LEN] = {9, 8, 7};
static struct keypair *const kp = (struct keypair *)&boot_id; /* nobody looks into it */
static const struct route elsewhere;

/* What was sent last. */
static struct {
	unsigned count, path_id, lane;
	uint8_t payload[512];
	size_t len;
	const struct route *to;
} sent;

static bool has_memory;
static unsigned waits, memory_after; /* waits */

static bool send_payload(struct effects *fx, struct dp_peer *dp, struct keypair *key,
                         unsigned path_id, unsigned lane, const void *payload, size_t len,
                         const struct route *to)
{
	(void)fx, (void)dp;
	cr_assert(eq(ptr, key, kp));
	if (!has_memory)
		return false;
	sent.count++;
	sent.path_id = path_id;
	sent.lane = lane;
	sent.len = len;
	sent.to = to;
	if (len)
		memcpy(sent.payload, payload, len);
	return true;
}

static bool await_memory(struct effects *fx, unsigned timeout_ms)
{
	(void)fx, (void)timeout_ms;
	has_memory = ++waits == memory_after;
	return has_memory;
}

static struct effects fx = {.send_payload = send_payload, .await_memory = await_memory};
static struct frames frames;

static void setup(void)
{
	frames_init(&frames, &fx, NULL, boot_id);
	has_memory = true;
}

TestSuite(frames, .init = setup);

/* The next frame of what was sent. */
static struct frame next(size_t *offset)
{
	struct frame f;

	cr_assert(eq(int, frame_next(sent.payload, sent.len, offset, &f), FRAME_FOUND));
	return f;
}

static void expect_hello(const struct frame *f, enum frame_type type)
{
	const struct frame_hello *hello = (const void *)f->body;

	cr_expect(eq(int, f->type, type));
	cr_expect(eq(int, hello->version, 1));
	cr_expect(eq(int, hello->path_limit, PATHS_MAX));
	cr_expect(eq(uint, 1u << hello->replay_log2, REPLAY_BITS_BONDED));
	cr_expect(eq(u32, load_le32(hello->features),
	             FEATURE_REPORTS | FEATURE_LINK_STATE | FEATURE_MTU));
	cr_expect(eq(int, memcmp(hello->boot_id, boot_id, sizeof boot_id), 0));
}

Test(frames, hello_goes_in_lane_0_to_the_address_of_the_path)
{
	size_t at = 0;
	struct frame f;

	cr_assert(frames_send_hello(&frames, kp, FRAME_HELLO_ACK, 3));
	f = next(&at);
	expect_hello(&f, FRAME_HELLO_ACK);
	cr_expect(eq(uint, sent.lane, LANE_ORDERED));
	cr_expect(eq(uint, sent.path_id, 3));
	cr_expect(eq(ptr, (void *)sent.to, NULL));
	cr_expect(eq(uint, frames_datagram_len(sent.len), HELLO_BYTES));
}

Test(frames, greeting_is_hello_and_challenge_in_one)
{
	const struct frame_path_challenge *challenge;
	size_t at = 0;
	struct frame f;

	cr_assert(frames_send_greeting(&frames, kp, FRAME_HELLO, 5, token, &elsewhere));
	f = next(&at);
	expect_hello(&f, FRAME_HELLO);
	f = next(&at);
	challenge = (const void *)f.body;
	cr_expect(eq(int, f.type, FRAME_PATH_CHALLENGE));
	cr_expect(eq(int, challenge->path_id, 5));
	cr_expect(eq(int, memcmp(challenge->token, token, sizeof token), 0));
	cr_expect(eq(ptr, (void *)sent.to, (void *)&elsewhere));
	cr_expect(eq(uint, frames_datagram_len(sent.len), GREETING_BYTES));
}

Test(frames, answer_to_a_greeting_weighs_as_much)
{
	struct frame_path_challenge response = {.path_id = 11};
	size_t at = 0;
	struct frame f;

	cr_assert(frames_send_greeting_answer(&frames, kp, 2, &response));
	f = next(&at);
	expect_hello(&f, FRAME_HELLO_ACK);
	f = next(&at);
	cr_expect(eq(int, f.type, FRAME_PATH_RESPONSE));
	cr_expect(eq(int, f.body[0], 11), "as it was asked");
	cr_expect(eq(uint, frames_datagram_len(sent.len), GREETING_BYTES));
}

Test(frames, others_go_in_the_control_lane_of_their_path)
{
	struct frame_path_challenge response = {.path_id = 1};
	size_t at = 0;
	struct frame f;

	cr_assert(frames_send_probe(&frames, kp, 7, 0x1234, true, NULL));
	f = next(&at);
	cr_expect(eq(int, f.type, FRAME_PROBE));
	cr_expect(eq(int, f.body[0], 7));
	cr_expect(eq(int, f.body[1], PROBE_STANDBY));
	cr_expect(eq(u16, load_le16(f.body + 2), 0x1234));
	cr_expect(eq(uint, sent.lane, LANE_CONTROL + 7));
	cr_expect(eq(uint, frames_datagram_len(sent.len), PROBE_BYTES));
	cr_assert(frames_send_challenge(&frames, kp, 8, token, &elsewhere));
	cr_expect(eq(uint, sent.lane, LANE_CONTROL + 8));
	cr_expect(eq(uint, frames_datagram_len(sent.len), CHALLENGE_BYTES));
	cr_assert(frames_send_response(&frames, kp, 9, &response, &elsewhere));
	cr_expect(eq(uint, sent.lane, LANE_CONTROL + 9));
}

Test(frames, without_memory_nothing_is_sent_and_a_keepalive_owed)
{
	has_memory = false;
	cr_expect(not(frames_send_hello(&frames, kp, FRAME_HELLO, 0)));
	cr_expect(not(frames_send_probe(&frames, kp, 0, 1, false, NULL)));
	cr_expect(not(frames_owe(&frames)));
	frames_send_keepalive(&frames, kp, 4);
	cr_expect(frames_owe(&frames));
	has_memory = true;
	frames_send_keepalive(&frames, kp, 4);
	cr_expect(not(frames_owe(&frames)));
	cr_expect(eq(sz, sent.len, 0));
	cr_expect(eq(uint, sent.lane, LANE_ORDERED));
	cr_expect(eq(uint, sent.count, 1));
}

Test(frames, what_is_owed_is_forgotten_with_the_session)
{
	frames.owed_hellos = 1;
	cr_expect(frames_owe(&frames));
	frames_forget_owed(&frames);
	cr_expect(not(frames_owe(&frames)));
}

Test(frames, goodbye_waits_for_memory)
{
	size_t at = 0;
	struct frame f;

	has_memory = false;
	memory_after = 1;
	cr_expect(frames_send_goodbye(&frames, kp, 6, NULL));
	f = next(&at);
	cr_expect(eq(int, f.type, FRAME_GOODBYE));
	cr_expect(eq(int, f.body[0], GOODBYE_STOPPING));
	cr_expect(eq(int, memcmp(f.body + 4, boot_id, sizeof boot_id), 0));
}

Test(frames, goodbye_does_not_wait_for_ever)
{
	has_memory = false;
	cr_expect(not(frames_send_goodbye(&frames, kp, 6, NULL)));
	cr_expect(eq(uint, waits, 1));
	cr_expect(eq(uint, sent.count, 0));
}
