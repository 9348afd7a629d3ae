/* SPDX-License-Identifier: MIT */
#include "base/reference.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>

#define THREADS 4
#define ROUNDS  20000u

Test(reference, the_last_holder_is_told)
{
	struct reference ref;

	reference_init(&ref);
	cr_expect(reference_get(&ref));
	cr_expect(eq(uint, reference_count(&ref), 2));
	cr_expect(not(reference_put(&ref)));
	cr_expect(reference_put(&ref));
}

Test(reference, sole_holder_is_told_so)
{
	struct reference ref;

	reference_init(&ref);
	cr_expect(reference_is_sole(&ref));
	cr_expect(reference_get(&ref));
	cr_expect(not(reference_is_sole(&ref)));
	cr_expect(not(reference_put(&ref)));
	cr_expect(reference_is_sole(&ref));
	cr_expect(reference_put(&ref));
	cr_expect(not(reference_is_sole(&ref)));
}

Test(reference, zero_is_final)
{
	struct reference ref;

	reference_init(&ref);
	cr_assert(reference_put(&ref));
	cr_expect(not(reference_get(&ref)));
	cr_expect(eq(uint, reference_count(&ref), 0));
}

static void *take_and_give(void *arg)
{
	struct reference *ref = arg;
	uintptr_t lasts = 0;

	for (unsigned i = 0; i < ROUNDS; i++)
		if (reference_get(ref))
			lasts += reference_put(ref);
	lasts += reference_put(ref); /* the one that was taken for this thread */
	return (void *)lasts;
}

Test(reference, one_of_several_threads_is_the_last)
{
	struct reference ref;
	pthread_t thread[THREADS];
	uintptr_t lasts = 0;

	reference_init(&ref);
	for (unsigned i = 0; i < THREADS; i++) {
		cr_assert(reference_get(&ref));
		cr_assert(eq(int, pthread_create(&thread[i], NULL, take_and_give, &ref), 0));
	}
	lasts += reference_put(&ref);
	for (unsigned i = 0; i < THREADS; i++) {
		void *ret;

		pthread_join(thread[i], &ret);
		lasts += (uintptr_t)ret;
	}
	cr_expect(eq(uint, (unsigned)lasts, 1));
	cr_expect(not(reference_get(&ref)));
}
