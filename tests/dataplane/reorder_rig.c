/* SPDX-License-Identifier: MIT */
#include "reorder_rig.h"

#include <inttypes.h>
#include <string.h>

/* What is handed through to the callback unseen. */
static char thread_mark, peer_mark;
#define SELF ((struct dp_thread *)(void *)&thread_mark)
#define PEER ((struct dp_peer *)(void *)&peer_mark)

struct keypair first_kp = {.born_ns = NOW_NS - 9 * NS_PER_S, .local_index = 7};
struct keypair second_kp = {.born_ns = NOW_NS - 2 * NS_PER_S, .local_index = 3};
struct keypair twin_kp = {.born_ns = NOW_NS - 2 * NS_PER_S, .local_index = 4};

struct reorder *reorder;
uint32_t delivered[TAGS_MAX];
unsigned delivered_len;
unsigned kept_len;
unsigned flushes;

static struct {
	const uint8_t *packet;
	size_t len;
	uint32_t tag;
} kept[TAGS_MAX];

/* What was put must stay until the next flush, so nothing here is used twice. */
static uint8_t arena[TAGS_MAX][PACKET_BYTES];
static unsigned arena_len;

void reorder_setup(void)
{
	reorder = reorder_create(PACKET_BYTES);
	cr_assert(ne(ptr, reorder, NULL));
}

void reorder_teardown(void)
{
	reorder_destroy(reorder);
	reorder_destroy(NULL);
}

size_t len_of(uint32_t tag)
{
	return sizeof tag + tag * 37 % (PACKET_BYTES - sizeof tag + 1);
}

void make_packet(uint8_t *packet, uint32_t tag, size_t len)
{
	memcpy(packet, &tag, sizeof tag);
	for (size_t i = sizeof tag; i < len; i++)
		packet[i] = (uint8_t)(tag + i);
}

/* Returns the tag of a packet of which every byte is right. */
static uint32_t check_packet(const uint8_t *packet, size_t len)
{
	uint8_t expected[2 * PACKET_BYTES];
	uint32_t tag;

	cr_assert(ge(sz, len, sizeof tag));
	memcpy(&tag, packet, sizeof tag);
	cr_assert(eq(sz, len, len > PACKET_BYTES ? 2 * PACKET_BYTES : len_of(tag)));
	make_packet(expected, tag, len);
	cr_assert(eq(int, memcmp(packet, expected, len), 0), "bytes of %" PRIu32, tag);
	return tag;
}

static void note(struct dp_thread *self, struct dp_peer *peer, uint8_t *packet, size_t len)
{
	cr_assert(eq(ptr, self, SELF));
	cr_assert(eq(ptr, peer, PEER));
	cr_assert(lt(uint, delivered_len, TAGS_MAX));
	cr_assert(lt(uint, kept_len, TAGS_MAX));
	kept[kept_len].packet = packet;
	kept[kept_len].len = len;
	kept[kept_len].tag = check_packet(packet, len);
	delivered[delivered_len++] = kept[kept_len++].tag;
}

static void let_go(struct dp_thread *self)
{
	cr_assert(eq(ptr, self, SELF));
	flushes++;
	while (kept_len) {
		kept_len--;
		cr_assert(eq(u32, check_packet(kept[kept_len].packet, kept[kept_len].len),
		             kept[kept_len].tag));
	}
}

const struct reorder_sink reorder_sink = {SELF, PEER, note, let_go};

void put_at(uint64_t now_ns, unsigned path, const struct keypair *kp, uint64_t seq, uint32_t tag)
{
	uint8_t *packet = arena[arena_len++];

	cr_assert(le(uint, arena_len, TAGS_MAX));
	make_packet(packet, tag, len_of(tag));
	reorder_put(reorder, &reorder_sink, kp, seq, path, packet, len_of(tag), now_ns);
}

void put_over(unsigned path, const struct keypair *kp, uint64_t seq, uint32_t tag)
{
	put_at(NOW_NS, path, kp, seq, tag);
}

void put(const struct keypair *kp, uint64_t seq, uint32_t tag)
{
	put_over(PATH_NONE, kp, seq, tag);
}

void put_empty(const struct keypair *kp, uint64_t seq)
{
	reorder_put(reorder, &reorder_sink, kp, seq, PATH_NONE, NULL, 0, NOW_NS);
}

uint64_t run_at(uint64_t now_ns)
{
	return reorder_run(reorder, &reorder_sink, now_ns);
}

void expect_delivered(unsigned len, const uint32_t *tags)
{
	cr_assert(eq(uint, delivered_len, len));
	for (unsigned i = 0; i < len; i++)
		cr_expect(eq(u32, delivered[i], tags[i]), "delivery %u", i);
	delivered_len = 0;
}
