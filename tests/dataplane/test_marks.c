/* SPDX-License-Identifier: MIT */
/* What becomes of a packet whose datagram came with a mark: every pair of fields, and what is no
 * packet.
 */
#include "dataplane/marks.h"

#include <stdlib.h>

#include "../bytes_rig.h"
#include "base/ecn.h"
#include "inner_rig.h"

enum {
	FIELDS = 4,
	LEN = 100,
	PADDED = 112,
	SHORT_MAX = 64,
};

TestSuite(marks, .timeout = 60);

static enum mark_outcome outcome_of(uint8_t inner, struct ecn_outcome want)
{
	if (want.is_dropped)
		return MARK_UNTOLD;
	if (want.is_unexpected)
		return MARK_UNEXPECTED;
	return want.ecn == ECN_CE && inner != ECN_CE ? MARK_CARRIED : MARK_NOTHING_NEW;
}

static void expect_pair(unsigned version, uint8_t inner, uint8_t outer)
{
	struct ecn_outcome want = ecn_decapsulate(inner, outer);
	uint8_t got[PADDED] = {0}, expected[PADDED] = {0};

	rig_packet(got, version, 1, 2, 7, LEN);
	ecn_set(got, inner);
	memcpy(expected, got, sizeof got);
	if (!want.is_dropped)
		ecn_set(expected, want.ecn);
	cr_expect(eq(int, marks_carry(got, sizeof got, outer), outcome_of(inner, want)),
	          "inner %u, outer %u", inner, outer);
	ASSERT_BYTES(got, expected, sizeof got);
}

Test(marks, every_pair_leaves_as_the_table_says)
{
	for (uint8_t inner = 0; inner < FIELDS; inner++) {
		for (uint8_t outer = 0; outer < FIELDS; outer++) {
			expect_pair(4, inner, outer);
			expect_pair(6, inner, outer);
		}
	}
}

/* In memory of exactly that length: a sanitizer sees what is read or written behind it. */
static void expect_untouched(struct test_random *random, size_t len, uint8_t first)
{
	uint8_t *payload = malloc(len ? len : 1), copy[SHORT_MAX];

	cr_assert(ne(ptr, payload, NULL));
	test_random_fill(random, payload, len);
	if (len)
		payload[0] = first;
	if (len > 4)
		payload[2] = payload[4] = 0xff; /* its own length ends beyond */
	memcpy(copy, payload, len);
	cr_expect(eq(int, marks_carry(payload, len, ECN_CE), MARK_NO_PACKET), "%zu bytes", len);
	cr_expect(eq(int, memcmp(payload, copy, len), 0));
	free(payload);
}

Test(marks, what_is_no_whole_packet_stays_as_it_is)
{
	struct test_random random = test_random_seeded("marks");

	for (size_t len = 0; len < SHORT_MAX; len++) {
		expect_untouched(&random, len, 0x45);
		expect_untouched(&random, len, 0x60);
		expect_untouched(&random, len, 0xb1);
		expect_untouched(&random, len, 0);
	}
}
