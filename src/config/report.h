/* SPDX-License-Identifier: MIT */
/* report.h - what is wrong with a configuration file, collected and written in file order.
 *
 * Lines read "FILE:LINE:COLUMN: wireguard.links[0].weight: what is wrong and what is allowed";
 * warnings have "warning: " after the key. What concerns the file as a whole has the key
 * "document". A scalar's text is never quoted in a message, since it could be a secret. One thread.
 */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/node.h"

#define CONFIG_MESSAGES_MAX 100u /* more help nobody; the rest is counted */

struct config_message {
	struct config_place at;
	size_t order; /* of being reported; decides between equal places */
	char *text;   /* from the key on */
};

/* All zero but the file: empty. */
struct config_report {
	const char *file; /* as it shall appear; not owned */
	struct config_message messages[CONFIG_MESSAGES_MAX];
	size_t count;
	size_t unshown; /* messages beyond the table */
	size_t errors;
	bool is_out_of_memory; /* a message was lost */
};

/* At the value. The node counts as refused from now on. */
void config_error(struct config_report *report, struct config_node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, at the key of the value. */
void config_error_key(struct config_report *report, struct config_node *node, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* About @key that @mapping does not have. */
void config_error_missing(struct config_report *report, const struct config_node *mapping,
                          const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* About the document. */
void config_error_at(struct config_report *report, struct config_place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void config_warning(struct config_report *report, const struct config_node *node, const char *fmt,
                    ...) __attribute__((format(printf, 3, 4)));

/* One line each, sorted by place. */
void config_report_write(struct config_report *report, FILE *out);

void config_report_fini(struct config_report *report);

#endif
