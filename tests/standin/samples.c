/* SPDX-License-Identifier: MIT */
/* Tests that end in every way there is; check-standin knows how. Those that are to fail are named
 * so.
 */
#include "criterion/new/assert.h"
#include "criterion/parameterized.h"
#include "criterion/redirect.h"

#include <math.h>

static int steps;

static void step(void)
{
	steps++;
}

TestSuite(samples, .init = step);

Test(samples, init_of_suite_and_test_ran_before_it, .init = step)
{
	cr_assert(eq(int, steps, 2));
}

Test(samples, fails_by_an_expectation_and_goes_on)
{
	cr_expect(eq(int, 1, 2), "case %d", 3);
	cr_expect(not(eq(str, "a", "a")));
	fputs("# went on\n", stderr);
}

Test(samples, fails_by_an_assertion_and_goes_no_further)
{
	cr_assert(lt(dbl, 2.5, 1));
	fputs("# went on\n", stderr);
}

Test(samples, fails_by_exit)
{
	exit(0);
}

Test(samples, fails_by_signal)
{
	abort();
}

Test(samples, fails_by_time, .timeout = 0.2)
{
	for (;;)
		;
}

Test(samples, fails_fatally)
{
	cr_fatal("at %d", 1);
}

static void fail(void)
{
	cr_expect(false);
}

Test(samples, fails_in_fini, .fini = fail)
{
	cr_assert(true);
}

Test(samples, is_skipped)
{
	cr_skip("no %s", "reason");
}

Test(samples, fails_before_it_is_skipped)
{
	cr_expect(false);
	cr_skip_test("late");
}

Test(samples, comparisons_know_their_types)
{
	cr_expect(eq(u8, 256, 0));
	cr_expect(lt(i64, -1, 1));
	cr_expect(lt(u64, 1, -1));
	cr_expect(ge(uint, 2, 2));
	cr_expect(le(sz, 2, 2));
	cr_expect(ne(str, "a", "b"));
	cr_expect(not(eq(dbl, NAN, NAN)));
	cr_expect(epsilon_eq(dbl, 1, 1.5, 0.6));
	cr_expect(not(epsilon_eq(dbl, 1, 1.5, 0.4)));
	cr_expect(ne(mem, ((struct cr_mem){"ab", 2}), ((struct cr_mem){"ac", 2})));
	cr_expect(ne(mem, ((struct cr_mem){"ab", 2}), ((struct cr_mem){"ab", 1})));
	cr_expect(eq(mem, ((struct cr_mem){"ab", 2}), ((struct cr_mem){"ac", 1})) == false);
	cr_expect(eq(ptr, NULL, NULL));
	cr_expect(zero(int, 0));
}

Test(samples, what_is_written_can_be_read)
{
	char text[16] = "";

	cr_redirect_stdout();
	printf("one\n");
	cr_assert(ne(ptr, fgets(text, sizeof text, cr_get_redirected_stdout()), NULL));
	cr_expect(eq(str, text, "one\n"));
}

ParameterizedTestParameters(samples, parameters)
{
	static int values[] = {1, 2};

	return cr_make_param_array(int, values, 2);
}

ParameterizedTest(int *value, samples, parameters)
{
	cr_expect(eq(int, *value, 1), "the second fails");
}
