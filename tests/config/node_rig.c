/* SPDX-License-Identifier: MIT */
#include "node_rig.h"

void parse_bytes(struct parsed *doc, const char *text, size_t len)
{
	*doc = (struct parsed){.report.file = "f"};
	cr_assert(eq(int, config_tree_read(text, len, &doc->report, &doc->root), 0));
}

void parse(struct parsed *doc, const char *fmt, ...)
{
	char *text;
	va_list args;

	va_start(args, fmt);
	int len = vasprintf(&text, fmt, args);
	va_end(args);
	cr_assert(ge(int, len, 0));
	parse_bytes(doc, text, (size_t)len);
	free(text);
}

const char *parsed_messages(struct parsed *doc)
{
	size_t len;

	free(doc->said);
	doc->said = NULL;
	FILE *out = open_memstream(&doc->said, &len);
	config_report_write(&doc->report, out);
	fclose(out);
	return doc->said;
}

void parsed_fini(struct parsed *doc)
{
	free(doc->said);
	config_report_fini(&doc->report);
	config_secrets_fini(&doc->secrets);
	config_node_free(doc->root);
	*doc = (struct parsed){0};
}
