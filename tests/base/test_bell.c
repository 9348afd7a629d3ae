/* SPDX-License-Identifier: MIT */
#include "base/bell.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "base/thread.h"

enum {
	RINGERS = 2,
	PIECES = 50000, /* of each */
	WAIT_MS = 10000,
};

static struct bell bell;

static void setup(void)
{
	cr_assert(eq(int, bell_init(&bell), 0));
}

static void teardown(void)
{
	bell_fini(&bell);
}

TestSuite(bell, .init = setup, .fini = teardown);

static bool is_readable(int wait_ms)
{
	struct pollfd p = {.fd = bell.fd, .events = POLLIN};

	return poll(&p, 1, wait_ms) == 1;
}

Test(bell, is_readable_from_the_first_ring_until_it_is_heard)
{
	cr_expect(not(is_readable(0)));
	cr_expect(not(bell_is_rung(&bell)));
	bell_ring(&bell);
	bell_ring(&bell);
	cr_expect(is_readable(0));
	cr_expect(bell_is_rung(&bell));
	bell_heard(&bell);
	cr_expect(not(is_readable(0)));
	cr_expect(not(bell_is_rung(&bell)));
	bell_ring(&bell);
	cr_expect(is_readable(0), "again");
}

Test(bell, many_rings_are_one_write)
{
	eventfd_t count;

	for (unsigned i = 0; i < 5; i++)
		bell_ring(&bell);
	cr_assert(eq(int, eventfd_read(bell.fd, &count), 0));
	cr_expect(eq(u64, (uint64_t)count, 1));
}

Test(bell, one_that_is_heard_without_a_ring_goes_on_to_work)
{
	bell_heard(&bell);
	bell_ring(&bell);
	cr_expect(is_readable(0));
}

Test(bell, end_of_one_that_was_never_begun)
{
	struct bell none = {.fd = -1};

	bell_fini(&none);
	cr_expect(eq(int, none.fd, -1));
}

static _Atomic uint64_t put;

static void put_and_ring(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < PIECES; i++) {
		atomic_fetch_add_explicit(&put, 1, memory_order_relaxed);
		bell_ring(&bell);
	}
}

/* Whoever sleeps when it is silent misses nothing: the last piece wakes it at the latest. */
Test(bell, nothing_is_missed_by_who_looks_after_hearing)
{
	struct thread ringer[RINGERS];
	uint64_t seen = 0;

	for (unsigned i = 0; i < RINGERS; i++)
		cr_assert(eq(
			int,
			thread_start(&ringer[i], "ringer", THREAD_HELPER, -1, put_and_ring, NULL),
			0));
	while (seen < (uint64_t)RINGERS * PIECES) {
		cr_assert(is_readable(WAIT_MS), "%llu seen, then silence",
		          (unsigned long long)seen);
		bell_heard(&bell);
		seen = atomic_load_explicit(&put, memory_order_relaxed);
	}
	for (unsigned i = 0; i < RINGERS; i++)
		thread_join(&ringer[i]);
}
