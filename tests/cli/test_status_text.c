/* SPDX-License-Identifier: MIT */
#include "cli/status_text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "status_sample.h"

/* In memory the caller frees. */
static char *render(const char *json, time_t now)
{
	json_error_t error;
	json_t *status = json_loads(json, 0, &error);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	cr_assert(ne(ptr, status, NULL), "%s", error.text);
	status_print(out, status, now);
	fclose(out);
	json_decref(status);
	return text;
}

Test(status_text, text_shows_everything_in_human_units_and_aligned)
{
	char *text = render(status_json, 1003600);

	EXPECT_TEXT(text, status_text);
	free(text);
}

Test(status_text, missing_and_strange_members_show_as_unknown)
{
	char *text = render("{\"interface\":7,\"uptime_s\":-5,\"links\":{},\"peers\":[null,{}],"
	                    "\"drops\":[],\"pool\":null}",
	                    0);

	EXPECT_TEXT(text, "interface: -\n"
	                  "  public key: -\n"
	                  "  version: -, process -, up 0s\n"
	                  "  mtu: -, workers: -, crypto: -\n"
	                  "\n"
	                  "peer: -\n"
	                  "  public key: -\n"
	                  "  mode: -, bonding: -\n"
	                  "  session: -, handshakes: -\n"
	                  "  endpoint: -\n"
	                  "  allowed ips: (none)\n"
	                  "  transfer: - received, - sent\n"
	                  "\n"
	                  "peer: -\n"
	                  "  public key: -\n"
	                  "  mode: -, bonding: -\n"
	                  "  session: -, handshakes: -\n"
	                  "  endpoint: -\n"
	                  "  allowed ips: (none)\n"
	                  "  transfer: - received, - sent\n");
	free(text);
}

Test(status_text, durations_keep_their_two_greatest_units)
{
	static const struct {
		const char *seconds, *text;
	} cases[] = {
		{"0", "0s"},        {"0.9", "0s"},     {"1", "1s"},          {"59", "59s"},
		{"60", "1m"},       {"61", "1m 1s"},   {"3599", "59m 59s"},  {"3600", "1h"},
		{"3659", "1h"},     {"3660", "1h 1m"}, {"86399", "23h 59m"}, {"86400", "1d"},
		{"90000", "1d 1h"}, {"1e300", "0s"},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char json[64], want[64];

		snprintf(json, sizeof json, "{\"uptime_s\":%s}", cases[i].seconds);
		snprintf(want, sizeof want, ", up %s\n", cases[i].text);

		char *text = render(json, 0);

		cr_expect(ne(ptr, strstr(text, want), NULL), "%s: %s", cases[i].seconds, text);
		free(text);
	}
}
