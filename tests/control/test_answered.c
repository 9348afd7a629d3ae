/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

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
