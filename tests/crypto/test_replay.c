/* SPDX-License-Identifier: MIT */
/* The oracle remembers every counter of a stretch for ever and goes by the definition: new, and not
 * further behind the newest than the window allows. Environment: REPLAY_COUNTERS (how many random
 * counters, default 10^6), SEED (as printed by a run that failed).
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "crypto/replay.h"
#include "vtrunkd/limits.h"

#define STRETCH (1u << 22) /* counters the oracle can tell apart */

static const uint32_t widths[] = {128, REPLAY_BITS_CONTROL, 1024, REPLAY_BITS_STOCK,
                                  REPLAY_BITS_BONDED};
#define WIDTH_COUNT (sizeof widths / sizeof *widths)

static uint64_t storage[2][REPLAY_WORDS(REPLAY_BITS_BONDED)];

static void init(struct replay_window *win, uint32_t bits)
{
	memset(storage, 0xa5, sizeof storage); /* replay_init() has to clear */
	replay_init(win, storage[0], REPLAY_WORDS(bits));
}

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_u64(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t random_below(uint64_t bound)
{
	return random_u64() % bound;
}

static void seed_random(void)
{
	const char *seed = getenv("SEED");

	if (seed)
		random_state = strtoull(seed, NULL, 0);
	else
		cr_assert(eq(int, (int)getrandom(&random_state, sizeof random_state, 0), 8));
	fprintf(stderr, "SEED=%llu\n", (unsigned long long)random_state);
}

static uint64_t counters_wanted(void)
{
	const char *counters = getenv("REPLAY_COUNTERS");

	return counters ? strtoull(counters, NULL, 0) : 1000000;
}

struct oracle {
	uint64_t base;   /* first counter of the stretch */
	uint64_t newest; /* valid when @any */
	bool any;
	uint64_t lateness;
	uint64_t floor; /* what is older was forgotten when the window was widened */
	uint8_t accepted[STRETCH];
};

static struct oracle oracle;

static void oracle_init(uint64_t base, uint32_t bits)
{
	memset(&oracle, 0, sizeof oracle);
	oracle.base = base;
	oracle.lateness = REPLAY_LATENESS(bits);
}

static bool oracle_accept(uint64_t counter)
{
	uint8_t *accepted = &oracle.accepted[counter - oracle.base];

	if (counter == UINT64_MAX || counter < oracle.floor || *accepted)
		return false;
	if (oracle.any && counter < oracle.newest && oracle.newest - counter > oracle.lateness)
		return false;
	if (!oracle.any || counter > oracle.newest)
		oracle.newest = counter;
	oracle.any = true;
	*accepted = 1;
	return true;
}

static void oracle_widen(uint32_t old_bits, uint32_t bits)
{
	uint64_t newest_word = oracle.newest & ~63ull;

	if (oracle.any && newest_word >= REPLAY_LATENESS(old_bits))
		oracle.floor = newest_word - REPLAY_LATENESS(old_bits);
	oracle.lateness = REPLAY_LATENESS(bits);
}

/* Mostly the next ones, some lost, many late, some about the edge of the window, now and then a
 * jump beyond it. Relative to the newest of the stretch, and inside it.
 */
static uint64_t draw(uint32_t bits)
{
	uint64_t newest = oracle.any ? oracle.newest - oracle.base : random_below(3 * 64);
	uint64_t kind = random_below(1000), at = newest;

	if (kind < 400)
		at += 1 + random_below(3);
	else if (kind < 700)
		at -= random_below(200);
	else if (kind < 900)
		at -= random_below(bits + bits / 4);
	else if (kind < 990)
		at -= bits - 130 + random_below(140);
	else if (kind < 998)
		at += random_below(200);
	else
		at += random_below(3 * (uint64_t)bits);
	return oracle.base + (at < STRETCH ? at : random_below(newest + 1));
}

/* One stretch of @count counters or until its end is near. Returns how many were drawn. */
static uint64_t compare(struct replay_window *win, uint32_t bits, uint64_t count)
{
	uint64_t i;

	for (i = 0; i < count; i++) {
		uint64_t counter = draw(bits);
		bool wanted = oracle_accept(counter);

		if (replay_accept(win, counter) != wanted)
			cr_fatal("%u bits, counter %llu, newest %llu: should be %d", bits,
			         (unsigned long long)counter, (unsigned long long)oracle.newest,
			         wanted);
		if (oracle.newest - oracle.base >= STRETCH - 2)
			return i + 1;
	}
	return i;
}

/* At the beginning, anywhere, and with the last counter there is at the end. */
static uint64_t draw_base(void)
{
	switch (random_below(4)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX - (STRETCH - 1);
	default:
		return random_u64() >> random_below(40);
	}
}

Test(replay, agrees_with_an_oracle_on_random_counters, .timeout = 3600)
{
	uint64_t wanted = counters_wanted();

	seed_random();
	for (uint64_t done = 0; done < wanted;) {
		uint32_t bits = widths[random_below(WIDTH_COUNT)];
		uint64_t rest = wanted - done, stretch = 20000 + random_below(100000);
		uint64_t base = draw_base();
		struct replay_window win;

		if (base > UINT64_MAX - (STRETCH - 1))
			base = UINT64_MAX - (STRETCH - 1);
		init(&win, bits);
		oracle_init(base, bits);
		done += compare(&win, bits, stretch < rest ? stretch : rest);
	}
}

Test(replay, widening_in_the_middle_agrees_with_an_oracle, .timeout = 600)
{
	seed_random();
	for (unsigned round = 0; round < 60; round++) {
		size_t narrow = random_below(WIDTH_COUNT - 1);
		uint32_t bits = widths[narrow], wide_bits = widths[narrow + 1];
		struct replay_window win;

		init(&win, bits);
		oracle_init(round % 3 ? random_u64() >> 20 : 0, bits);
		compare(&win, bits, random_below(3000)); /* sometimes hardly any */
		memset(storage[1], 0, sizeof storage[1]);
		replay_widen(&win, storage[1], REPLAY_WORDS(wide_bits));
		memset(storage[0], 0xff, sizeof storage[0]); /* no longer looked at */
		oracle_widen(bits, wide_bits);
		compare(&win, wide_bits, 8000);
	}
}

Test(replay, zero_then_the_last_counter_then_zero)
{
	for (size_t i = 0; i < WIDTH_COUNT; i++) {
		struct replay_window win;

		init(&win, widths[i]);
		cr_expect(replay_accept(&win, 0));
		cr_expect(not(replay_accept(&win, UINT64_MAX)));
		cr_expect(not(replay_accept(&win, 0)));
		cr_expect(replay_accept(&win, 1));
	}
}

Test(replay, last_counter_accepted_is_one_before_the_last)
{
	struct replay_window win;

	init(&win, 128);
	cr_expect(not(replay_accept(&win, UINT64_MAX)));
	cr_expect(replay_accept(&win, UINT64_MAX - 1));
	cr_expect(not(replay_accept(&win, UINT64_MAX - 1)));
	cr_expect(not(replay_accept(&win, UINT64_MAX)));
	cr_expect(replay_accept(&win, UINT64_MAX - 1 - REPLAY_LATENESS(128)));
	cr_expect(not(replay_accept(&win, UINT64_MAX - 2 - REPLAY_LATENESS(128))));
	cr_expect(not(replay_accept(&win, 0)));
}

/* Whether a counter that is @behind the newest is accepted, and then not again. */
static void expect_late(uint32_t bits, uint64_t newest, uint64_t behind, int accepted)
{
	struct replay_window win;

	init(&win, bits);
	cr_assert(replay_accept(&win, newest));
	cr_expect(eq(int, replay_accept(&win, newest - behind), accepted), "%u bits, %llu - %llu",
	          bits, (unsigned long long)newest, (unsigned long long)behind);
	cr_expect(not(replay_accept(&win, newest - behind)));
	cr_expect(not(replay_accept(&win, newest)));
	cr_expect(replay_accept(&win, newest + 1));
}

Test(replay, late_packet_is_accepted_once_up_to_the_window)
{
	for (size_t i = 0; i < WIDTH_COUNT; i++) {
		uint32_t bits = widths[i];

		for (uint64_t in_word = 0; in_word < 64; in_word++) {
			uint64_t newest = (1ull << 40) + in_word;

			expect_late(bits, newest, 1, 1);
			expect_late(bits, newest, REPLAY_LATENESS(bits) - 1, 1);
			expect_late(bits, newest, REPLAY_LATENESS(bits), 1);
			expect_late(bits, newest, REPLAY_LATENESS(bits) + 1, 0);
			expect_late(bits, newest, bits, 0);
			expect_late(bits, newest, newest, 0);
		}
	}
}

/* Before the window is full, nothing down to 0 is late. */
Test(replay, first_counters_may_come_in_any_order)
{
	for (size_t i = 0; i < WIDTH_COUNT; i++) {
		struct replay_window win;
		uint64_t last = REPLAY_LATENESS(widths[i]);

		init(&win, widths[i]);
		for (uint64_t c = last; c != UINT64_MAX; c--)
			cr_assert(replay_accept(&win, c), "%llu", (unsigned long long)c);
		for (uint64_t c = 0; c <= last; c++)
			cr_assert(not(replay_accept(&win, c)), "%llu", (unsigned long long)c);
	}
}

Test(replay, past_is_what_was_accepted_or_is_too_late)
{
	struct replay_window win;
	uint64_t last = 3 * REPLAY_LATENESS(widths[0]);

	init(&win, widths[0]);
	cr_expect(not(replay_is_past(&win, 0)));
	cr_assert(replay_accept(&win, 5));
	cr_expect(replay_is_past(&win, 5));
	cr_expect(not(replay_is_past(&win, 4)));
	cr_expect(not(replay_is_past(&win, 6)));
	cr_assert(replay_accept(&win, last));
	cr_expect(replay_is_past(&win, 4), "too late");
	cr_expect(replay_is_past(&win, last - REPLAY_LATENESS(widths[0]) - 1));
	cr_expect(not(replay_is_past(&win, last - REPLAY_LATENESS(widths[0]))));
}

Test(replay, jump_over_the_whole_ring_leaves_nothing_marked)
{
	static const uint64_t jumps[] = {64, 127, 128, 129, 191, 192, 256, 1ull << 32, 1ull << 63};

	for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
		struct replay_window win;

		init(&win, 128);
		for (uint64_t c = 0; c < 128; c++)
			cr_assert(replay_accept(&win, c));
		uint64_t newest = 127 + jumps[i];

		cr_assert(replay_accept(&win, newest));
		for (uint64_t behind = 1; behind <= REPLAY_LATENESS(128); behind++)
			cr_expect(eq(int, replay_accept(&win, newest - behind),
			             newest - behind > 127),
			          "%llu - %llu", (unsigned long long)newest,
			          (unsigned long long)behind);
	}
}

/* The old window's edge -1, 0, +1, and what the new one adds. */
Test(replay, widening_accepts_nothing_twice_and_forgets_nothing)
{
	struct replay_window win;
	uint64_t newest = 64 * 1000 + 10, first = newest - 10 - REPLAY_LATENESS(128);

	init(&win, 128);
	for (uint64_t c = newest - 1000; c <= newest; c += 2)
		cr_assert(replay_accept(&win, c)); /* even ones */
	memset(storage[1], 0, sizeof storage[1]);
	replay_widen(&win, storage[1], REPLAY_WORDS(1024));

	cr_expect(not(replay_accept(&win, newest)));
	for (uint64_t c = newest - 1000; c <= newest; c++)
		cr_expect(eq(int, replay_accept(&win, c), c % 2 && c >= first), "%lld",
		          (long long)(c - newest));
	newest += 2 * REPLAY_LATENESS(1024);
	cr_expect(replay_accept(&win, newest));
	cr_expect(replay_accept(&win, newest - REPLAY_LATENESS(1024)));
	cr_expect(not(replay_accept(&win, newest - REPLAY_LATENESS(1024) - 1)));
}

Test(replay, widening_an_empty_window_keeps_it_empty)
{
	struct replay_window win;

	init(&win, 128);
	memset(storage[1], 0, sizeof storage[1]);
	replay_widen(&win, storage[1], REPLAY_WORDS(1024));
	cr_expect(replay_accept(&win, 500));
	cr_expect(replay_accept(&win, 0));
	cr_expect(not(replay_accept(&win, 0)));
	cr_expect(not(replay_accept(&win, 500)));
}
