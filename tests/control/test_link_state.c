/* SPDX-License-Identifier: MIT */
#include "control/link_state.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static uint8_t body[LINK_STATE_LEN_MAX];

static struct link_state two_paths(void)
{
	struct link_state all = {.paths = 1u << 2 | 1u << 15};

	all.path[2] = (struct link_state_path){
		.state = LINK_STATE_CARRIES, .role = LINK_ROLE_BACKUP, .link = 3, .weight = 1};
	all.path[15] = (struct link_state_path){.state = LINK_STATE_DRAINING,
	                                        .role = LINK_ROLE_PRIMARY,
	                                        .link = 15,
	                                        .weight = LINK_WEIGHT_MAX,
	                                        .receive_kbps = UINT32_MAX};
	return all;
}

static struct frame_link_state_path *entry(unsigned i)
{
	return (struct frame_link_state_path *)(body + sizeof(struct frame_link_state)) + i;
}

static bool reads(size_t len)
{
	struct link_state ret;
	uint32_t number;
	uint8_t *exact = malloc(len ? len : 1); /* so that a reader past the end is seen */
	bool is_good;

	memcpy(exact, body, len);
	is_good = link_state_read(exact, len, &number, &ret);
	free(exact);
	return is_good;
}

Test(link_state, what_was_written_is_read)
{
	struct link_state all = two_paths(), ret;
	size_t len = link_state_write(&all, 0xfedcba98, body);
	uint32_t number;

	cr_expect(eq(sz, len, 8 + 2 * 16));
	cr_assert(link_state_read(body, len, &number, &ret));
	cr_expect(eq(u32, number, 0xfedcba98));
	cr_expect(link_state_is_same(&all, &ret));
}

Test(link_state, stands_on_the_wire_as_documented)
{
	struct link_state all = two_paths();
	static const uint8_t wire[] = {
		1,  0, 0, 0,  2,    0,    0,    0, /* the head */
		2,  0, 2, 3,  1,    0,    0,    0, 0,    0,    0,    0,    0, 0, 0, 0, /* path 2 */
		15, 5, 0, 15, 0x40, 0x42, 0x0f, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
	};

	cr_assert(eq(sz, link_state_write(&all, 1, body), sizeof wire));
	cr_expect(eq(int, memcmp(body, wire, sizeof wire), 0));
}

Test(link_state, one_of_no_path_is_as_good_as_one_of_all)
{
	struct link_state all = {0};

	cr_expect(reads(link_state_write(&all, 1, body)));
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		all.paths |= (uint16_t)(1u << i);
		all.path[i].weight = i + 1;
	}
	cr_expect(eq(sz, link_state_write(&all, 1, body), LINK_STATE_LEN_MAX));
	cr_expect(reads(LINK_STATE_LEN_MAX));
}

Test(link_state, longer_than_its_parts_is_read_as_far_as_it_is_known)
{
	struct link_state all = two_paths();
	size_t len = link_state_write(&all, 1, body);

	body[5] = body[6] = body[7] = 0xff; /* reserved */
	memset(entry(0)->reserved, 0xff, sizeof entry(0)->reserved);
	cr_expect(reads(len + 16));
}

Test(link_state, shorter_than_its_parts_is_malformed)
{
	struct link_state all = two_paths();
	size_t len = link_state_write(&all, 1, body);

	for (size_t i = 0; i < len; i++)
		cr_expect(not(reads(i)), "%zu of %zu bytes", i, len);
}

Test(link_state, more_paths_than_there_can_be_are_malformed)
{
	struct link_state all = {0};
	uint8_t more[LINK_STATE_LEN_MAX + sizeof(struct frame_link_state_path)] = {0};
	struct link_state ret;
	uint32_t number;

	link_state_write(&all, 1, more);
	more[4] = PATHS_MAX + 1;
	for (unsigned i = 0; i <= PATHS_MAX; i++) {
		more[8 + 16 * i] = (uint8_t)i;
		more[8 + 16 * i + 4] = 1;
	}
	cr_expect(not(link_state_read(more, sizeof more, &number, &ret)));
}

/* Each value by itself: at its bound, and beyond it. */
Test(link_state, values_out_of_range_are_malformed)
{
	struct link_state all = two_paths();
	size_t len = link_state_write(&all, 1, body);
	struct frame_link_state_path good = *entry(1);

#define EXPECT(is_good, change)                                   \
	do {                                                      \
		change;                                           \
		cr_expect(eq(int, reads(len), is_good), #change); \
		*entry(1) = good;                                 \
	} while (0)
	EXPECT(false, entry(1)->path_id = PATHS_MAX);
	EXPECT(false, entry(1)->path_id = 2); /* as the first */
	EXPECT(true, entry(1)->path_id = 14);
	EXPECT(false, entry(1)->state = LINK_STATE_WORDS);
	EXPECT(false, entry(1)->role = LINK_ROLES);
	EXPECT(true, entry(1)->role = LINK_ROLES - 1);
	EXPECT(false, entry(1)->link = LINKS_MAX);
	EXPECT(false, store_le32(entry(1)->weight, 0));
	EXPECT(false, store_le32(entry(1)->weight, LINK_WEIGHT_MAX + 1));
	EXPECT(true, store_le32(entry(1)->receive_kbps, 0));
	EXPECT(true, store_le32(entry(1)->receive_kbps, LINK_KBPS_MIN));
	EXPECT(false, store_le32(entry(1)->receive_kbps, LINK_KBPS_MIN - 1));
#undef EXPECT
}

Test(link_state, differs_in_anything_that_is_said)
{
	struct link_state a = two_paths(), b = a;

	cr_expect(link_state_is_same(&a, &b));
	b.path[2].receive_kbps = 1000;
	cr_expect(not(link_state_is_same(&a, &b)));
	b = a;
	b.path[15].state = LINK_STATE_CARRIES;
	cr_expect(not(link_state_is_same(&a, &b)));
	b = a;
	b.paths |= 1;
	cr_expect(not(link_state_is_same(&a, &b)));
}

Test(link_state, each_state_has_a_reason_for_people)
{
	for (uint8_t state = 0; state < LINK_STATE_WORDS; state++)
		cr_expect(eq(int, strncmp(link_state_reason(state), "the peer says that ", 19), 0));
}
