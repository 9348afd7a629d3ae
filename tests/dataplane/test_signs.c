/* SPDX-License-Identifier: MIT */
#include "dataplane/signs.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>

static struct sign_ring ring;

/* All members of one sign follow from its number. */
static struct life_sign made_of(uint32_t number)
{
	return (struct life_sign){.key = number * 3,
	                          .number = number,
	                          .rtt_us = number * 5,
	                          .sent = number * 7,
	                          .heard = number * 11};
}

static void put(uint32_t number)
{
	struct life_sign sign = made_of(number);

	signs_put(&ring, &sign);
}

static bool is_whole(const struct life_sign *sign)
{
	struct life_sign want = made_of(sign->number);

	return sign->key == want.key && sign->rtt_us == want.rtt_us && sign->sent == want.sent &&
	       sign->heard == want.heard;
}

Test(signs, come_out_once_and_in_order)
{
	struct life_sign sign;
	uint32_t taken = 0;

	cr_expect(not(signs_take(&ring, &taken, &sign)));
	for (uint32_t i = 0; i < 5; i++)
		put(i);
	for (uint32_t i = 0; i < 5; i++) {
		cr_assert(signs_take(&ring, &taken, &sign));
		cr_expect(eq(u32, sign.number, i));
		cr_expect(is_whole(&sign));
	}
	cr_expect(not(signs_take(&ring, &taken, &sign)));
	put(5);
	cr_assert(signs_take(&ring, &taken, &sign));
	cr_expect(eq(u32, sign.number, 5));
}

Test(signs, newest_take_the_places_of_the_oldest)
{
	struct life_sign sign;
	uint32_t taken = 0, put_count = 3 * SIGNS_KEPT + 1;

	for (uint32_t i = 0; i < put_count; i++)
		put(i);
	for (uint32_t i = put_count - SIGNS_KEPT; i < put_count; i++) {
		cr_assert(signs_take(&ring, &taken, &sign));
		cr_expect(eq(u32, sign.number, i));
	}
	cr_expect(not(signs_take(&ring, &taken, &sign)));
}

Test(signs, who_wants_only_what_comes_gets_nothing_of_before)
{
	struct life_sign sign;
	uint32_t taken;

	put(1);
	put(2);
	taken = signs_written(&ring);
	cr_expect(not(signs_take(&ring, &taken, &sign)));
	put(3);
	cr_assert(signs_take(&ring, &taken, &sign));
	cr_expect(eq(u32, sign.number, 3));
}

Test(signs, count_may_wrap)
{
	struct life_sign sign;
	uint32_t taken;

	atomic_store(&ring.written, UINT32_MAX - 1);
	taken = UINT32_MAX - 1;
	for (uint32_t i = 0; i < 5; i++)
		put(i);
	for (uint32_t i = 0; i < 5; i++) {
		cr_assert(signs_take(&ring, &taken, &sign));
		cr_expect(eq(u32, sign.number, i));
	}
	cr_expect(not(signs_take(&ring, &taken, &sign)));
}

#define MANY 400000u

static void *write_many(void *arg)
{
	(void)arg;
	for (uint32_t i = 1; i <= MANY; i++)
		put(i);
	return NULL;
}

/* Some are overwritten meanwhile, none is torn, none comes twice or late, and the newest is not
 * missed.
 */
Test(signs, reader_beside_a_writer_sees_whole_ones_only, .timeout = 60)
{
	struct life_sign sign = {0};
	uint32_t taken = 0, newest = 0, torn = 0, late = 0;
	pthread_t writer;

	cr_assert(eq(int, pthread_create(&writer, NULL, write_many, NULL), 0));
	while (newest != MANY) {
		if (!signs_take(&ring, &taken, &sign))
			continue;
		torn += !is_whole(&sign);
		late += sign.number <= newest;
		newest = sign.number;
	}
	pthread_join(writer, NULL);
	cr_expect(eq(u32, torn, 0));
	cr_expect(eq(u32, late, 0));
}
