/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/bytes.h"
#include "control/answered.h"

#define NOW (1000 * NS_PER_S)

static struct message_initiation initiation(uint8_t fill)
{
	struct message_initiation msg;

	memset(&msg, fill, sizeof msg);
	return msg;
}

static struct answered remembered(void)
{
	struct answered a = {0};
	struct message_initiation msg = initiation(7);
	struct message_response response = {.sender_index = {1, 2, 3, 4}};

	answered_remember(&a, &msg, &response, NOW);
	return a;
}

Test(answered, copy_gets_the_same_response_whatever_its_macs)
{
	struct answered a = remembered();
	struct message_initiation copy = initiation(7);
	const struct message_response *response;

	memset(&copy.macs, 9, sizeof copy.macs);
	response = answered_copy(&a, &copy, NOW);
	cr_assert(ne(ptr, (void *)response, NULL));
	cr_expect(eq(u8, response->sender_index[3], 4));
}

Test(answered, another_initiation_is_no_copy)
{
	for (size_t at = 0; at < offsetof(struct message_initiation, macs); at++) {
		struct answered a = remembered();
		struct message_initiation other = initiation(7);

		((uint8_t *)&other)[at] ^= 1;
		cr_expect(eq(ptr, (void *)answered_copy(&a, &other, NOW), NULL), "byte %zu", at);
	}
}

Test(answered, nothing_remembered_has_no_copies)
{
	struct answered a = {0};
	struct message_initiation zero = initiation(0);

	cr_expect(eq(ptr, (void *)answered_copy(&a, &zero, NOW), NULL));
}

Test(answered, copies_are_answered_for_as_long_as_the_initiator_waits)
{
	struct answered a = remembered();
	struct message_initiation copy = initiation(7);

	cr_expect(ne(ptr, (void *)answered_copy(&a, &copy, NOW + REKEY_TIMEOUT - 1), NULL));
	cr_expect(eq(ptr, (void *)answered_copy(&a, &copy, NOW + REKEY_TIMEOUT), NULL));
}

Test(answered, a_bounded_number_of_copies_is_answered)
{
	struct answered a = remembered();
	struct message_initiation copy = initiation(7);
	struct message_response response = {0};

	for (unsigned i = 0; i < ANSWERED_COPIES_MAX; i++)
		cr_expect(ne(ptr, (void *)answered_copy(&a, &copy, NOW), NULL), "copy %u", i);
	cr_expect(eq(ptr, (void *)answered_copy(&a, &copy, NOW), NULL));
	answered_remember(&a, &copy, &response, NOW);
	cr_expect(ne(ptr, (void *)answered_copy(&a, &copy, NOW), NULL), "a new one begins anew");
}

/* Its response was made under a key that is no more, say. */
Test(answered, one_that_is_forgotten_has_no_copies_and_is_still_the_newest)
{
	struct answered a = remembered();
	struct message_initiation copy = initiation(7);

	a.accepted_ns = NOW;
	answered_forget(&a);
	cr_expect(eq(ptr, (void *)answered_copy(&a, &copy, NOW), NULL));
	cr_expect(eq(u64, a.accepted_ns, NOW));
}

/* ---- new enough? ---- */

static void stamp(uint8_t out[TAI64N_LEN], uint64_t s, uint32_t ns)
{
	store_be64(out, s);
	store_be32(out + 8, ns);
}

Test(answered, newer_one_is_accepted_unless_it_comes_in_a_flood)
{
	struct answered a = {0};
	uint8_t timestamp[TAI64N_LEN];

	stamp(timestamp, 1000, 5);
	cr_expect(answered_is_newer(&a, timestamp, NOW));
	answered_accept(&a, timestamp, NOW);
	cr_expect(not(answered_is_newer(&a, timestamp, NOW + NS_PER_S)), "a replay");
	stamp(timestamp, 1000, 6);
	cr_expect(not(answered_is_newer(&a, timestamp, NOW + INITIATIONS_PER_PEER_NS - 1)));
	cr_expect(answered_is_newer(&a, timestamp, NOW + INITIATIONS_PER_PEER_NS));
	stamp(timestamp, 999, 999);
	cr_expect(not(answered_is_newer(&a, timestamp, NOW + NS_PER_S)));
}

Test(answered, much_older_one_is_counted_until_a_newer_one_gets_in)
{
	struct answered a = {0};
	uint8_t timestamp[TAI64N_LEN];

	stamp(timestamp, 1000, 0);
	answered_accept(&a, timestamp, NOW);
	stamp(timestamp, 991, 0);
	cr_expect(not(answered_refuse(&a, timestamp)), "a late copy");
	cr_expect(eq(u64, a.stale, 0));
	stamp(timestamp, 990, 0);
	cr_expect(answered_refuse(&a, timestamp));
	cr_expect(eq(u64, a.stale, 1));
	cr_expect(eq(i64, a.stale_by_s, 10));
	stamp(timestamp, 1001, 0);
	answered_accept(&a, timestamp, NOW);
	cr_expect(eq(u64, a.stale, 0));
}
