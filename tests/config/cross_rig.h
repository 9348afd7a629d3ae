/* SPDX-License-Identifier: MIT */
/* cross_rig.h - a document whose values are good by themselves, for one part of the checks across
 * them.
 *
 * Only the sections that a text has are walked, so that nothing is missing which the part does not
 * look at.
 */
#ifndef TESTS_CONFIG_CROSS_RIG_H
#define TESTS_CONFIG_CROSS_RIG_H

#include "config/schema.h"
#include "config/sections.h"
#include "config/walk.h"
#include "crypto/init.h"
#include "node_rig.h"

#define OWN_KEY "oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00="
#define KEY_A   "AY7lLKeF3FwVG8aE/9EHn/Mzmp/lKWbB5hZ8xmmPE2Q="
#define KEY_B   "ML5rYVeiAf75Luz25sO0r8+wuIeAD03HPq6artXHf1o="

/* A text, and what must be said about it, without file, line and column; "": nothing. */
struct cross_case {
	const char *text, *messages;
};

static inline void ready_crypto(void)
{
	cr_assert(zero(int, crypto_init()));
}

/* What config_walk() finds wrong is left in the report. */
static inline struct config_sections cross_sections(struct parsed *doc, const char *text)
{
	parse(doc, "%s\n", text);
	cr_assert(ne(ptr, doc->root, NULL), "%s", parsed_messages(doc));
	for (struct config_node *node = doc->root->first; node; node = node->next)
		cr_assert(zero(int, config_walk(node, config_rule_at(node->key), &doc->report,
		                                &doc->secrets)));
	struct config_node *wireguard = config_node_good(doc->root, "wireguard");

	return (struct config_sections){
		.report = &doc->report,
		.network = config_node_good(doc->root, "network"),
		.wireguard = wireguard,
		.links = config_node_good(wireguard, "links"),
		.peers = config_node_good(wireguard, "peers"),
	};
}

/* Without the places, which are the report's. */
static inline void cross_expect(struct parsed *doc, const char *wanted)
{
	char *got = NULL, *said;
	size_t len;
	FILE *out = open_memstream(&got, &len);
	char *all = said = strdup(parsed_messages(doc));

	for (char *line; (line = strsep(&said, "\n")) && *line;)
		fprintf(out, "%s\n", strstr(line, ": ") + 2);
	fclose(out);
	cr_expect(eq(str, got, (char *)wanted));
	free(got);
	free(all);
}

/* Each of the @cases through @check. */
static inline void cross_expect_all(const struct cross_case *cases, size_t count,
                                    void (*check)(const struct config_sections *s))
{
	for (size_t i = 0; i < count; i++) {
		struct parsed doc;
		struct config_sections s = cross_sections(&doc, cases[i].text);

		check(&s);
		cross_expect(&doc, cases[i].messages);
		parsed_fini(&doc);
	}
}

#define CROSS_EXPECT_ALL(cases, check) \
	cross_expect_all(cases, sizeof(cases) / sizeof(cases)[0], check)

#endif
