/* SPDX-License-Identifier: MIT */
#include "config/report.h"

#include <stdarg.h>
#include <stdlib.h>

#define KEY_SHOWN_MAX 40u /* bytes of a key in a path; ours are shorter */

/* Keys come from the file and end up in a terminal. */
static void write_key(FILE *out, const char *key)
{
	if (!*key)
		fputs("\"\"", out);
	for (size_t i = 0; key[i] && i < KEY_SHOWN_MAX; i++)
		fputc(key[i] > ' ' && key[i] <= '~' ? key[i] : '?', out);
}

static void write_path(FILE *out, const struct config_node *node)
{
	if (!node->parent)
		return;
	write_path(out, node->parent);
	if (node->parent->kind == CONFIG_NODE_LIST) {
		fprintf(out, "[%zu]", node->index);
		return;
	}
	if (node->parent->parent)
		fputc('.', out);
	write_key(out, node->key ? node->key : "");
}

/* @node may be NULL for the document, @leaf a key that it does not have. */
static void write_subject(FILE *out, const struct config_node *node, const char *leaf)
{
	bool is_root = !node || !node->parent;

	if (!is_root)
		write_path(out, node);
	if (leaf)
		fprintf(out, "%s%s", is_root ? "" : ".", leaf);
	else if (is_root)
		fputs("document", out);
	fputs(": ", out);
}

static void add(struct config_report *report, struct config_place at,
                const struct config_node *node, const char *leaf, const char *prefix,
                const char *fmt, va_list args)
{
	struct config_message *message = &report->messages[report->count];
	size_t size;

	if (report->count == CONFIG_MESSAGES_MAX) {
		report->unshown++;
		return;
	}
	*message = (struct config_message){.at = at, .order = report->count};
	FILE *out = open_memstream(&message->text, &size);
	if (!out) {
		report->is_out_of_memory = true;
		return;
	}
	write_subject(out, node, leaf);
	fputs(prefix, out);
	vfprintf(out, fmt, args);
	if (fclose(out)) {
		report->is_out_of_memory = true;
		free(message->text);
		return;
	}
	report->count++;
}

void config_error(struct config_report *report, struct config_node *node, const char *fmt, ...)
{
	va_list args;

	node->is_refused = true;
	report->errors++;
	va_start(args, fmt);
	add(report, node->at, node, NULL, "", fmt, args);
	va_end(args);
}

void config_error_key(struct config_report *report, struct config_node *node, const char *fmt, ...)
{
	va_list args;

	node->is_refused = true;
	report->errors++;
	va_start(args, fmt);
	add(report, node->key ? node->key_at : node->at, node, NULL, "", fmt, args);
	va_end(args);
}

void config_error_missing(struct config_report *report, const struct config_node *mapping,
                          const char *key, const char *fmt, ...)
{
	va_list args;

	report->errors++;
	va_start(args, fmt);
	add(report, mapping->key ? mapping->key_at : mapping->at, mapping, key, "", fmt, args);
	va_end(args);
}

void config_error_at(struct config_report *report, struct config_place at, const char *fmt, ...)
{
	va_list args;

	report->errors++;
	va_start(args, fmt);
	add(report, at, NULL, NULL, "", fmt, args);
	va_end(args);
}

void config_warning(struct config_report *report, const struct config_node *node, const char *fmt,
                    ...)
{
	va_list args;

	va_start(args, fmt);
	add(report, node->at, node, NULL, "warning: ", fmt, args);
	va_end(args);
}

static int compare_places(const void *a, const void *b)
{
	const struct config_message *x = a, *y = b;

	if (x->at.line != y->at.line)
		return x->at.line < y->at.line ? -1 : 1;
	if (x->at.column != y->at.column)
		return x->at.column < y->at.column ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

void config_report_write(struct config_report *report, FILE *out)
{
	qsort(report->messages, report->count, sizeof report->messages[0], compare_places);
	for (size_t i = 0; i < report->count; i++) {
		const struct config_message *message = &report->messages[i];

		fprintf(out, "%s:%zu:%zu: %s\n", report->file, message->at.line, message->at.column,
		        message->text);
	}
	if (report->unshown)
		fprintf(out, "%s:1:1: document: %zu more messages are not shown\n", report->file,
		        report->unshown);
}

void config_report_fini(struct config_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		free(report->messages[i].text);
	report->count = 0;
}
