/* SPDX-License-Identifier: MIT */
#include "config/check.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/file.h"
#include "corpus_rig.h"

TestSuite(check, .init = enter_scratch, .fini = leave_scratch);

/* Holds every file of KIND against the output that stands beside it, or no output if none does.
 * Returns how many files there were.
 */
static unsigned check_corpus(const char *kind, int outcome)
{
	char path[PATH_MAX + 8];
	unsigned count = 0;

	snprintf(path, sizeof path, "%s/%s", corpus, kind);
	DIR *dir = opendir(path);
	cr_assert(ne(ptr, dir, NULL), "%s", path);
	for (struct dirent *entry; (entry = readdir(dir));) {
		const char *ending = strstr(entry->d_name, ".yaml");
		char beside[PATH_MAX * 2], *output;
		struct desired *config;
		size_t len;

		if (!ending || strcmp(ending, ".yaml"))
			continue;
		snprintf(beside, sizeof beside, "%s/%.*s.expected", path,
		         (int)(ending - entry->d_name), entry->d_name);
		char *expected = read_all(beside, &len);
		fetch(kind, entry->d_name);
		cr_expect(eq(int, load(entry->d_name, &config, &output), outcome), "%s",
		          entry->d_name);
		cr_expect(eq(str, output, expected ? expected : (char *)""), "%s", entry->d_name);
		cr_expect(eq(int, config != NULL, outcome == 0), "%s", entry->d_name);
		if (outcome)
			cr_expect(ne(ptr, expected, NULL), "%s has no .expected", entry->d_name);
		desired_free(config);
		free(output);
		free(expected);
		count++;
	}
	closedir(dir);
	return count;
}

Test(check, every_bad_file_is_refused_with_its_messages)
{
	cr_expect(ge(uint, check_corpus("bad", -EINVAL), 60));
}

Test(check, every_good_file_loads_with_its_warnings_alone)
{
	cr_expect(ge(uint, check_corpus("good", 0), 10));
}

/* Sixteen levels are read, so the complaint is about the unknown key; see bad/depth-17. */
Test(check, sixteen_levels_are_not_too_deep)
{
	static const char text[] = "{a: [[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}\n";

	assert_refused(text, sizeof text - 1, -EINVAL,
	               "t.yaml:1:1: network: required but missing; must be a mapping; `vtrunkd "
	               "config --output FILE` writes a file to start from\n"
	               "t.yaml:1:1: wireguard: required but missing; must be a mapping; `vtrunkd "
	               "config --output FILE` writes a file to start from\n"
	               "t.yaml:1:2: a: unknown key; allowed are network, wireguard, dataplane, "
	               "control, logging\n");
}

/* Each of these would take a reader without bounds very long, or much memory. */
Test(check, hostile_shapes_end_soon, .timeout = 60)
{
	static const struct {
		const char *start, *repeated;
	} shapes[] = {
		{"", "["},
		{"", "{"},
		{"", "- "},
		{"", "? "},
		{"a: &a ", "[*a,"},
		{"", "a: &a\n"},
		{"x: [", "1,"},
		{"network: {", "mtu: 1,"},
		{"wireguard:\n", " peers:\n"},
		{"\"", "\\"},
		{"", "*a "},
		{"", "!!a "},
		{"", "&a "},
		{"a: |\n", " \n"},
		{"", "a: 1\n"},
		{"", "'"},
		{"", "\n"},
		{"", "---\n"},
		{"", "%TAG ! a\n"},
	};

	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		size_t len = CONFIG_BYTES_MAX, step = strlen(shapes[i].repeated), at;
		char *text = malloc(len), *output;
		struct desired *config;

		at = strlen(shapes[i].start);
		memcpy(text, shapes[i].start, at);
		for (; at < len; at += step)
			memcpy(text + at, shapes[i].repeated, at + step < len ? step : len - at);
		put_file("t.yaml", text, len, 0600);
		cr_expect(eq(int, load("t.yaml", &config, &output), -EINVAL), "shape %zu", i);
		cr_expect(lt(sz, strlen(output), 200000), "shape %zu", i);
		free(output);
		free(text);
	}
}

/* Good files with some bytes changed: whatever happens must be a struct or messages, never both. */
Test(check, damaged_files_are_refused_or_loaded, .timeout = 60)
{
	struct timespec now;
	size_t len = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	unsigned seed = (unsigned)now.tv_nsec;
	printf("# seed %u\n", seed);
	srandom(seed);
	fetch("good", "gateway.yaml");
	char *good = read_all("gateway.yaml", &len);
	for (unsigned round = 0; round < 2000; round++) {
		static const char bytes[] = "{}[]:,-#&*!|>'\"%@`?~ \n\t0x9A/\\\x80\xff.";
		char *text = malloc(len), *output;
		struct desired *config;

		memcpy(text, good, len);
		for (unsigned n = 1 + (unsigned)random() % 4; n; n--)
			text[(size_t)random() % len] = bytes[(size_t)random() % (sizeof bytes - 1)];
		put_file("t.yaml", text, len, 0600);
		int err = load("t.yaml", &config, &output);
		bool is_clean = err ? err == -EINVAL && !config && *output : config != NULL;
		bool has_place = !*output || !strncmp(output, "t.yaml:", strlen("t.yaml:"));

		cr_assert(is_clean, "seed %u round %u: %s", seed, round, output);
		cr_assert(has_place, "seed %u round %u: %s", seed, round, output);
		desired_free(config);
		free(output);
		free(text);
	}
	free(good);
}
