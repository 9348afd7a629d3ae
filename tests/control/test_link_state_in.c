/* SPDX-License-Identifier: MIT */
#include "control/link_state_in.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct link_state_in in;

/* Number @number comes, which says @state of path 4. */
static enum link_state_news hear(uint32_t number, uint8_t state)
{
	struct link_state all = {.paths = 1u << 4};
	uint8_t body[LINK_STATE_LEN_MAX];

	all.path[4] = (struct link_state_path){.state = state, .weight = 7};
	return link_state_in_take(&in, body, link_state_write(&all, number, body));
}

/* Ours, of which the peer's number is @remote_id. */
static struct path path_of(uint8_t remote_id)
{
	return (struct path){.proof = PATH_PROVED, .knows_remote_id = true, .remote_id = remote_id};
}

Test(link_state_in, first_is_news_whatever_its_number)
{
	cr_expect(eq(int, hear(0x80000001, LINK_STATE_CARRIES), LINK_STATE_NEWS));
}

Test(link_state_in, newest_counts)
{
	struct path path = path_of(4);

	cr_expect(eq(int, hear(5, LINK_STATE_CARRIES), LINK_STATE_NEWS));
	cr_expect(eq(int, hear(7, LINK_STATE_REFUSED), LINK_STATE_NEWS));
	cr_expect(eq(int, hear(6, LINK_STATE_CARRIES), LINK_STATE_OLD));
	cr_expect(eq(int, hear(7, LINK_STATE_REFUSED), LINK_STATE_AGAIN));
	cr_expect(link_state_in_is_leaving(&in, &path));
}

Test(link_state_in, numbers_wrap)
{
	cr_expect(eq(int, hear(UINT32_MAX, LINK_STATE_CARRIES), LINK_STATE_NEWS));
	cr_expect(eq(int, hear(0, LINK_STATE_CARRIES), LINK_STATE_NEWS));
	cr_expect(eq(int, hear(UINT32_MAX, LINK_STATE_CARRIES), LINK_STATE_OLD));
}

Test(link_state_in, malformed_changes_nothing)
{
	struct path path = path_of(4);
	uint8_t body[LINK_STATE_LEN_MAX] = {9, 0, 0, 0, 1};

	hear(5, LINK_STATE_REFUSED);
	cr_expect(eq(int, link_state_in_take(&in, body, sizeof body), LINK_STATE_BAD));
	cr_expect(eq(u32, in.number, 5));
	cr_expect(link_state_in_is_leaving(&in, &path));
}

Test(link_state_in, another_peer_begins_anew)
{
	struct path path = path_of(4);

	hear(500, LINK_STATE_REFUSED);
	link_state_in_forget(&in);
	cr_expect(not(link_state_in_is_leaving(&in, &path)));
	cr_expect(eq(int, hear(1, LINK_STATE_CARRIES), LINK_STATE_NEWS));
}

Test(link_state_in, is_about_the_path_that_the_peer_calls_so)
{
	struct path path = path_of(4), other = path_of(5), unknown = path_of(4),
		    candidate = path_of(4);

	unknown.knows_remote_id = false;
	candidate.proof = PATH_ORIGIN;
	cr_expect(eq(ptr, (void *)link_state_in_of(&in, &path), NULL), "it has said nothing");
	hear(1, LINK_STATE_NO_ADDRESS);
	cr_assert(ne(ptr, (void *)link_state_in_of(&in, &path), NULL));
	cr_expect(eq(u32, link_state_in_of(&in, &path)->weight, 7));
	cr_expect(eq(ptr, (void *)link_state_in_of(&in, &other), NULL));
	cr_expect(eq(ptr, (void *)link_state_in_of(&in, &unknown), NULL));
	cr_expect(eq(ptr, (void *)link_state_in_of(&in, &candidate), NULL));
	cr_expect(link_state_in_is_leaving(&in, &path));
	cr_expect(not(link_state_in_is_leaving(&in, &other)));
}
