/* SPDX-License-Identifier: MIT */
#include "dataplane/reorder.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/keypair.h"
#include "dataplane/batch.h"
#include "sched/reseq.h"

#define PACKET_BYTES 1024u
#define NOW_NS       (1000 * NS_PER_S)
#define TAGS_MAX     (11 * REORDER_HELD_MAX)

/* What is handed through to the callback unseen. */
static char thread_mark, peer_mark;
#define SELF ((struct dp_thread *)(void *)&thread_mark)
#define PEER ((struct dp_peer *)(void *)&peer_mark)

static struct keypair first_kp = {.born_ns = NOW_NS - 9 * NS_PER_S, .local_index = 7};
static struct keypair second_kp = {.born_ns = NOW_NS - 2 * NS_PER_S, .local_index = 3};
static struct keypair twin_kp = {.born_ns = NOW_NS - 2 * NS_PER_S, .local_index = 4};

static struct reorder *reorder;
static uint32_t delivered[TAGS_MAX]; /* tags, in the order of delivery */
static unsigned delivered_len;

/* Delivered and not yet flushed: the bytes must stay as they are. */
static struct {
	const uint8_t *packet;
	size_t len;
	uint32_t tag;
} kept[TAGS_MAX];
static unsigned kept_len;
static unsigned flushes;

/* What was put must stay until the next flush, so nothing here is used twice. */
static uint8_t arena[TAGS_MAX][PACKET_BYTES];
static unsigned arena_len;

static void setup(void)
{
	reorder = reorder_create(PACKET_BYTES);
	cr_assert(ne(ptr, reorder, NULL));
}

static void teardown(void)
{
	reorder_destroy(reorder);
	reorder_destroy(NULL);
}

TestSuite(reorder, .init = setup, .fini = teardown);

/* A packet's length and bytes follow from its tag, which it begins with. */
static size_t len_of(uint32_t tag)
{
	return sizeof tag + tag * 37 % (PACKET_BYTES - sizeof tag + 1);
}

static void make_packet(uint8_t *packet, uint32_t tag, size_t len)
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

static const struct reorder_sink sink = {SELF, PEER, note, let_go};

static void put_at(uint64_t now_ns, unsigned path, const struct keypair *kp, uint64_t seq,
                   uint32_t tag)
{
	uint8_t *packet = arena[arena_len++];

	cr_assert(le(uint, arena_len, TAGS_MAX));
	make_packet(packet, tag, len_of(tag));
	reorder_put(reorder, &sink, kp, seq, path, packet, len_of(tag), now_ns);
}

static void put_over(unsigned path, const struct keypair *kp, uint64_t seq, uint32_t tag)
{
	put_at(NOW_NS, path, kp, seq, tag);
}

/* Over an unknown path a gap waits for 5 ms, and no time passes here. */
static void put(const struct keypair *kp, uint64_t seq, uint32_t tag)
{
	put_over(PATH_NONE, kp, seq, tag);
}

static void put_empty(const struct keypair *kp, uint64_t seq)
{
	reorder_put(reorder, &sink, kp, seq, PATH_NONE, NULL, 0, NOW_NS);
}

static uint64_t run_at(uint64_t now_ns)
{
	return reorder_run(reorder, &sink, now_ns);
}

/* What was delivered since it was asked last. */
static void expect_delivered(unsigned len, const uint32_t *tags)
{
	cr_assert(eq(uint, delivered_len, len));
	for (unsigned i = 0; i < len; i++)
		cr_expect(eq(u32, delivered[i], tags[i]), "delivery %u", i);
	delivered_len = 0;
}

#define EXPECT_DELIVERED(...)                                                  \
	expect_delivered(sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
	                 (uint32_t[]){__VA_ARGS__})

/* SEED=N repeats a run. */
static uint64_t random_state;

static void seed_random(void)
{
	const char *given = getenv("SEED");

	random_state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
	fprintf(stderr, "SEED=%" PRIu64 "\n", random_state);
}

static uint32_t random_below(uint32_t limit) /* xorshift64* */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * 0x2545f4914f6cdd1dull) >> 33) % limit;
}

Test(reorder, puts_packets_back_in_order_byte_for_byte)
{
	put(&first_kp, 0, 100);
	EXPECT_DELIVERED(100);
	put(&first_kp, 2, 102);
	put(&first_kp, 4, 104);
	put(&first_kp, 3, 103);
	expect_delivered(0, NULL);
	put(&first_kp, 1, 101);
	EXPECT_DELIVERED(101, 102, 103, 104);
	put(&first_kp, 5, 105);
	EXPECT_DELIVERED(105);
}

Test(reorder, longest_and_shortest_packets_wait_whole)
{
	uint8_t packet[PACKET_BYTES] = {0};

	put(&first_kp, 0, 0);
	for (uint32_t tag = 1; tag < 2 * PACKET_BYTES; tag++)
		put(&first_kp, 1 + tag, tag);
	make_packet(packet, 0, len_of(0));
	reorder_put(reorder, &sink, &first_kp, 1, PATH_NONE, packet, len_of(0), NOW_NS);
	cr_expect(eq(uint, delivered_len, 2 * PACKET_BYTES + 1));
}

Test(reorder, a_packet_without_bytes_keeps_its_place_and_is_not_delivered)
{
	put_empty(&first_kp, 0);
	put_empty(&first_kp, 2);
	put(&first_kp, 3, 103);
	expect_delivered(0, NULL);
	put(&first_kp, 1, 101);
	EXPECT_DELIVERED(101, 103);
	cr_expect(eq(u64, run_at(NOW_NS), NEVER_NS));
}

Test(reorder, an_oversized_packet_does_not_wait)
{
	uint8_t packet[2 * PACKET_BYTES];

	make_packet(packet, 102, sizeof packet);
	put(&first_kp, 0, 100);
	reorder_put(reorder, &sink, &first_kp, 2, PATH_NONE, packet, sizeof packet, NOW_NS);
	EXPECT_DELIVERED(100, 102);
	put(&first_kp, 3, 103);
	put(&first_kp, 1, 101);
	EXPECT_DELIVERED(101, 103);
}

Test(reorder, asks_to_be_run_when_the_wait_is_over)
{
	uint64_t due_ns;

	put(&first_kp, 0, 100);
	cr_expect(eq(u64, run_at(NOW_NS), NEVER_NS));
	put(&first_kp, 2, 102);
	put(&first_kp, 4, 104);
	due_ns = run_at(NOW_NS);
	cr_assert(lt(u64, NOW_NS, due_ns));
	cr_assert(le(u64, due_ns, NOW_NS + RESEQ_WAIT_MAX_NS));
	cr_expect(eq(u64, run_at(due_ns - 1), due_ns));
	EXPECT_DELIVERED(100);
	cr_expect(eq(u64, run_at(due_ns), NEVER_NS));
	EXPECT_DELIVERED(102, 104);
}

Test(reorder, probes_tell_how_long_to_wait)
{
	put_over(0, &first_kp, 0, 100);
	put_over(1, &first_kp, 1, 101);
	reorder_probed(reorder, 0, 10000);
	reorder_probed(reorder, 1, 50000);
	put_over(0, &first_kp, 3, 103);
	cr_expect(eq(u64, run_at(NOW_NS), NOW_NS + 45 * NS_PER_MS)); /* and 5 ms of slack */
}

/* The packets of a block come in random order, one block after the other. */
Test(reorder, memory_is_used_again)
{
	enum {
		BLOCK = REORDER_HELD_MAX - 1
	};
	static uint32_t order[BLOCK];

	seed_random();
	put(&first_kp, 0, 0);
	for (uint32_t base = 1; base < 10 * REORDER_HELD_MAX; base += BLOCK) {
		for (uint32_t i = 0; i < BLOCK; i++) {
			uint32_t at = random_below(i + 1);

			order[i] = order[at];
			order[at] = base + i;
		}
		for (uint32_t i = 0; i < BLOCK; i++)
			put(&first_kp, order[i], order[i]);
		cr_assert(eq(uint, delivered_len, base + BLOCK));
	}
	for (uint32_t tag = 0; tag < delivered_len; tag++)
		cr_assert(eq(u32, delivered[tag], tag));
}

/* What is delivered out of this memory stays there until it is flushed: then at the latest when the
 * memory is wanted. let_go() looks at every byte.
 */
Test(reorder, delivered_packets_keep_their_bytes_until_the_flush)
{
	put(&first_kp, 0, 0);
	for (uint32_t seq = 2; seq <= REORDER_HELD_MAX; seq++)
		put(&first_kp, seq, seq);
	cr_expect(eq(uint, flushes, 0));
	put(&first_kp, 1, 1); /* all go, and nothing is free yet */
	cr_expect(eq(uint, kept_len, REORDER_HELD_MAX + 1));
	for (uint32_t seq = 2; seq <= 3; seq++)
		put(&first_kp, REORDER_HELD_MAX + seq, REORDER_HELD_MAX + seq);
	cr_expect(eq(uint, flushes, 1), "memory was wanted");
	cr_expect(eq(uint, kept_len, 0));
	put(&first_kp, REORDER_HELD_MAX + 1, REORDER_HELD_MAX + 1);
	cr_expect(eq(uint, kept_len, 3));
	cr_expect(eq(u64, run_at(NOW_NS), NEVER_NS));
	cr_expect(eq(uint, flushes, 2), "a run flushes");
	cr_expect(eq(uint, kept_len, 0));
	cr_expect(eq(uint, delivered_len, REORDER_HELD_MAX + 4));
}

Test(reorder, where_memory_ends_the_oldest_gap_is_given_up)
{
	uint64_t seq;

	put(&first_kp, 0, 0);
	delivered_len = 0;
	for (seq = 100; seq < 100 + REORDER_HELD_MAX - 1; seq++)
		put(&first_kp, seq, (uint32_t)seq);
	expect_delivered(0, NULL);
	put(&first_kp, 50,
	    50); /* has the last place, and is the lowest: no reason to break order */
	EXPECT_DELIVERED(50);
	put(&first_kp, seq, (uint32_t)seq);
	EXPECT_DELIVERED(100);
	put(&first_kp, 70, 70); /* late; the gap is past, so all the others follow */
	cr_expect(eq(uint, delivered_len, REORDER_HELD_MAX));
	cr_expect(eq(u32, delivered[0], 70));
	for (uint32_t i = 1; i < delivered_len; i++)
		cr_assert(eq(u32, delivered[i], 100 + i));
}

Test(reorder, a_packet_that_fills_the_gap_needs_no_memory)
{
	put(&first_kp, 0, 0);
	for (uint32_t seq = 2; seq <= REORDER_HELD_MAX; seq++)
		put(&first_kp, seq, seq);
	put(&first_kp, 1, 1);
	cr_assert(eq(uint, delivered_len, REORDER_HELD_MAX + 1));
	for (uint32_t tag = 0; tag < delivered_len; tag++)
		cr_assert(eq(u32, delivered[tag], tag));
}

Test(reorder, a_far_jump_delivers_what_waits_before)
{
	put(&first_kp, 0, 100);
	put(&first_kp, 2, 102);
	put(&first_kp, 9, 109);
	put(&first_kp, 5 * RESEQ_SLOTS, 110);
	EXPECT_DELIVERED(100, 102, 109, 110);
	put(&first_kp, 1, 101);
	EXPECT_DELIVERED(101);
}

Test(reorder, packets_of_a_new_keypair_wait_behind_those_of_the_old_one)
{
	put(&first_kp, 40, 140);
	put(&first_kp, 42, 142);
	put(&first_kp, 45, 145);
	put(&second_kp, 1, 201);
	put(&second_kp, 0, 200);
	EXPECT_DELIVERED(140);
	put(&first_kp, 41, 141);
	EXPECT_DELIVERED(141, 142);
	put(&first_kp, 44, 144);
	put(&first_kp, 43, 143);
	EXPECT_DELIVERED(143, 144, 145);
	put(&first_kp, 46, 146); /* nothing of the first one was known beyond 45 */
	EXPECT_DELIVERED(146);
	cr_expect(eq(u64, run_at(NOW_NS), NOW_NS + 5 * NS_PER_MS));
	cr_expect(eq(u64, run_at(NOW_NS + 5 * NS_PER_MS), NEVER_NS));
	EXPECT_DELIVERED(200, 201);
}

/* One packet per millisecond, in turn over paths of 5 and 45 ms, and every hundredth begins a new
 * keypair.
 */
Test(reorder, a_change_of_keys_under_load_keeps_the_order)
{
	enum {
		PACKETS = 400,
		FAST_MS = 5,
		SLOW_MS = 45
	};
	static struct keypair kp[PACKETS / 100]; /* sanitizers align the stack less than it wants */

	for (unsigned i = 0; i < PACKETS / 100; i++) {
		kp[i].born_ns = NOW_NS + i * NS_PER_S;
		kp[i].local_index = i;
	}
	for (unsigned ms = FAST_MS; ms < PACKETS + SLOW_MS; ms++) {
		uint64_t now_ns = NOW_NS + ms * NS_PER_MS;
		unsigned fast = ms - FAST_MS, slow = ms - SLOW_MS;

		if (fast < PACKETS && fast % 2 == 0)
			put_at(now_ns, 0, &kp[fast / 100], fast % 100, fast);
		if (ms >= SLOW_MS && slow % 2 == 1)
			put_at(now_ns, 1, &kp[slow / 100], slow % 100, slow);
		if (ms == SLOW_MS + 1) { /* the first ones of the slow path were not waited for */
			reorder_probed(reorder, 0, FAST_MS * 1000);
			reorder_probed(reorder, 1, SLOW_MS * 1000);
			delivered_len = 0;
		}
		run_at(now_ns);
	}
	cr_assert(eq(u64, run_at(NOW_NS + 2 * PACKETS * NS_PER_MS), NEVER_NS));
	cr_assert(lt(uint, PACKETS - SLOW_MS - 2, delivered_len));
	for (unsigned i = 1; i < delivered_len; i++)
		cr_assert(lt(u32, delivered[i - 1], delivered[i]), "delivery %u", i);
}

Test(reorder, the_old_order_is_over_when_all_paths_have_brought_the_new_one)
{
	put_over(0, &first_kp, 40, 140);
	put_over(1, &first_kp, 41, 141);
	put_over(0, &second_kp, 0, 200);
	put_over(0, &second_kp, 2, 202);
	put_over(1, &first_kp, 42, 142);
	EXPECT_DELIVERED(140, 141, 142);
	cr_expect(lt(u64, NOW_NS, run_at(NOW_NS)));
	put_over(1, &second_kp, 1, 201);
	run_at(NOW_NS);
	EXPECT_DELIVERED(200, 201, 202);
}

Test(reorder, late_packets_of_the_old_keypair_do_not_wait_and_disturb_nothing)
{
	put_over(0, &first_kp, 40, 140);
	put_over(0, &second_kp, 0, 200);
	put_over(1, &second_kp, 1, 201);
	run_at(NOW_NS);
	put_over(0, &second_kp, 3, 203);
	put(&first_kp, 1, 101); /* a number that is missing, but of the other order */
	put(&first_kp, 42, 142);
	put(&first_kp, 2, 102);
	put_empty(&first_kp, 3);
	EXPECT_DELIVERED(140, 200, 201, 101, 142, 102);
	put_over(1, &second_kp, 2, 202);
	EXPECT_DELIVERED(202, 203);
}

Test(reorder, keypairs_born_at_the_same_time_have_orders_of_their_own)
{
	put(&second_kp, 0, 200);
	put(&second_kp, 5, 205);
	put(&twin_kp, 5, 305); /* the younger one by its index */
	EXPECT_DELIVERED(200);
	put(&second_kp, 4, 204);
	for (uint32_t seq = 1; seq < 4; seq++)
		put(&second_kp, seq, 200 + seq);
	EXPECT_DELIVERED(201, 202, 203, 204, 205);
	run_at(NOW_NS + NS_PER_S);
	EXPECT_DELIVERED(305);
}

/* Whatever comes, each packet goes out once. */
Test(reorder, delivers_each_packet_once)
{
	static bool is_put[2][REORDER_HELD_MAX * 2];
	static uint8_t seen[2][REORDER_HELD_MAX * 2];
	const struct keypair *kps[] = {&first_kp, &second_kp};
	unsigned puts = 0;

	seed_random();
	for (unsigned i = 0; i < 5 * REORDER_HELD_MAX; i++) {
		unsigned k = i > 3 * REORDER_HELD_MAX && random_below(3) != 0;
		uint32_t seq = i / 3 + random_below(1 + random_below(500));

		if (is_put[k][seq])
			continue; /* the replay window's business */
		is_put[k][seq] = true;
		puts++;
		put_over(random_below(3), kps[k], seq, seq * 2 + k);
	}
	cr_expect(eq(u64, run_at(NOW_NS + NS_PER_S), NEVER_NS));
	cr_expect(eq(uint, delivered_len, puts));
	for (unsigned i = 0; i < delivered_len; i++)
		seen[delivered[i] % 2][delivered[i] / 2]++;
	for (unsigned i = 0; i < 2 * REORDER_HELD_MAX; i++) {
		cr_assert(eq(uint, seen[0][i], is_put[0][i]));
		cr_assert(eq(uint, seen[1][i], is_put[1][i]));
	}
}
