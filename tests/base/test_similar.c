/* SPDX-License-Identifier: MIT */
#include "base/similar.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

Test(similar, distance_counts_forgotten_added_mistaken_and_swapped_letters)
{
	static const struct {
		const char *a, *b;
		unsigned distance;
	} cases[] = {
		{"weight", "weight", 0},
		{"", "", 0},
		{"", "abc", 3},
		{"wieght", "weight", 1},
		{"weigt", "weight", 1},
		{"weiight", "weight", 1},
		{"weighd", "weight", 1},
		{"mut", "mtu", 1},
		{"abcd", "badc", 2},
		{"status", "stats", 1},
		{"PrivateKey", "private_key", 0},
		{"ipsec_mb", "ipsec-mb", 0},
		{"kitten", "sitting", 3},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		cr_expect(eq(uint, similar_distance(cases[i].a, cases[i].b), cases[i].distance),
		          "%s %s", cases[i].a, cases[i].b);
		cr_expect(eq(uint, similar_distance(cases[i].b, cases[i].a), cases[i].distance),
		          "%s %s", cases[i].b, cases[i].a);
	}
}

Test(similar, long_words_are_like_nothing)
{
	char edge[41], beyond[42];

	memset(edge, 'x', sizeof edge);
	edge[40] = '\0';
	memset(beyond, 'x', sizeof beyond);
	beyond[41] = '\0';
	cr_expect(eq(uint, similar_distance(edge, edge), 0));
	cr_expect(eq(uint, similar_distance(beyond, beyond), SIMILAR_NONE));
	cr_expect(eq(uint, similar_distance("x", beyond), SIMILAR_NONE));
}

/* The word of @known that is meant by @given, or "". */
static const char *choose(const char *given, const char *const *known)
{
	unsigned best = SIMILAR_NONE;
	const char *choice = "";

	for (; *known; known++)
		if (similar_is_nearer(given, *known, &best))
			choice = *known;
	return choice;
}

Test(similar, nearest_word_is_chosen_and_a_strange_one_means_none)
{
	static const char *const known[] = {"mtu",    "off",      "status", "genkey",
	                                    "genpsk", "endpoint", NULL};
	static const struct {
		const char *given, *meant;
	} cases[] = {
		{"mut", "mtu"},       {"on", ""},
		{"stats", "status"},  {"genky", "genkey"},
		{"gnepsk", "genpsk"}, {"Endpoints", "endpoint"},
		{"quota", ""},        {"", ""},
		{"of", "off"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect(eq(str, (char *)choose(cases[i].given, known), (char *)cases[i].meant),
		          "%s", cases[i].given);
}
