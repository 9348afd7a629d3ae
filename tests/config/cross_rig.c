/* SPDX-License-Identifier: MIT */
#include "cross_rig.h"

void ready_crypto(void)
{
	cr_assert(zero(int, crypto_init()));
}

struct config_sections cross_sections(struct parsed *doc, const char *text)
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
		.classes = config_node_good(wireguard, "classes"),
	};
}

void cross_expect(struct parsed *doc, const char *wanted)
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

void cross_expect_all(const struct cross_case *cases, size_t count,
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
