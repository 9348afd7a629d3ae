/* SPDX-License-Identifier: MIT */
#include "control/ctl_request.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vtrunkd/ctl.h"

/* "ok", or the text of the refusal, which must be one line of one object. */
static const char *verdict(const char *line, size_t len)
{
	static char verdict[CTL_REQUEST_MAX];
	struct json_text refusal = {0};

	if (ctl_request_read(line, len, &refusal) == CTL_STATUS) {
		cr_assert(eq(sz, refusal.len, 0));
		return "ok";
	}
	cr_assert(eq(chr, refusal.at[refusal.len - 1], '\n'));
	json_t *reply = json_loadb(refusal.at, refusal.len, 0, NULL);
	cr_assert(eq(int, json_is_false(json_object_get(reply, "ok")), 1));
	snprintf(verdict, sizeof verdict, "%s", json_string_value(json_object_get(reply, "error")));
	json_decref(reply);
	json_text_fini(&refusal);
	return verdict;
}

Test(ctl_request, requests_and_their_verdicts)
{
#define NAMELESS "the member \"request\" must name what is asked"
#define PROTOCOL "this daemon speaks protocol 1"
	static const struct {
		const char *request, *verdict;
	} cases[] = {
		{"{\"request\":\"status\"}", "ok"},
		{"  { \"request\" : \"status\" }  \r", "ok"},
		{"{\"request\":\"status\",\"protocol\":1,\"colour\":[1,{}]}", "ok"},
		{"{\"request\":\"status\",\"protocol\":2}", PROTOCOL},
		{"{\"request\":\"status\",\"protocol\":\"1\"}", PROTOCOL},
		{"{\"request\":\"status\",\"protocol\":null}", PROTOCOL},
		{"{\"request\":\"Status\"}", "unknown request \"Status\""},
		{"{\"request\":\"\"}", "unknown request \"\""},
		{"{\"request\":\"a \\\" \xc3\xa9\"}", "unknown request \"a \" \xc3\xa9\""},
		{"{\"request\":1}", NAMELESS},
		{"{}", NAMELESS},
		{"[\"status\"]", "the request is not a JSON object"},
		{"", "the request is not JSON: '[' or '{' expected near end of file"},
		{"status", "the request is not JSON: '[' or '{' expected near 'status'"},
		{"\"status\"", "the request is not JSON: '[' or '{' expected near '\"status\"'"},
		{"{\"request\":\"status\"",
	         "the request is not JSON: '}' expected near end of file"},
		{"{\"request\":\"status\"} x",
	         "the request is not JSON: end of file expected near 'x'"},
		{"{\"request\":\"\xff\"}",
	         "the request is not JSON: unable to decode byte 0xff near '\"'"},
		{"{\"request\":1,\"request\":\"status\"}",
	         "the request is not JSON: duplicate object key near '\"request\"'"},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect(eq(str, (char *)verdict(cases[i].request, strlen(cases[i].request)),
		             (char *)cases[i].verdict),
		          "%s", cases[i].request);
}

Test(ctl_request, longer_line_is_refused)
{
	cr_assert(eq(str, (char *)verdict(NULL, 0),
	             (char *)"the request is longer than 65536 bytes"));
}

/* What is not known may be as long as a line can be. */
Test(ctl_request, long_name_is_told_whole)
{
	char *line = malloc(CTL_REQUEST_MAX), *name;
	int len = snprintf(line, CTL_REQUEST_MAX, "{\"request\":\"%050000d\"}", 0);

	cr_assert(eq(int, asprintf(&name, "unknown request \"%050000d\"", 0), 50018));
	cr_assert(eq(str, (char *)verdict(line, (size_t)len), name));
	free(name);
	free(line);
}
