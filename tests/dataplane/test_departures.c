/* SPDX-License-Identifier: MIT */
#include "dataplane/departures.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>

static struct departures left;

static void expect_next(uint64_t counter, uint64_t at_ns, uint32_t key)
{
	struct departure d = {0};

	cr_assert(departures_take(&left, &d));
	cr_expect(eq(u64, d.counter, counter));
	cr_expect(eq(u64, d.at_ns, at_ns));
	cr_expect(eq(u32, d.key, key));
}

Test(departures, come_out_as_they_went_in)
{
	struct departure d = {0};

	cr_expect(not(departures_take(&left, &d)));
	departures_put(&left, 7, 3, 100);
	departures_put(&left, 9, 4, 200);
	expect_next(7, 100, 3);
	departures_put(&left, 11, 5, 300);
	expect_next(9, 200, 4);
	expect_next(11, 300, 5);
	cr_expect(not(departures_take(&left, &d)));
}

Test(departures, what_does_not_fit_is_forgotten)
{
	struct departure d = {0};

	atomic_store(&left.put, UINT32_MAX - 10); /* the counts wrap on the way */
	atomic_store(&left.taken, UINT32_MAX - 10);
	for (unsigned i = 0; i < DEPARTURES_MAX + 3; i++)
		departures_put(&left, i, 1, i);
	for (unsigned i = 0; i < DEPARTURES_MAX; i++)
		expect_next(i, i, 1);
	cr_expect(not(departures_take(&left, &d)));
	departures_put(&left, 1000, 1, 1);
	expect_next(1000, 1, 1);
}

#define MANY 200000u

static _Atomic bool is_done;

static void *put_many(void *arg)
{
	(void)arg;
	for (unsigned i = 1; i <= MANY; i++)
		departures_put(&left, i, i, i);
	atomic_store(&is_done, true);
	return NULL;
}

/* None is torn, none comes twice, whatever is forgotten. */
Test(departures, two_threads_need_no_lock)
{
	struct departure d = {0};
	uint64_t last = 0;
	bool was_done = false;
	pthread_t thread;

	cr_assert(eq(int, pthread_create(&thread, NULL, put_many, NULL), 0));
	for (;;) {
		if (!departures_take(&left, &d)) {
			if (was_done)
				break; /* there was nothing after the end */
			was_done = atomic_load(&is_done);
			continue;
		}
		cr_assert(lt(u64, last, d.counter));
		cr_assert(eq(u64, d.at_ns, d.counter));
		cr_assert(eq(u32, d.key, (uint32_t)d.counter));
		last = d.counter;
	}
	cr_expect(lt(u64, 0, last));
	pthread_join(thread, NULL);
}
