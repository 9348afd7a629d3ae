/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "../bytes_rig.h"
#include "dataplane/engine_private.h"
#include "dataplane/peer.h"
#include "dataplane/publish.h"
#include "dataplane/staging.h"

enum {
	PEERS = 600,
	LEN_MAX = 2000,
	FULL = 1420,   /* a packet of the usual MTU */
	STEPS = 40000, /* of random doings */
	AT_ONCE = 8,   /* peers in them: what they may have staged fits */
};

static const uint64_t start_ns = 1000 * NS_PER_S;
static struct engine engine = {.set.tun.queues = 1};
static struct staging staging;
static struct dp_peer *peer[PEERS];

static const struct staging_peers peers = {dp_peer_get, dp_peer_put};

static void setup(void)
{
	rcu_register_thread();
	cr_assert(eq(int, staging_init(&staging, STAGING_BYTES, &peers), 0));
	for (unsigned i = 0; i < PEERS; i++)
		cr_assert(ne(ptr, peer[i] = engine_create_peer(&engine, NULL), NULL));
}

static void teardown(void)
{
	bool has_leak = false;

	staging_clear(&staging);
	for (unsigned i = 0; i < PEERS; i++) {
		has_leak |= reference_count(&peer[i]->references) != 1;
		dp_peer_put(peer[i]);
	}
	staging_fini(&staging);
	rcu_barrier();
	rcu_unregister_thread();
	if (has_leak)
		abort(); /* what fails in .fini does not count */
}

TestSuite(staging, .init = setup, .fini = teardown, .timeout = 60);

static struct staged_queue *queue(unsigned i)
{
	return &peer[i]->outflow->intake[0].staged;
}

static void fill(uint8_t *packet, uint32_t seq, size_t len)
{
	struct test_random random = {seq};

	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)test_random_next(&random);
}

static unsigned add(unsigned to, uint32_t seq, size_t len, uint64_t now_ns)
{
	static uint8_t packet[UINT16_MAX];

	fill(packet, seq, len);
	return staging_add(&staging, queue(to), packet, len, now_ns);
}

/* The first packet of @of is number @seq of @len bytes; takes it out. */
static void expect_first(unsigned of, uint32_t seq, size_t len)
{
	static uint8_t want[UINT16_MAX], got[UINT16_MAX + 1];

	cr_assert(ne(ptr, queue(of)->first, NULL));
	cr_assert(eq(sz, staging_first_len(queue(of)), len));
	fill(want, seq, len);
	got[len] = 0xa5;
	staging_copy_first(queue(of), got);
	cr_assert(eq(int, memcmp(got, want, len), 0), "packet %u was changed", seq);
	cr_assert(eq(u8, got[len], 0xa5));
	staging_remove_first(&staging, queue(of));
}

static uint64_t staged(unsigned of)
{
	return counter_read(&queue(of)->len);
}

Test(staging, packets_of_every_length_come_back_in_order)
{
	for (uint32_t len = 1; len <= LEN_MAX; len += 50) {
		for (uint32_t i = 0; i < 50; i++)
			cr_assert(eq(uint, add(0, len + i, len + i, start_ns), 0));
		cr_expect(eq(u64, staged(0), 50));
		for (uint32_t i = 0; i < 50; i++)
			expect_first(0, len + i, len + i);
	}
	add(0, 1, UINT16_MAX, start_ns);
	expect_first(0, 1, UINT16_MAX);
}

Test(staging, oldest_of_a_peer_gives_way_when_it_has_enough)
{
	add(1, 0, 60, start_ns);
	for (uint32_t i = 0; i < STAGED_MAX; i++)
		cr_assert(eq(uint, add(0, i, 60, start_ns), 0));
	cr_expect(eq(uint, add(0, STAGED_MAX, 60, start_ns), 1));
	cr_expect(eq(u64, staged(0), STAGED_MAX));
	expect_first(0, 1, 60);
	cr_expect(eq(u64, staged(1), 1));
}

Test(staging, packets_expire_at_their_age_and_not_before)
{
	uint64_t due_ns = start_ns + STAGED_AGE_NS;

	cr_expect(eq(u64, staging_due_ns(&staging), NEVER_NS));
	cr_expect(eq(uint, staging_expire(&staging, UINT64_MAX - 1), 0));
	add(0, 0, FULL, start_ns);
	add(1, 1, FULL, start_ns + 1);
	add(0, 2, FULL, start_ns + 2);
	cr_expect(eq(u64, staging_due_ns(&staging), due_ns));
	cr_expect(eq(uint, staging_expire(&staging, due_ns - 1), 0));
	cr_expect(eq(uint, staging_expire(&staging, due_ns + 1), 2));
	cr_expect(eq(u64, staging_due_ns(&staging), due_ns + 2));
	cr_expect(eq(u64, staged(1), 0));
	expect_first(0, 2, FULL);
	cr_expect(eq(u64, staging_due_ns(&staging), NEVER_NS));
}

Test(staging, one_queue_is_emptied_and_the_others_stay)
{
	for (uint32_t i = 0; i < 10; i++)
		add(i % 2, i, FULL, start_ns);
	cr_expect(eq(uint, staging_empty(&staging, queue(0)), 5));
	cr_expect(eq(uint, staging_empty(&staging, queue(0)), 0));
	for (uint32_t i = 1; i < 10; i += 2)
		expect_first(1, i, FULL);
}

/* Floods of many peers, a packet now and then for others: none of these gives way. */
Test(staging, flooded_peers_do_not_push_out_what_others_wait_with)
{
	enum {
		FLOODED = 20,
		FIRST_QUIET = FLOODED,
		QUIET = 300
	};

	for (uint32_t i = 0; i < QUIET; i++)
		cr_assert(eq(uint, add(FIRST_QUIET + i, i, 60, start_ns), 0));
	for (uint32_t i = 0; i < 300 * FLOODED; i++)
		add(i % FLOODED, i, FULL, start_ns);
	for (uint32_t i = 0; i < QUIET; i++) { /* now that the memory is full */
		add(FIRST_QUIET + i, 1000 + i, 60, start_ns);
		add(i % FLOODED, i, FULL, start_ns);
	}
	for (uint32_t i = 0; i < QUIET; i++) {
		cr_assert(eq(u64, staged(FIRST_QUIET + i), 2), "peer %u", i);
		expect_first(FIRST_QUIET + i, i, 60);
		expect_first(FIRST_QUIET + i, 1000 + i, 60);
	}
	for (unsigned i = 0; i < FLOODED; i++)
		cr_expect(lt(u64, 0, staged(i)));
}

/* As many as fit, twice: what was given back is used again, also after the longest packets. */
Test(staging, memory_is_bounded_and_all_of_it_comes_back)
{
	unsigned fit[2];

	for (unsigned round = 0; round < 2; round++) {
		unsigned n = 0;

		while (add(n % PEERS, n, 100, start_ns) == 0)
			n++;
		fit[round] = n;
		for (unsigned i = 0; i < 40; i++)
			add(i, i, UINT16_MAX, start_ns);
		staging_clear(&staging);
		cr_expect(eq(u64, staging_due_ns(&staging), NEVER_NS));
	}
	cr_expect(eq(uint, fit[0], STAGING_BYTES / 256)); /* small packets: a block each */
	cr_expect(eq(uint, fit[1], fit[0]));
}

/* ---- against a slow and obvious one ---- */

struct entry {
	uint32_t seq;
	unsigned len, of;
	uint64_t since_ns;
};

/* All packets, the oldest first. */
static struct entry model[AT_ONCE * STAGED_MAX + 1];
static unsigned model_len;

static int model_first(unsigned of)
{
	for (unsigned i = 0; i < model_len; i++)
		if (model[i].of == of)
			return (int)i;
	return -1;
}

static void model_remove(int at)
{
	model_len--;
	memmove(&model[at], &model[at + 1], (model_len - (unsigned)at) * sizeof *model);
}

static void step_add(struct test_random *random, uint32_t seq, uint64_t now_ns)
{
	struct entry e = {seq, 1 + (unsigned)(test_random_next(random) % 700),
	                  (unsigned)(test_random_next(random) % AT_ONCE), now_ns};
	bool is_full = staged(e.of) == STAGED_MAX;

	cr_assert(eq(uint, add(e.of, seq, e.len, now_ns), is_full));
	if (is_full)
		model_remove(model_first(e.of));
	model[model_len++] = e;
}

static void step_take(struct test_random *random)
{
	unsigned of = (unsigned)(test_random_next(random) % AT_ONCE);
	int at = model_first(of);

	cr_assert(eq(int, at < 0, !queue(of)->first));
	if (at < 0)
		return;
	expect_first(of, model[at].seq, model[at].len);
	model_remove(at);
}

static void step_expire(uint64_t now_ns)
{
	unsigned gone = 0;

	for (; model_len && model[0].since_ns + STAGED_AGE_NS <= now_ns; gone++)
		model_remove(0);
	cr_assert(eq(uint, staging_expire(&staging, now_ns), gone));
}

Test(staging, random_doings_agree_with_a_plain_list)
{
	struct test_random random = test_random_seeded("staging");
	uint64_t now_ns = start_ns;

	for (uint32_t i = 0; i < STEPS; i++) {
		unsigned what = (unsigned)(test_random_next(&random) % 100);

		now_ns += test_random_next(&random) % (10 * NS_PER_MS);
		if (what < 60)
			step_add(&random, i, now_ns);
		else if (what < 98)
			step_take(&random);
		else
			step_expire(now_ns);
	}
	staging_clear(&staging);
	for (unsigned i = 0; i < AT_ONCE; i++)
		cr_expect(eq(u64, staged(i), 0));
}
