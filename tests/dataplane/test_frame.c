/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "../bytes_rig.h"
#include "dataplane/frame.h"

enum {
	FRAMES_MAX = 64, /* more than fit into any payload of these tests */
	PAYLOAD_MAX = 128,
	FUZZ_ROUNDS = 50000,
};

struct walk {
	struct frame frame[FRAMES_MAX];
	unsigned len;
	enum frame_result end; /* FRAME_END or FRAME_BAD */
	size_t offset;
};

static struct walk walk_frames(const uint8_t *payload, size_t len)
{
	struct walk w = {0};

	do {
		cr_assert(lt(uint, w.len, FRAMES_MAX));
		w.end = frame_next(payload, len, &w.offset, &w.frame[w.len]);
	} while (w.end == FRAME_FOUND && ++w.len);
	return w;
}

/* The same by the letter of docs/protocol.md, a byte at a time. */
static struct walk walk_slowly(const uint8_t *payload, size_t len)
{
	struct walk w = {.end = FRAME_BAD};
	uint8_t head[4];
	unsigned head_len = 0;
	size_t body_left = 0, i;

	for (i = 0; i < len; i++) {
		if (body_left) {
			if (--body_left == 0)
				w.len++, w.offset = i + 1;
			continue;
		}
		if (head_len == 0 && payload[i] == 0)
			break;
		head[head_len++] = payload[i];
		if (head[0] != 0xb1)
			return w;
		if (head_len < 4)
			continue;
		head_len = 0;
		body_left = head[2] + 256u * head[3];
		w.frame[w.len] = (struct frame){
			.type = head[1], .body_len = (uint16_t)body_left, .body = payload + i + 1};
		if (body_left == 0)
			w.len++, w.offset = i + 1;
	}
	if (head_len == 0 && body_left == 0)
		w.end = FRAME_END;
	return w;
}

static void expect_same_walk(const uint8_t *payload, size_t len)
{
	struct walk got = walk_frames(payload, len), want = walk_slowly(payload, len);

	cr_assert(eq(uint, got.len, want.len), "length %zu", len);
	cr_assert(eq(int, got.end, want.end), "length %zu", len);
	cr_assert(eq(sz, got.offset, want.offset), "length %zu", len);
	for (unsigned i = 0; i < got.len; i++) {
		cr_assert(eq(u8, got.frame[i].type, want.frame[i].type));
		cr_assert(eq(u16, got.frame[i].body_len, want.frame[i].body_len));
		cr_assert(eq(ptr, (void *)got.frame[i].body, (void *)want.frame[i].body));
	}
}

/* On the heap in its exact length, so that the sanitizer sees a byte read beyond the end. */
static uint8_t *exact_copy(const uint8_t *payload, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	cr_assert(ne(ptr, copy, NULL));
	memcpy(copy, payload, len);
	return copy;
}

Test(frame, known_types_have_the_lengths_of_the_protocol)
{
	static const size_t known[256] = {[1] = 16, [2] = 16, [3] = 20, [4] = 20,  [5] = 24,
	                                  [6] = 20, [7] = 20, [8] = 8,  [10] = 12, [11] = 8};

	for (unsigned type = 0; type < 256; type++)
		cr_expect(eq(sz, frame_body_len((uint8_t)type), known[type]), "type %u", type);
}

Test(frame, appended_frame_is_laid_out_as_documented)
{
	static const uint8_t want[] = {0xff, 0xb1, 10, 5, 0, 'h', 'e', 'l', 'l', 'o', 0xff};
	uint8_t payload[11];

	memset(payload, 0xff, sizeof payload);
	cr_assert(eq(sz, frame_append(payload, 1, 10, FRAME_GOODBYE, "hello", 5), 10));
	ASSERT_BYTES(payload, want, sizeof want);
}

Test(frame, long_body_has_both_bytes_of_its_length)
{
	static uint8_t payload[4 + 0x1234], body[0x1234];
	struct walk w;

	cr_assert(eq(sz, frame_append(payload, 0, sizeof payload, FRAME_PROBE, body, sizeof body),
	             sizeof payload));
	cr_expect(eq(u8, payload[2], 0x34));
	cr_expect(eq(u8, payload[3], 0x12));
	w = walk_frames(payload, sizeof payload);
	cr_expect(eq(uint, w.len, 1));
	cr_expect(eq(u16, w.frame[0].body_len, 0x1234));
	cr_expect(eq(int, w.end, FRAME_END));
	cr_expect(eq(int, walk_frames(payload, sizeof payload - 1).end, FRAME_BAD));
}

Test(frame, what_was_appended_is_found_again_in_order)
{
	uint8_t payload[PAYLOAD_MAX] = {0}, body[20];
	size_t len = 0;

	for (unsigned i = 0; i < sizeof body; i++)
		body[i] = (uint8_t)(0xb0 + i); /* the magic inside a body is no frame */
	len = frame_append(payload, len, sizeof payload, FRAME_PROBE, body, 20);
	len = frame_append(payload, len, sizeof payload, FRAME_GOODBYE, body, 12);
	len = frame_append(payload, len, sizeof payload, FRAME_HELLO, body, 16);
	cr_assert(eq(sz, len, 3 * 4 + 20 + 12 + 16));

	struct walk w = walk_frames(payload, sizeof payload); /* zeros behind them: padding */

	cr_assert(eq(uint, w.len, 3));
	cr_expect(eq(int, w.end, FRAME_END));
	cr_expect(eq(sz, w.offset, len));
	cr_expect(eq(u8, w.frame[0].type, FRAME_PROBE));
	cr_expect(eq(u8, w.frame[1].type, FRAME_GOODBYE));
	cr_expect(eq(u8, w.frame[2].type, FRAME_HELLO));
	ASSERT_BYTES(w.frame[0].body, body, 20);
	ASSERT_BYTES(w.frame[1].body, body, 12);
	ASSERT_BYTES(w.frame[2].body, body, 16);
}

Test(frame, edges)
{
	static const struct {
		const char *payload;
		unsigned frames;
		enum frame_result end;
	} cases[] = {
		{"", 0, FRAME_END},
		{"00", 0, FRAME_END},
		{"00b10a0000", 0, FRAME_END}, /* nothing counts behind the end */
		{"45", 0, FRAME_BAD},         /* an IP packet is no frame */
		{"b1", 0, FRAME_BAD},         /* cut in the header */
		{"b10a00", 0, FRAME_BAD},
		{"b10a0000", 1, FRAME_END}, /* a body may be empty here */
		{"b10a0100", 0, FRAME_BAD}, /* body cut by one */
		{"b10a010007", 1, FRAME_END},
		{"b10affff07", 0, FRAME_BAD}, /* the greatest length */
		{"b10a000000", 1, FRAME_END}, /* padding of one byte */
		{"b10a000045", 1, FRAME_BAD}, /* rubbish behind a frame */
		{"b10a0000b1", 1, FRAME_BAD},
		{"b1ff0100b1b10a0000", 2, FRAME_END}, /* an unknown type is stepped over */
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint8_t bytes[PAYLOAD_MAX];
		size_t len = bytes_from_hex(bytes, cases[i].payload);
		uint8_t *payload = exact_copy(bytes, len);
		struct walk w = walk_frames(payload, len);

		cr_expect(eq(uint, w.len, cases[i].frames), "%s", cases[i].payload);
		cr_expect(eq(int, w.end, cases[i].end), "%s", cases[i].payload);
		free(payload);
	}
}

Test(frame, bad_payload_leaves_offset_and_result_alone)
{
	static const uint8_t payload[] = {0xb1, 3, 2, 0, 1};
	struct frame frame = {.type = 77};
	size_t offset = 0;

	cr_expect(eq(int, frame_next(payload, sizeof payload, &offset, &frame), FRAME_BAD));
	cr_expect(eq(sz, offset, 0));
	cr_expect(eq(u8, frame.type, 77));
}

/* A payload of four frames, cut at every length: whole frames before the cut are found, and a cut
 * that is not between two frames is seen.
 */
Test(frame, cut_at_every_offset)
{
	static const size_t body_len[] = {20, 0, 12, 16};
	uint8_t payload[PAYLOAD_MAX], body[20] = {1, 2, 3};
	size_t len = 0, border[5] = {0};

	for (unsigned i = 0; i < 4; i++) {
		len = frame_append(payload, len, sizeof payload, FRAME_HELLO, body, body_len[i]);
		border[i + 1] = len;
	}
	for (size_t cut = 0; cut <= len; cut++) {
		uint8_t *copy = exact_copy(payload, cut);
		struct walk w = walk_frames(copy, cut);
		unsigned whole = 0;

		while (whole < 4 && border[whole + 1] <= cut)
			whole++;
		cr_expect(eq(uint, w.len, whole), "cut at %zu", cut);
		cr_expect(eq(int, w.end, border[whole] == cut ? FRAME_END : FRAME_BAD),
		          "cut at %zu", cut);
		cr_expect(eq(sz, w.offset, border[whole]), "cut at %zu", cut);
		free(copy);
	}
}

/* Random bytes seldom look like frames: so magic, types and lengths that nearly fit are put in. */
static size_t random_payload(struct test_random *random, uint8_t payload[static PAYLOAD_MAX])
{
	size_t len = test_random_next(random) % (PAYLOAD_MAX + 1), at = 0;

	test_random_fill(random, payload, len);
	while (at + 4 <= len && test_random_next(random) % 8) {
		size_t body_len = test_random_next(random) % 24;

		payload[at] = FRAME_MAGIC;
		payload[at + 2] = (uint8_t)body_len;
		payload[at + 3] = test_random_next(random) % 16 == 0;
		at += 4 + body_len;
	}
	if (at < len && test_random_next(random) % 2)
		payload[at] = 0;
	return len;
}

Test(frame, random_payloads_are_read_as_a_slow_reader_does)
{
	struct test_random random = test_random_seeded("frame");

	for (unsigned i = 0; i < FUZZ_ROUNDS; i++) {
		uint8_t payload[PAYLOAD_MAX];
		size_t len = random_payload(&random, payload);
		uint8_t *copy = exact_copy(payload, len);

		expect_same_walk(copy, len);
		free(copy);
	}
}
