/* SPDX-License-Identifier: MIT */
#include "config/report.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "node_rig.h"

static struct parsed doc;

static void finish(void)
{
	parsed_fini(&doc);
}

TestSuite(report, .fini = finish);

#define EXPECT_SAID(wanted) cr_expect(eq(str, (char *)parsed_messages(&doc), (char *)(wanted)))

Test(report, subject_is_the_way_from_the_document)
{
	parse(&doc, "a: 1\nb:\n- {c: [2]}\n");
	struct config_node *a = doc.root->first, *entry = a->next->first, *c = entry->first;

	config_error(&doc.report, doc.root, "R");
	config_error(&doc.report, a, "is %d", 7);
	config_error(&doc.report, entry, "E");
	config_error(&doc.report, c->first, "N");
	EXPECT_SAID("f:1:1: document: R\n"
	            "f:1:4: a: is 7\n"
	            "f:3:3: b[0]: E\n"
	            "f:3:8: b[0].c[0]: N\n");
}

Test(report, message_stands_at_the_value_at_its_key_or_at_the_mapping)
{
	parse(&doc, "a:   {x: 1}\nb:   2\n");
	struct config_node *a = doc.root->first, *b = a->next;

	config_error_key(&doc.report, b, "key");
	config_error(&doc.report, b, "value");
	config_error_key(&doc.report, doc.root, "no key");
	config_error_missing(&doc.report, a, "y", "absent");
	config_error_missing(&doc.report, doc.root, "z", "absent");
	config_error_at(&doc.report, (struct config_place){9, 8}, "at");
	EXPECT_SAID("f:1:1: document: no key\n"
	            "f:1:1: a.y: absent\n"
	            "f:1:1: z: absent\n"
	            "f:2:1: b: key\n"
	            "f:2:6: b: value\n"
	            "f:9:8: document: at\n");
}

Test(report, order_is_that_of_the_file_and_then_of_reporting)
{
	parse(&doc, "a: 1\n");
	config_error_at(&doc.report, (struct config_place){2, 1}, "third");
	config_error_at(&doc.report, (struct config_place){1, 20}, "second");
	config_error_at(&doc.report, (struct config_place){1, 3}, "first");
	config_error_at(&doc.report, (struct config_place){2, 1}, "fourth");
	EXPECT_SAID("f:1:3: document: first\n"
	            "f:1:20: document: second\n"
	            "f:2:1: document: third\n"
	            "f:2:1: document: fourth\n");
}

Test(report, warning_is_no_error_and_refuses_nothing)
{
	parse(&doc, "a: 1\nb: 2\nc: 3\n");
	struct config_node *a = doc.root->first, *b = a->next, *c = b->next;

	config_warning(&doc.report, a, "beware");
	EXPECT_SAID("f:1:4: a: warning: beware\n");
	cr_expect(eq(sz, doc.report.errors, 0));
	cr_expect(not(a->is_refused));
	config_error(&doc.report, b, "wrong");
	config_error_key(&doc.report, c, "wrong");
	cr_expect(b->is_refused);
	cr_expect(c->is_refused);
	cr_expect(not(doc.root->is_refused));
	cr_expect(eq(sz, doc.report.errors, 2));
}

/* Keys are the file's, and what is written ends up in a terminal. */
Test(report, key_is_shown_without_harm)
{
	parse(&doc, "\"\\e[2J\": 1\n\"\": 2\n\u00e9: 3\n"
	            "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH: 4\n");
	for (struct config_node *node = doc.root->first; node; node = node->next)
		config_error_key(&doc.report, node, "x");
	EXPECT_SAID("f:1:1: ?[2J: x\n"
	            "f:2:1: \"\": x\n"
	            "f:3:1: ??: x\n"
	            "f:4:1: abcdefghijklmnopqrstuvwxyz0123456789ABCD: x\n");
}

Test(report, what_does_not_fit_is_counted)
{
	parse(&doc, "a: 1\n");
	for (unsigned i = 0; i < CONFIG_MESSAGES_MAX + 3; i++)
		config_error_at(&doc.report, (struct config_place){i + 1, 1}, "x");
	const char *said = parsed_messages(&doc);
	unsigned lines = 0;

	for (const char *at = said; (at = strchr(at, '\n')); at++)
		lines++;
	cr_expect(eq(uint, lines, CONFIG_MESSAGES_MAX + 1));
	cr_expect(ne(ptr,
	             strstr(said, "f:100:1: document: x\n"
	                          "f:1:1: document: 3 more messages are not shown\n"),
	             NULL));
	cr_expect(eq(sz, doc.report.errors, CONFIG_MESSAGES_MAX + 3));
}
