/* SPDX-License-Identifier: MIT */
#include "control/visitors.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <string.h>

#include "base/thread.h"
#include "crypto/init.h"

enum {
	MANY = 20000,
	WAIT_MS = 10000,
};

static struct visitors v;

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	cr_assert(eq(int, visitors_init(&v), 0));
}

static void teardown(void)
{
	visitors_fini(&v);
}

TestSuite(visitors, .init = setup, .fini = teardown);

static bool is_readable(const struct bell *bell, int wait_ms)
{
	struct pollfd p = {.fd = bell->fd, .events = POLLIN};

	return poll(&p, 1, wait_ms) == 1;
}

/* Number @i, which is written wherever it must stay whole. */
static void let_in(struct visitor *visitor, uint32_t i)
{
	visitor->kind = MESSAGE_INITIATION;
	memset(&visitor->message, (int)i, sizeof visitor->message);
	visitor->opened->handshake.remote_index = i;
	visitors_let_in(&v);
}

static void expect(const struct visitor *visitor, uint32_t i)
{
	cr_assert(ne(ptr, (void *)visitor, NULL), "%u", i);
	cr_assert(eq(u32, visitor->opened->handshake.remote_index, i));
	for (size_t k = 0; k < sizeof visitor->message; k++)
		cr_assert(eq(u8, ((const uint8_t *)&visitor->message)[k], (uint8_t)i));
}

static unsigned fill(void)
{
	struct visitor *place;
	unsigned n = 0;

	while ((place = visitors_room(&v)))
		let_in(place, n++);
	return n;
}

Test(visitors, come_out_in_the_order_in_which_they_were_let_in)
{
	cr_expect(eq(ptr, visitors_next(&v), NULL));
	cr_expect(not(is_readable(&v.arrived, 0)));
	for (uint32_t i = 0; i < 3; i++)
		let_in(visitors_room(&v), i);
	cr_expect(is_readable(&v.arrived, 0));
	for (uint32_t i = 0; i < 3; i++) {
		expect(visitors_next(&v), i);
		expect(visitors_next(&v), i);
		visitors_dismiss(&v);
	}
	cr_expect(eq(ptr, visitors_next(&v), NULL));
}

Test(visitors, place_that_was_not_used_is_given_again)
{
	struct visitor *place = visitors_room(&v);

	cr_expect(eq(ptr, visitors_room(&v), place));
	cr_expect(eq(ptr, visitors_next(&v), NULL));
	visitors_let_in(&v);
	cr_expect(ne(ptr, visitors_room(&v), place));
}

Test(visitors, are_as_many_as_have_a_place)
{
	cr_expect(eq(uint, fill(), VISITORS_MAX));
	cr_expect(not(is_readable(&v.has_room, 0)));
	for (uint32_t i = 0; i < VISITORS_MAX / 2 - 1; i++)
		visitors_dismiss(&v);
	cr_expect(not(is_readable(&v.has_room, 0)), "not for each of them");
	visitors_dismiss(&v);
	cr_expect(is_readable(&v.has_room, 0));
	cr_expect(eq(uint, fill(), VISITORS_MAX / 2));
}

Test(visitors, nobody_is_woken_who_did_not_ask_for_room)
{
	for (uint32_t i = 0; i < VISITORS_MAX; i++)
		let_in(visitors_room(&v), i);
	for (uint32_t i = 0; i < VISITORS_MAX; i++)
		visitors_dismiss(&v);
	cr_expect(not(is_readable(&v.has_room, 0)));
}

Test(visitors, secret_of_one_who_is_dismissed_is_gone)
{
	static const struct noise_initiation nothing;
	struct visitor *place = visitors_room(&v);

	memset(place->opened, 0xaa, sizeof *place->opened);
	let_in(place, 1);
	visitors_dismiss(&v);
	cr_expect(eq(int, memcmp(place->opened, &nothing, sizeof nothing), 0));
}

static void let_many_in(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < MANY; i++) {
		struct visitor *place;

		while (!(place = visitors_room(&v))) {
			if (!is_readable(&v.has_room, WAIT_MS))
				return; /* the other side misses them */
			bell_heard(&v.has_room);
		}
		let_in(place, i);
	}
}

/* Both sleep whenever there is nothing to do: neither misses what wakes it. */
Test(visitors, pass_whole_and_in_order_from_one_thread_to_the_other)
{
	struct thread thread;
	uint32_t i = 0;

	cr_assert(eq(int, thread_start(&thread, "gate", THREAD_HELPER, -1, let_many_in, NULL), 0));
	while (i < MANY) {
		struct visitor *visitor;

		cr_assert(is_readable(&v.arrived, WAIT_MS), "silence after %u", i);
		bell_heard(&v.arrived);
		while ((visitor = visitors_next(&v))) {
			expect(visitor, i++);
			visitors_dismiss(&v);
		}
	}
	thread_join(&thread);
}
