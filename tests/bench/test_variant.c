/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/variant.h"

static FILE *messages;
static char *said;
static size_t said_len;

static void setup(void)
{
	messages = open_memstream(&said, &said_len);
}

static void cleanup(void)
{
	fclose(messages);
	free(said);
}

TestSuite(variant, .init = setup, .fini = cleanup);

/* @settings as compact JSON with sorted keys, or "-". */
static bool is_json(const json_t *settings, const char *expected)
{
	char *text = json_dumps(settings, JSON_COMPACT | JSON_SORT_KEYS);
	bool is_same = text && !strcmp(text, expected);

	if (!is_same)
		fprintf(stderr, "%s instead of %s\n", text ? text : "-", expected);
	free(text);
	return is_same;
}

Test(variant, a_name_alone_takes_what_is_set_for_all)
{
	json_t *all = json_pack("{s:{s:i}}", "dataplane", "workers", 2);
	struct variant v;

	cr_assert(eq(int, variant_parse("plain", 3, all, messages, &v), 0));
	cr_expect(eq(int, v.kind, VARIANT_VTRUNKD));
	cr_expect(eq(str, v.name, "plain"));
	cr_expect(eq(uint, v.links, 3));
	cr_expect(eq(ptr, v.program, NULL));
	cr_expect(is_json(v.settings, "{\"dataplane\":{\"workers\":2}}"));
	variant_fini(&v);
	json_decref(all);
}

Test(variant, own_keys_win_and_change_no_other_variant)
{
	json_t *all = json_pack("{s:{s:i, s:s}}", "dataplane", "workers", 2, "crypto", "sodium");
	struct variant v;

	cr_assert(eq(
		int,
		variant_parse("w4:dataplane.workers=4,links=2,vtrunkd=/opt/old,logging.level=error",
	                      1, all, messages, &v),
		0));
	cr_expect(eq(uint, v.links, 2));
	cr_expect(eq(str, v.program, "/opt/old"));
	cr_expect(is_json(v.settings, "{\"dataplane\":{\"crypto\":\"sodium\",\"workers\":4},"
	                              "\"logging\":{\"level\":\"error\"}}"));
	cr_expect(is_json(all, "{\"dataplane\":{\"crypto\":\"sodium\",\"workers\":2}}"));
	variant_fini(&v);
	json_decref(all);
}

Test(variant, bad_texts_are_refused_with_a_message)
{
	static const char *const table[] = {
		"",
		":links=2",
		"a b",
		"n:links=0",
		"n:links=5",
		"n:links=12",
		"n:links=",
		"n:workers=2",
		"n:dataplane.workers",
		"n:dataplane.=2",
		"n:.workers=2",
		"n:a..b=2",
		"n:dataplane.workers=2,dataplane.workers.x=1",
		"a-name-that-is-longer-than-a-column-of-the-table",
	};
	json_t *none = json_object();

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct variant v;
		long before = (fflush(messages), (long)said_len);

		cr_expect(eq(int, variant_parse(table[i], 1, none, messages, &v), -EINVAL), "%s",
		          table[i]);
		fflush(messages);
		cr_expect(lt(long, before, (long)said_len), "nothing said of %s", table[i]);
	}
	json_decref(none);
}

Test(variant, values_are_json_where_they_can_be)
{
	json_t *settings = json_object();

	cr_expect(eq(int, variant_add_setting(settings, "a.number=12", messages), 0));
	cr_expect(eq(int, variant_add_setting(settings, "a.flag=true", messages), 0));
	cr_expect(eq(int, variant_add_setting(settings, "a.word=off", messages), 0));
	cr_expect(eq(int, variant_add_setting(settings, "a.cpus.rx=[0, 1]", messages), 0));
	cr_expect(eq(int, variant_add_setting(settings, "a.equals=x=y", messages), 0));
	cr_expect(eq(int, variant_add_setting(settings, "a.empty=", messages), 0));
	cr_expect(is_json(settings,
	                  "{\"a\":{\"cpus\":{\"rx\":[0,1]},\"empty\":\"\",\"equals\":\"x=y\","
	                  "\"flag\":true,\"number\":12,\"word\":\"off\"}}"));
	json_decref(settings);
}

Test(variant, others_are_known_by_name)
{
	struct variant v;

	cr_assert(eq(int, variant_parse_other("wireguard-go", messages, &v), 0));
	cr_expect(eq(int, v.kind, VARIANT_WIREGUARD_GO));
	cr_expect(eq(uint, v.links, 1));
	cr_assert(eq(int, variant_parse_other("none", messages, &v), 0));
	cr_expect(eq(int, v.kind, VARIANT_NONE));
	cr_expect(eq(int, variant_parse_other("openvpn", messages, &v), -EINVAL));
	cr_expect(eq(int, variant_parse_other("", messages, &v), -EINVAL));
}

Test(variant, commands_are_split_at_blanks)
{
	struct variant v;

	cr_assert(eq(int,
	             variant_parse_exec("proto:./tun  -c 10.77.1.2\\:5000:./tun -s", messages, &v),
	             0));
	cr_expect(eq(int, v.kind, VARIANT_EXEC));
	cr_expect(eq(str, v.name, "proto"));
	cr_expect(eq(str, v.argv[CLIENT][0], "./tun"));
	cr_expect(eq(str, v.argv[CLIENT][1], "-c"));
	cr_expect(eq(str, v.argv[CLIENT][2], "10.77.1.2:5000"));
	cr_expect(eq(ptr, v.argv[CLIENT][3], NULL));
	cr_expect(eq(str, v.argv[SERVER][1], "-s"));
	cr_expect(eq(ptr, v.argv[SERVER][2], NULL));
	variant_fini(&v);
}

Test(variant, half_commands_are_refused)
{
	static const char *const table[] = {
		"", "n", "n:a", "n:a:", "n::b", "n: :b", ":a:b", "n:a:b:c"};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct variant v;

		cr_expect(eq(int, variant_parse_exec(table[i], messages, &v), -EINVAL), "%s",
		          table[i]);
	}
}

Test(variant, a_command_has_a_bounded_number_of_words)
{
	char text[16 + 2 * (VARIANT_WORDS_MAX + 1)] = "n:";
	struct variant v;

	for (unsigned i = 0; i < VARIANT_WORDS_MAX; i++)
		strcat(text, "w ");
	size_t len = strlen(text);
	strcpy(text + len, ":s");
	cr_assert(eq(int, variant_parse_exec(text, messages, &v), 0));
	cr_expect(eq(str, v.argv[CLIENT][VARIANT_WORDS_MAX - 1], "w"));
	variant_fini(&v);
	strcpy(text + len, "w:s");
	cr_expect(eq(int, variant_parse_exec(text, messages, &v), -EINVAL));
}
