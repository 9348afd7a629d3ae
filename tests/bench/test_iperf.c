/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "bench/iperf.h"

#define INTERVAL(bytes, omitted)                                                                  \
	"{\"streams\": [{\"bytes\": 1}], \"sum\": {\"bytes\": " #bytes ", \"omitted\": " #omitted \
	"}}"

/* As iperf3 3.12 prints it, shortened. */
static const char good[] =
	"{\"start\": {\"version\": \"iperf 3.12\"},"
	" \"intervals\": [" INTERVAL(1000000000, true) "," INTERVAL(1500000000, false) "," INTERVAL(
		500000000,
		false) "],"
		       " \"end\": {\"sum_sent\": {\"bytes\": 2000000001, \"bits_per_second\": 9e9},"
		       "           \"sum_received\": {\"bytes\": 2000000000, \"bits_per_second\": "
		       "8e9}}}";

Test(iperf, rate_is_what_was_received_and_bytes_include_the_warm_up)
{
	struct iperf_result result;
	char error[IPERF_ERROR_LEN] = "";

	cr_assert(iperf_parse(good, &result, error), "%s", error);
	cr_expect(epsilon_eq(dbl, result.gbps, 8.0, 1e-9));
	cr_expect(epsilon_eq(dbl, result.all_bytes, 3e9, 1.0));
}

Test(iperf, whole_numbers_are_numbers_too)
{
	struct iperf_result result;
	char error[IPERF_ERROR_LEN];
	const char *text = "{\"intervals\": [" INTERVAL(25, false) "], \"end\": {\"sum_received\": "
								   "{\"bits_per_second\": 200}}}";

	cr_assert(iperf_parse(text, &result, error));
	cr_expect(epsilon_eq(dbl, result.gbps, 2e-7, 1e-15));
}

Test(iperf, failures_give_their_reason_and_no_result)
{
	static const struct {
		const char *text, *reason;
	} table[] = {
		{"{\"intervals\": [], \"end\": {}, \"error\": \"unable to connect\"}",
	         "unable to connect"},
		{"{\"intervals\": [], \"end\": {}}", "no bytes"},
		{"{\"intervals\": [" INTERVAL(0, false) "], \"end\": {\"sum_received\": "
	                                                "{\"bits_per_second\": 0}}}",
	         "no bytes"},
		{"[]", "no bytes"},
		{"{\"intervals\": [", "expected"},
		{"", "expected"},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct iperf_result result = {.gbps = -1};
		char error[IPERF_ERROR_LEN] = "";

		cr_expect(not(iperf_parse(table[i].text, &result, error)), "%s", table[i].text);
		cr_expect(strstr(error, table[i].reason) != NULL, "%s: %s", table[i].text, error);
		cr_expect(epsilon_eq(dbl, result.gbps, -1.0, 0.0));
	}
}

Test(iperf, an_error_counts_even_beside_figures)
{
	struct iperf_result result;
	char text[1024], error[IPERF_ERROR_LEN] = "";

	strcpy(text, good);
	strcpy(text + strlen(text) - 1, ", \"error\": \"control socket has closed\"}");
	cr_assert(not(iperf_parse(text, &result, error)));
	cr_expect(eq(str, error, "control socket has closed"));
}
