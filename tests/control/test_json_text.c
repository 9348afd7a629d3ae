/* SPDX-License-Identifier: MIT */
/* The oracle is jansson, whose answers these were and which reads them at the other end. */
#include "control/json_text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct json_text text;

static char *written(void)
{
	json_text_end(&text);
	cr_assert(not(text.is_failed));
	text.len--;
	return text.at;
}

static char *of_jansson(json_t *value)
{
	char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));

	json_decref(value);
	cr_assert(ne(ptr, dump, NULL));
	return dump;
}

static void expect_as_jansson(json_t *value)
{
	char *want = of_jansson(value);

	cr_expect(eq(str, written(), want));
	free(want);
	json_text_clear(&text);
}

static void stop(void)
{
	json_text_fini(&text);
}

TestSuite(json_text, .fini = stop);

Test(json_text, strings_are_escaped_as_jansson_does)
{
	static const char *const cases[] = {
		"office",       "a \"b\" \\ /",         "\b\f\n\r\t",
		"\x01\x1f\x7f", "\xc3\xa9\xe2\x82\xac", "\xf0\x9f\x98\x80",
		"\xef\xbf\xbf", "\xed\x9f\xbf",         "\xf4\x8f\xbf\xbf"};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_text_string(&text, cases[i]);
		expect_as_jansson(json_string(cases[i]));
	}
}

/* A device may have any name, and a reply must be JSON all the same. */
Test(json_text, what_is_no_utf8_is_replaced)
{
#define NO "\xef\xbf\xbd"
	static const struct {
		const char *bytes, *text;
	} cases[] = {
		{"a\xff"
	         "b",
	         "\"a" NO "b\""},
		{"\xc3", "\"" NO "\""},                      /* cut off */
		{"\xe2\x82", "\"" NO NO "\""},               /* the same, of three bytes */
		{"\xc0\x80", "\"" NO NO "\""},               /* longer than needed */
		{"\xed\xa0\x80", "\"" NO NO NO "\""},        /* a surrogate */
		{"\xf4\x90\x80\x80", "\"" NO NO NO NO "\""}, /* beyond the last */
		{"\x80\xc3\xa9", "\"" NO "\xc3\xa9\""},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_text_string(&text, cases[i].bytes);
		cr_expect(eq(str, written(), (char *)cases[i].text));
		json_t *read = json_loads(written(), JSON_DECODE_ANY, NULL);
		cr_expect(ne(ptr, read, NULL), "case %u is not JSON", i);
		json_decref(read);
		json_text_clear(&text);
	}
}

Test(json_text, text_that_is_not_known_is_null)
{
	json_text_string(&text, NULL);
	json_text_raw(&text, ",");
	json_text_string(&text, "");
	json_text_raw(&text, ",");
	json_text_real(&text, NAN);
	json_text_raw(&text, ",");
	json_text_real(&text, -INFINITY);
	cr_assert(eq(str, written(), (char *)"null,null,null,null"));
}

Test(json_text, numbers_are_written_as_jansson_does)
{
	static const double reals[] = {
		0,      -0.0,           1,       -1.5,    0.1,    1e15,  1e12,
		1e11,   123456789012.5, 1e-4,    1e-5,    1.5e-7, 1e-10, 1e100,
		1e-300, 99.99,          1.0 / 3, 93784.5, 1e16};
	static const int64_t integers[] = {0, 1, -1, INT64_MAX, INT64_MIN};

	for (unsigned i = 0; i < sizeof reals / sizeof *reals; i++) {
		json_text_real(&text, reals[i]);
		expect_as_jansson(json_real(reals[i]));
	}
	for (unsigned i = 0; i < sizeof integers / sizeof *integers; i++) {
		json_text_integer(&text, integers[i]);
		expect_as_jansson(json_integer(integers[i]));
	}
}

Test(json_text, any_number_is_written_as_jansson_does)
{
	unsigned seed = (unsigned)time(NULL);

	fprintf(stderr, "seed %u\n", seed);
	srand(seed);
	for (unsigned i = 0; i < 20000; i++) {
		double value = ldexp(rand() - RAND_MAX / 2, rand() % 200 - 100);

		json_text_real(&text, value);
		expect_as_jansson(json_real(value));
	}
}

Test(json_text, members_are_parted_by_commas)
{
	json_text_raw(&text, "{");
	json_text_name(&text, "a", true);
	json_text_integer(&text, 1);
	json_text_name(&text, "b\"", false);
	json_text_string(&text, "c");
	json_text_raw(&text, "}");
	cr_assert(eq(str, written(), (char *)"{\"a\":1,\"b\\\"\":\"c\"}"));
}

Test(json_text, it_grows_and_moves)
{
	struct json_text other = {0};

	for (unsigned i = 0; i < 100000; i++)
		json_text_raw(&text, "0123456789");
	cr_assert(eq(sz, text.len, 1000000));
	for (size_t i = 0; i < text.len; i += 99990)
		cr_assert(eq(chr, text.at[i], '0'));
	json_text_raw(&other, "gone");
	json_text_move(&other, &text);
	cr_assert(eq(sz, other.len, 1000000));
	cr_assert(eq(sz, text.len, 0));
	json_text_fini(&other);
}
