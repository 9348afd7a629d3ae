/* SPDX-License-Identifier: MIT */
#include "config/tree.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "../expect_text.h"
#include "node_rig.h"

static struct parsed doc;

static void finish(void)
{
	parsed_fini(&doc);
}

TestSuite(tree, .fini = finish);

static void expect_place(struct config_place at, size_t line, size_t column)
{
	cr_expect(eq(sz, at.line, line));
	cr_expect(eq(sz, at.column, column));
}

Test(tree, nodes_know_their_place_their_key_and_their_neighbours)
{
	parse(&doc, "a: [x, 'y']\nb:\n  c: {}\n");
	const struct config_node *a = doc.root->first, *b = a->next, *c = b->first;

	EXPECT_TEXT(parsed_messages(&doc), "");
	cr_expect(eq(int, (int)doc.root->kind, CONFIG_NODE_MAPPING));
	cr_expect(eq(sz, doc.root->count, 2));
	cr_expect(eq(ptr, doc.root->last, (void *)b));
	EXPECT_TEXT(a->key, "a");
	expect_place(a->key_at, 1, 1);
	expect_place(a->at, 1, 4);
	cr_expect(eq(int, (int)a->kind, CONFIG_NODE_LIST));
	EXPECT_TEXT(a->first->text, "x");
	cr_expect(a->first->is_plain);
	cr_expect(eq(sz, a->last->index, 1));
	EXPECT_TEXT(a->last->text, "y");
	cr_expect(not(a->last->is_plain));
	cr_expect(eq(ptr, a->last->parent, (void *)a));
	expect_place(b->key_at, 2, 1);
	expect_place(c->key_at, 3, 3);
	expect_place(c->at, 3, 6);
	cr_expect(eq(ptr, b->next, NULL));
}

/* Columns are for people, who count characters; a mark of the byte order is none. */
Test(tree, columns_are_characters)
{
	parse(&doc, "\xef\xbb\xbf\u00e9\u4e16: [\u00e9, x]\n");
	const struct config_node *list = doc.root->first;

	expect_place(list->key_at, 1, 1);
	expect_place(list->at, 1, 5);
	expect_place(list->last->at, 1, 9);
}

Test(tree, text_may_hold_a_zero_and_a_key_may_not)
{
	parse(&doc, "a: \"x\\0y\"\n");
	cr_expect(eq(sz, doc.root->first->len, 3));
	cr_expect(zero(int, memcmp(doc.root->first->text, "x\0y", 4)));
	parsed_fini(&doc);
	parse(&doc, "\"x\\0y\": a\n");
	cr_expect(eq(ptr, doc.root, NULL));
}

static const struct {
	const char *text;
	bool is_read; /* to its end, so that other errors can be found too */
	const char *messages;
} refused[] = {
	{"a: &x 1\n", true, "f:1:4: a: anchors (&) are not allowed; write the value out\n"},
	{"a: !t 1\n", true, "f:1:4: a: tags (!) are not allowed; write the value alone\n"},
	{"a: &x !t [1]\n", true,
         "f:1:4: a: anchors (&) are not allowed; write the value out\n"
         "f:1:4: a: tags (!) are not allowed; write the value alone\n"},
	{"a: *x\n", true, "f:1:4: a: aliases (*) are not allowed; write the value out\n"},
	{"&x a: 1\n", true, "f:1:1: document: anchors (&) and tags (!) are not allowed on keys\n"},
	{"[a]: 1\n", false,
         "f:1:1: document: a key must be a word, without a zero in it, not a list, mapping or "
         "alias\n"},
	{"*x : 1\n", false,
         "f:1:1: document: a key must be a word, without a zero in it, not a list, mapping or "
         "alias\n"},
	{"a: 1\n---\nb: 2\n", true, "f:2:1: document: only one document is allowed in a file\n"},
	{"%TAG ! x:\n---\na: 1\n", true, "f:1:1: document: %TAG directives are not allowed\n"},
	{"", false,
         "f:1:1: document: must be a mapping with the keys network and wireguard; the file is "
         "empty\n"},
	{"a: 1\n\tb: 2\n", false,
         "f:2:1: document: must be YAML; found a tab character that violates indentation (while "
         "scanning a plain scalar); this line begins with a tab: indent with blanks\n"},
	{"\u00e9: \xff\n", false,
         "f:1:4: document: must be YAML in UTF-8; invalid leading UTF-8 octet\n"},
};

Test(tree, what_yaml_has_and_we_have_not_is_refused_where_it_stands)
{
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct parsed one;

		parse_bytes(&one, refused[i].text, strlen(refused[i].text));
		cr_expect(eq(int, one.root != NULL, refused[i].is_read), "text %zu", i);
		EXPECT_TEXT(parsed_messages(&one), refused[i].messages);
		parsed_fini(&one);
	}
}

Test(tree, depth_is_bounded)
{
	char text[2 * CONFIG_DEPTH_MAX + 3];

	memset(text, '[', CONFIG_DEPTH_MAX);
	memset(text + CONFIG_DEPTH_MAX, ']', CONFIG_DEPTH_MAX);
	parse_bytes(&doc, text, 2 * (size_t)CONFIG_DEPTH_MAX);
	cr_expect(ne(ptr, doc.root, NULL));
	EXPECT_TEXT(parsed_messages(&doc), "");
	parsed_fini(&doc);
	memset(text, '[', CONFIG_DEPTH_MAX + 1);
	memset(text + CONFIG_DEPTH_MAX + 1, ']', CONFIG_DEPTH_MAX + 1);
	parse_bytes(&doc, text, 2 * (size_t)CONFIG_DEPTH_MAX + 2);
	cr_expect(eq(ptr, doc.root, NULL));
	cr_expect(ne(ptr, strstr(parsed_messages(&doc), "nested too deep; 16 levels"), NULL));
}
