/* SPDX-License-Identifier: MIT */
/* node_rig.h - a text as a tree of nodes with a report, and the messages of one part of the checks.
 */
#ifndef TESTS_CONFIG_NODE_RIG_H
#define TESTS_CONFIG_NODE_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "config/report.h"
#include "config/secrets.h"
#include "config/tree.h"

struct parsed {
	struct config_report report;
	struct config_secrets secrets;
	struct config_node *root; /* NULL: the text could not be read to its end */
	char *said;               /* by parsed_messages() */
};

static inline void parse_bytes(struct parsed *doc, const char *text, size_t len)
{
	*doc = (struct parsed){.report.file = "f"};
	cr_assert(eq(int, config_tree_read(text, len, &doc->report, &doc->root), 0));
}

__attribute__((format(printf, 2, 3))) static inline void parse(struct parsed *doc, const char *fmt,
                                                               ...)
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

/* All messages so far, one a line, in the order of the file. */
static inline const char *parsed_messages(struct parsed *doc)
{
	size_t len;

	free(doc->said);
	doc->said = NULL;
	FILE *out = open_memstream(&doc->said, &len);
	config_report_write(&doc->report, out);
	fclose(out);
	return doc->said;
}

static inline void parsed_fini(struct parsed *doc)
{
	free(doc->said);
	config_report_fini(&doc->report);
	config_secrets_fini(&doc->secrets);
	config_node_free(doc->root);
	*doc = (struct parsed){0};
}

#endif
