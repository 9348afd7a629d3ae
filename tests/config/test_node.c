/* SPDX-License-Identifier: MIT */
#include "config/node.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "config/report.h"
#include "node_rig.h"

#define EXPECT_SAME(got, wanted) cr_expect(eq(ptr, (void *)(got), (void *)(wanted)))

static struct parsed doc;

static void finish(void)
{
	parsed_fini(&doc);
}

TestSuite(node, .fini = finish);

Test(node, null_is_a_word_without_quotes)
{
	static const struct {
		const char *text;
		bool is_null;
	} cases[] = {
		{"~", true},     {"null", true},      {"Null", true}, {"NULL", true},
		{"", true},      {"nULL", false},     {"~~", false},  {"none", false},
		{"\"\"", false}, {"\"null\"", false}, {"'~'", false}, {"0", false},
		{"[]", false},   {"{}", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct parsed one;

		parse(&one, "k: %s\n", cases[i].text);
		cr_expect(eq(int, config_node_is_null(one.root->first), cases[i].is_null), "%s",
		          cases[i].text);
		parsed_fini(&one);
	}
}

Test(node, key_is_found_in_its_own_mapping_only)
{
	parse(&doc, "a: {b: 1}\nc: [b]\nb: 2\nb: 3\n");
	struct config_node *inner = config_node_find(doc.root, "a");

	EXPECT_SAME(inner, doc.root->first);
	EXPECT_SAME(config_node_find(inner, "b"), inner->first);
	EXPECT_SAME(config_node_find(inner, "c"), NULL);
	EXPECT_SAME(config_node_find(config_node_find(doc.root, "c"), "b"), NULL);
	EXPECT_SAME(config_node_find(doc.root, "b"), doc.root->last->parent->first->next->next);
	EXPECT_SAME(config_node_find(doc.root, "B"), NULL);
}

/* What somebody wrote, and what of it may be used. */
Test(node, given_and_good_differ_for_null_refused_and_misspelled)
{
	parse(&doc, "plain: 1\nnone: ~\nbad: 2\nbad_none: ~\nmisspeled: 3\n");
	static const struct {
		const char *key;
		bool means, given, good;
	} cases[] = {
		{"plain", true, true, true},       {"none", true, false, false},
		{"bad", true, true, false},        {"bad_none", true, true, false},
		{"misspelled", true, true, false}, {"absent", false, false, false},
	};

	config_error(&doc.report, config_node_find(doc.root, "bad"), "is bad");
	config_error(&doc.report, config_node_find(doc.root, "bad_none"), "is bad");
	config_node_find(doc.root, "misspeled")->meant = "misspelled";
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *key = cases[i].key;

		cr_expect(eq(int, config_node_means(doc.root, key), cases[i].means), "%s", key);
		cr_expect(eq(int, config_node_given(doc.root, key), cases[i].given), "%s", key);
		EXPECT_SAME(config_node_good(doc.root, key),
		            cases[i].good ? config_node_find(doc.root, key) : NULL);
	}
	EXPECT_SAME(config_node_good(NULL, "plain"), NULL);
}

Test(node, nothing_is_freed_for_nothing)
{
	config_node_free(NULL);
}
