/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/thread.h"
#include "crypto/init.h"
#include "crypto/keypair.h"

#define NOW       (1000 * NS_PER_S)
#define BOUND     REPLAY_LATENESS(REPLAY_BITS_STOCK)
#define UNORDERED REPLAY_LATENESS(KEYPAIR_BITS_UNORDERED)
#define WIDE      REPLAY_LATENESS(REPLAY_BITS_BONDED)
#define CONTROL   REPLAY_LATENESS(REPLAY_BITS_CONTROL)

static struct keypair *kp;

static void begin(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	cr_assert(eq(int, thread_adopt("control", THREAD_CONTROL, -1), 0));
	kp = keypair_create(true, 1, 2, NOW);
	cr_assert(ne(ptr, kp, NULL));
	cr_assert(eq(int, keypair_accept_lanes(kp), 0));
}

static void end(void)
{
	keypair_put(kp);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(keypair, .init = begin, .fini = end);

static uint64_t in_lane(uint64_t lane, uint64_t seq)
{
	return lane << LANE_SHIFT | seq;
}

Test(keypair, is_created_with_what_was_given_and_zero_keys)
{
	struct keypair *other = keypair_create(false, 0xfffffffe, 7, NOW + 1);
	static const struct keypair_keys none;

	cr_expect(not(other->is_initiator));
	cr_expect(kp->is_initiator);
	cr_expect(eq(u32, other->local_index, 0xfffffffe));
	cr_expect(eq(u32, other->remote_index, 7));
	cr_expect(eq(u64, other->born_ns, NOW + 1));
	cr_expect(not(other->accepts_lanes));
	cr_expect(not(atomic_load(&other->send_lanes)));
	cr_expect(ne(ptr, other->keys, kp->keys));
	cr_expect(eq(int, memcmp(other->keys, &none, sizeof none), 0));
	cr_expect(lt(sz, sizeof *kp, 4096)); /* a thousand idle peers stay small */
	keypair_put(other);
}

Test(keypair, ages_to_the_nanosecond)
{
	static const struct {
		uint64_t at_ns;
		int can;
	} table[] = {
		{NOW, 1},
		{NOW + REJECT_AFTER_TIME - 1, 1},
		{NOW + REJECT_AFTER_TIME, 0},
		{NOW + REJECT_AFTER_TIME + 1, 0},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		cr_expect(eq(int, keypair_can_send(kp, table[i].at_ns, 0), table[i].can));
		cr_expect(eq(int, keypair_can_receive(kp, table[i].at_ns), table[i].can));
	}
}

Test(keypair, lanes_count_for_themselves)
{
	cr_expect(eq(u64, keypair_reserve(kp, LANE_ORDERED, 64), 0));
	cr_expect(eq(u64, keypair_reserve(kp, LANE_ORDERED, 1), 64));
	cr_expect(eq(u64, keypair_reserve(kp, LANE_UNORDERED, 1), in_lane(1, 0)));
	cr_expect(eq(u64, keypair_reserve(kp, LANE_CONTROL + 15, 2), in_lane(31, 0)));
	cr_expect(eq(u64, keypair_reserve(kp, LANE_CONTROL + 15, 1), in_lane(31, 2)));
	cr_expect(eq(u64, keypair_reserve(kp, LANE_ORDERED, 1), 65));
}

/* The counter after the last one taken must stay below the limit. */
Test(keypair, reserve_ends_before_reject_after_messages)
{
	static const struct {
		int64_t sent; /* from the limit */
		unsigned n;
		int is_given;
	} table[] = {
		{-2, 1, 1},   {-1, 1, 0},   {0, 1, 0},   {1, 1, 0},       {-65, 64, 1},
		{-64, 64, 0}, {-63, 64, 0}, {-1, 64, 0}, {100000, 64, 0},
	};

	for (unsigned lane = 0; lane < LANE_COUNT; lane += LANE_COUNT - 1) {
		for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
			uint64_t first = REJECT_AFTER_MESSAGES + (uint64_t)table[i].sent;

			atomic_store(&kp->sent[lane], first);
			cr_expect(eq(int, keypair_can_send(kp, NOW, lane), table[i].sent < 0));
			cr_expect(eq(u64, keypair_reserve(kp, lane, table[i].n),
			             table[i].is_given ? in_lane(lane, first) : UINT64_MAX),
			          "%lld, %u", (long long)table[i].sent, table[i].n);
		}
		cr_expect(not(keypair_can_send(kp, NOW, lane)));
		cr_expect(keypair_can_send(kp, NOW, LANE_UNORDERED));
	}
}

#define RESERVERS 4u
#define ROUNDS    100000u

static _Atomic unsigned waiting; /* all begin when the last has come */
static pthread_mutex_t numbering = PTHREAD_MUTEX_INITIALIZER;

static void reserve_many(void *arg)
{
	uint64_t *first = arg;

	atomic_fetch_sub(&waiting, 1);
	while (atomic_load(&waiting))
		sched_yield();
	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&numbering);
		first[i] = keypair_reserve(kp, LANE_ORDERED, 1 + i % 7);
		pthread_mutex_unlock(&numbering);
	}
}

Test(keypair, counters_reserved_by_several_threads_in_turn_are_unique)
{
	static uint64_t first[RESERVERS][ROUNDS];
	struct thread t[RESERVERS];
	uint64_t expected = 0;

	atomic_store(&waiting, RESERVERS);
	for (unsigned i = 0; i < RESERVERS; i++)
		cr_assert(eq(int,
		             thread_start(&t[i], "t", THREAD_WORKER, -1, reserve_many, first[i]),
		             0));
	for (unsigned i = 0; i < RESERVERS; i++)
		thread_join(&t[i]);

	uint64_t total = atomic_load(&kp->sent[LANE_ORDERED]);
	uint8_t *taken = calloc(1, total);
	for (unsigned i = 0; i < RESERVERS; i++) {
		for (unsigned j = 0; j < ROUNDS; j++) {
			expected += 1 + j % 7;
			for (unsigned k = 0; k < 1 + j % 7; k++) {
				cr_assert(lt(u64, first[i][j] + k, total));
				cr_assert(eq(int, taken[first[i][j] + k]++, 0));
			}
		}
	}
	cr_expect(eq(u64, total, expected)); /* none twice and none left out */
	free(taken);
}

static bool has_window(uint64_t lane)
{
	return lane <= LANE_UNORDERED || (lane >= LANE_CONTROL && lane < LANE_COUNT);
}

Test(keypair, bonded_peer_may_use_data_and_control_lanes_only)
{
	for (uint64_t lane = 0; lane < 256; lane++) {
		cr_expect(eq(int, keypair_accept(kp, in_lane(lane, 5)), has_window(lane)),
		          "lane %u", (unsigned)lane);
		cr_expect(not(keypair_accept(kp, in_lane(lane, 5))), "lane %u", (unsigned)lane);
	}
	cr_expect(not(keypair_accept(kp, UINT64_MAX)));
}

Test(keypair, stock_peer_has_lane_0_only)
{
	struct keypair *other = keypair_create(true, 1, 2, NOW);

	for (uint64_t lane = 0; lane < 256; lane++)
		cr_expect(eq(int, keypair_accept(other, in_lane(lane, 5)), lane == 0), "lane %u",
		          (unsigned)lane);
	/* A refused one moved nothing. */
	cr_expect(keypair_accept(other, 4));
	keypair_put(other);
}

Test(keypair, counters_from_the_limit_on_are_refused)
{
	for (uint64_t lane = 0; lane < LANE_COUNT; lane++) {
		if (!has_window(lane))
			continue;
		cr_expect(not(keypair_accept(kp, in_lane(lane, REJECT_AFTER_MESSAGES + 1))));
		cr_expect(not(keypair_accept(kp, in_lane(lane, REJECT_AFTER_MESSAGES))));
		cr_expect(keypair_accept(kp, in_lane(lane, 0)));
		cr_expect(keypair_accept(kp, in_lane(lane, REJECT_AFTER_MESSAGES - 1)));
		cr_expect(not(keypair_accept(kp, in_lane(lane, REJECT_AFTER_MESSAGES - 1))));
	}
}

/* @lane of @k reaches back by @lateness and not by one more. */
static void expect_lateness(struct keypair *k, uint64_t lane, uint64_t lateness)
{
	uint64_t newest = 10 * WIDE;

	cr_assert(keypair_accept(k, in_lane(lane, newest)));
	cr_expect(not(keypair_accept(k, in_lane(lane, newest - lateness - 1))), "lane %u",
	          (unsigned)lane);
	cr_expect(keypair_accept(k, in_lane(lane, newest - lateness)), "lane %u", (unsigned)lane);
	cr_expect(keypair_accept(k, in_lane(lane, newest - lateness + 1)), "lane %u",
	          (unsigned)lane);
	cr_expect(not(keypair_accept(k, in_lane(lane, newest - lateness))), "lane %u",
	          (unsigned)lane);
}

Test(keypair, is_wide_from_its_birth_where_lanes_are_accepted)
{
	expect_lateness(kp, LANE_ORDERED, WIDE);
	expect_lateness(kp, LANE_UNORDERED, WIDE);
	for (unsigned i = 0; i < 16; i++)
		expect_lateness(kp, LANE_CONTROL + i, CONTROL);
}

Test(keypair, of_a_stock_peer_is_as_wide_as_the_kernels)
{
	struct keypair *other = keypair_create(true, 1, 2, NOW);

	expect_lateness(other, LANE_ORDERED, BOUND);
	keypair_put(other);
}

/* Its first packets, a stall, and what was sent meanwhile over another path. */
Test(keypair, what_a_stall_made_late_is_accepted_once)
{
	for (uint64_t seq = 0; seq < 100; seq++)
		cr_assert(keypair_accept(kp, seq));
	for (uint64_t seq = 50000; seq < 60000; seq++)
		cr_assert(keypair_accept(kp, seq));
	for (uint64_t seq = 0; seq < 50000; seq++)
		cr_assert(eq(int, keypair_accept(kp, seq), seq >= 100));
}

static unsigned pages_touched(const struct keypair *k)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = 2 * REPLAY_WORDS(REPLAY_BITS_BONDED) * sizeof(uint64_t);
	unsigned char is_there[64];
	unsigned count = 0;

	cr_assert(le(sz, bytes / page, sizeof is_there));
	cr_assert(eq(int, mincore(k->wide_bits, bytes, is_there), 0));
	for (size_t i = 0; i < (bytes + page - 1) / page; i++)
		count += is_there[i] & 1;
	return count;
}

/* Thousands of peers at rest have such windows. */
Test(keypair, a_wide_window_is_touched_only_when_counters_need_it)
{
	cr_assert(eq(uint, pages_touched(kp), 0));
	for (uint64_t seq = 0; seq <= BOUND; seq++)
		cr_assert(keypair_accept(kp, seq));
	cr_assert(keypair_accept(kp, in_lane(LANE_UNORDERED, UNORDERED)));
	cr_expect(eq(uint, pages_touched(kp), 0));
	cr_assert(keypair_accept(kp, BOUND + 1));
	cr_expect(lt(uint, 0, pages_touched(kp)));
}

/* From the narrow ring through the move to the wide one and far beyond, in both data lanes; a byte
 * per counter is the oracle.
 */
Test(keypair, widening_takes_nothing_twice_and_loses_nothing)
{
	enum {
		RANGE = 400000,
		STEPS = 200000
	};
	static uint8_t taken[2][RANGE];
	uint64_t newest[2] = {0}, state = 12345;

	for (unsigned i = 0; i < STEPS; i++) {
		unsigned lane = i & 1;

		state = state * 6364136223846793005u + 1442695040888963407u;
		uint64_t draw = state >> 33, back = draw % (i < STEPS / 2 ? 12000 : 150000);
		uint64_t seq = draw & 1024 ? newest[lane] + 1 + draw % 5
		                           : newest[lane] - (back < newest[lane] ? back : 0);
		bool is_late = seq < newest[lane] && newest[lane] - seq > WIDE;
		bool wanted = !is_late && !taken[lane][seq];

		cr_assert(eq(int, keypair_accept(kp, in_lane(lane, seq)), wanted),
		          "step %u, lane %u, %llu, newest %llu", i, lane, (unsigned long long)seq,
		          (unsigned long long)newest[lane]);
		taken[lane][seq] |= wanted;
		newest[lane] = wanted && seq > newest[lane] ? seq : newest[lane];
	}
	cr_expect(lt(u64, WIDE, newest[0]));
	cr_expect(lt(u64, WIDE, newest[1]));
}

/* This thread is online and does not say "quiescent", so what it retired stays to be looked at. */
Test(keypair, reference_cannot_be_taken_after_the_last_was_put)
{
	struct keypair *other = keypair_create(true, 1, 2, NOW);

	cr_expect(keypair_get(other));
	cr_expect(keypair_get(other));
	keypair_put(other);
	keypair_put(other);
	cr_expect(keypair_get(other));
	keypair_put(other);
	keypair_put(other);
	cr_expect(not(keypair_get(other)));
	cr_expect(not(keypair_get(other)));
	keypair_put(NULL);
}

Test(keypair, keys_live_through_the_grace_period_and_are_wiped_after_it)
{
	struct keypair *other = keypair_create(true, 1, 2, NOW);
	static const uint8_t zero[KEY_LEN];
	struct keypair_keys *keys = other->keys, filled; /* secret memory stays mapped */

	memset(keys, 0xa5, sizeof *keys);
	memset(&filled, 0xa5, sizeof filled);
	keypair_put(other);
	cr_expect(eq(int, memcmp(keys, &filled, sizeof filled), 0), "still readable");
	rcu_barrier();
	cr_expect(eq(int, memcmp(keys->receive, zero, KEY_LEN), 0));
	cr_expect(eq(int, memcmp(keys->send + 8, zero, KEY_LEN - 8), 0)); /* 8: free list */
	cr_expect(ne(int, memcmp(keys->send, &filled, 8), 0));
}

#define TAKERS 4u

static void get_and_put(void *arg)
{
	unsigned *refused = arg;

	for (unsigned i = 0; i < 20000; i++) {
		if (keypair_get(kp))
			keypair_put(kp);
		else
			(*refused)++;
		rcu_quiescent_state();
	}
}

Test(keypair, references_of_several_threads_add_up)
{
	unsigned refused[TAKERS] = {0};
	struct thread t[TAKERS];

	for (unsigned i = 0; i < TAKERS; i++)
		cr_assert(eq(int,
		             thread_start(&t[i], "t", THREAD_WORKER, -1, get_and_put, &refused[i]),
		             0));
	for (unsigned i = 0; i < TAKERS; i++)
		thread_join(&t[i]);
	for (unsigned i = 0; i < TAKERS; i++)
		cr_expect(eq(uint, refused[i], 0));
	cr_expect(eq(uint, reference_count(&kp->references), 1));
}

/* With lanes, moved to the wide windows or not, and put: what was allocated comes back. 64 rounds
 * would show as 2 MiB.
 */
static void live_once(bool has_lanes, bool is_moved)
{
	struct keypair *other = keypair_create(true, 1, 2, NOW);

	if (has_lanes)
		cr_assert(eq(int, keypair_accept_lanes(other), 0));
	if (is_moved)
		cr_assert(keypair_accept(other, 2 * BOUND));
	keypair_put(other);
	rcu_barrier();
}

/* In KiB: of mappings, which the allocator's figures leave out. */
static long mapped_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	cr_assert(ne(ptr, f, NULL));
	cr_assert(eq(int, fscanf(f, "%ld", &pages), 1));
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

Test(keypair, nothing_is_leaked_wide_or_not)
{
	static const struct {
		bool has_lanes, is_moved;
	} table[] = {{false, false}, {true, false}, {true, true}};

	live_once(true, true); /* liburcu starts its thread, malloc its arenas */
	for (size_t i = 0; i < 3; i++) {
		size_t before = mallinfo2().uordblks;
		long mapped = mapped_kib();

		for (unsigned round = 0; round < 64; round++)
			live_once(table[i].has_lanes, table[i].is_moved);
		cr_expect(lt(sz, mallinfo2().uordblks, before + 32768), "case %zu", i);
		cr_expect(lt(long, mapped_kib(), mapped + 1024), "case %zu", i);
	}
}

Test(keypair, is_fresh_for_a_while_after_a_newer_one_took_its_place)
{
	cr_expect(keypair_is_fresh(kp, NOW + REJECT_AFTER_TIME));
	keypair_supersede(kp, NOW + NS_PER_S);
	cr_expect(keypair_is_fresh(kp, NOW + NS_PER_S + KEYPAIR_OVERLAP_NS - 1));
	cr_expect(not(keypair_is_fresh(kp, NOW + NS_PER_S + KEYPAIR_OVERLAP_NS)));
}

/* ---- copies ---- */

Test(keypair, of_copies_nothing_is_known_before_one_came)
{
	cr_assert(keypair_accept(kp, 5));
	cr_expect(not(keypair_is_copy(kp, 5)));
	cr_expect(not(keypair_accept(kp, 5)), "the first");
	cr_expect(not(keypair_is_copy(kp, 5)),
	          "it was not kept in mind, and is refused all the same");
	cr_assert(keypair_accept(kp, 6));
	cr_assert(keypair_accept(kp, in_lane(LANE_UNORDERED, 9)));
	cr_expect(keypair_is_copy(kp, 6));
	cr_expect(not(keypair_is_copy(kp, in_lane(LANE_UNORDERED, 6))));
	cr_expect(keypair_is_copy(kp, in_lane(LANE_UNORDERED, 9)));
	cr_expect(not(keypair_is_copy(kp, 7)));
}

Test(keypair, copies_are_expected_for_a_while_after_the_last)
{
	uint64_t counter = 0;

	cr_assert(keypair_accept(kp, counter));
	keypair_copy_came(kp);
	while (keypair_accept(kp, ++counter), keypair_is_copy(kp, counter))
		cr_assert(lt(u64, counter, 1000000));
	cr_expect(lt(u64, 1000, counter));
	keypair_copy_came(kp);
	cr_assert(keypair_accept(kp, ++counter));
	cr_expect(keypair_is_copy(kp, counter));
}

/* Of frames there are no copies, and every one has its answer. */
Test(keypair, lanes_of_control_have_no_copies)
{
	cr_assert(keypair_accept(kp, in_lane(LANE_CONTROL, 1)));
	cr_expect(not(keypair_accept(kp, in_lane(LANE_CONTROL, 1))));
	cr_assert(keypair_accept(kp, 1));
	cr_expect(not(keypair_is_copy(kp, 1)), "none is expected");
	keypair_copy_came(kp);
	cr_assert(keypair_accept(kp, in_lane(LANE_CONTROL, 2)));
	cr_expect(not(keypair_is_copy(kp, in_lane(LANE_CONTROL, 2))));
}

Test(keypair, plain_peers_have_no_copies)
{
	struct keypair *plain = keypair_create(true, 3, 4, NOW);

	cr_assert(keypair_accept(plain, 1));
	cr_expect(not(keypair_accept(plain, 1)));
	cr_assert(keypair_accept(plain, 2));
	cr_expect(not(keypair_is_copy(plain, 2)));
	keypair_put(plain);
}
