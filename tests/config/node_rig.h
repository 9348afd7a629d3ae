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

/* Reads a text; it may have faults. parsed_fini() is for the document. */
void parse_bytes(struct parsed *doc, const char *text, size_t len);
__attribute__((format(printf, 2, 3))) void parse(struct parsed *doc, const char *fmt, ...);

/* All messages so far, one a line, in the order of the file. */
const char *parsed_messages(struct parsed *doc);

void parsed_fini(struct parsed *doc);

#endif
