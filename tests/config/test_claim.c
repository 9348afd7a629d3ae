/* SPDX-License-Identifier: MIT */
#include "config/claim.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "node_rig.h"

static struct parsed doc;

static void finish(void)
{
	parsed_fini(&doc);
}

TestSuite(claim, .fini = finish);

#define CLAIMS_MAX 16

/* Claims of the texts in a list, each by the owner with its digit in @owners, in the order of the
 * list or, @is_backwards, the other way round. What is said of them.
 */
static const char *claim_all(const char *list, const char *owners, bool is_backwards)
{
	struct config_claim claims[CLAIMS_MAX];
	size_t count = 0;

	parsed_fini(&doc);
	parse(&doc, "%s", list);
	size_t all = doc.root->count;
	for (struct config_node *node = doc.root->first; node; node = node->next, count++)
		claims[is_backwards ? all - 1 - count : count] = (struct config_claim){
			node->text, node->len, count, (size_t)(owners[count] - '0'), node};
	config_claims_refuse_twins(&doc.report, claims, count, "a thing");
	return parsed_messages(&doc);
}

static const struct {
	const char *list, *owners, *messages;
} cases[] = {
	{"- a\n- b\n- c\n", "012", ""},
	{"- a\n- b\n- a\n", "012", "f:3:3: [2]: a thing must be unique; line 1 has the same\n"},
	{"- a\n- aa\n- \"\"\n", "012", ""},
	{"- a\n- \"a\\0\"\n", "01", ""},
	{"- a\n- a\n- a\n", "012",
         "f:2:3: [1]: a thing must be unique; line 1 has the same\n"
         "f:3:3: [2]: a thing must be unique; line 1 has the same\n"},
	{"- a\n- a\n", "00", ""},
	{"- a\n- a\n- a\n", "001", "f:3:3: [2]: a thing must be unique; line 1 has the same\n"},
	{"- \"\"\n- \"\"\n", "01", "f:2:3: [1]: a thing must be unique; line 1 has the same\n"},
	{"- b\n- a\n- b\n- a\n", "0123",
         "f:3:3: [2]: a thing must be unique; line 1 has the same\n"
         "f:4:3: [3]: a thing must be unique; line 2 has the same\n"},
};

Test(claim, later_one_of_another_owner_is_refused)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect(eq(str, (char *)claim_all(cases[i].list, cases[i].owners, false),
		             (char *)cases[i].messages),
		          "case %zu", i);
}

Test(claim, order_is_that_of_the_file_however_they_are_collected)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect(eq(str, (char *)claim_all(cases[i].list, cases[i].owners, true),
		             (char *)cases[i].messages),
		          "case %zu", i);
}

Test(claim, none_is_fine)
{
	parse(&doc, "a: 1\n");
	config_claims_refuse_twins(&doc.report, NULL, 0, "a thing");
	cr_expect(eq(sz, doc.report.errors, 0));
}
