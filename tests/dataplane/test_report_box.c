/* SPDX-License-Identifier: MIT */
#include "dataplane/report_box.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>

static struct report_box box;

static void begin(void)
{
	report_box_init(&box);
}

TestSuite(report_box, .init = begin);

static void put(uint32_t number)
{
	*report_box_next(&box) = (struct report){.number = number, .key = ~number};
	report_box_put(&box);
}

Test(report_box, each_is_taken_once)
{
	const struct report *r;

	cr_expect(eq(ptr, (void *)report_box_take(&box), NULL));
	put(1);
	r = report_box_take(&box);
	cr_assert(ne(ptr, (void *)r, NULL));
	cr_expect(eq(u32, r->number, 1));
	cr_expect(eq(ptr, (void *)report_box_take(&box), NULL));
}

Test(report_box, the_newest_counts)
{
	const struct report *r;

	for (uint32_t i = 1; i <= 5; i++)
		put(i);
	r = report_box_take(&box);
	cr_assert(ne(ptr, (void *)r, NULL));
	cr_expect(eq(u32, r->number, 5));
	cr_expect(eq(ptr, (void *)report_box_take(&box), NULL));
}

Test(report_box, what_is_read_stays_while_others_are_written)
{
	const struct report *r;

	put(1);
	r = report_box_take(&box);
	for (uint32_t i = 2; i <= 5; i++)
		put(i);
	cr_expect(eq(u32, r->number, 1));
	r = report_box_take(&box);
	cr_expect(eq(u32, r->number, 5));
}

#define MANY 100000u

static void *put_many(void *arg)
{
	(void)arg;
	for (uint32_t i = 1; i <= MANY; i++)
		put(i);
	return NULL;
}

Test(report_box, two_threads_need_no_lock)
{
	uint32_t last = 0;
	pthread_t thread;

	cr_assert(eq(int, pthread_create(&thread, NULL, put_many, NULL), 0));
	while (last != MANY) {
		const struct report *r = report_box_take(&box);

		if (!r)
			continue;
		cr_assert(lt(u32, last, r->number));
		cr_assert(eq(u32, r->key, ~r->number), "torn");
		last = r->number;
	}
	pthread_join(thread, NULL);
}
