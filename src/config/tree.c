/* SPDX-License-Identifier: MIT */
#include "config/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "config/node.h"
#include "config/report.h"

/* What reading an event may lead to, besides 0 and a negative errno. */
#define TREE_DONE   1 /* the document is complete */
#define TREE_BROKEN 2 /* an error was reported after which the rest makes no sense */

struct builder {
	yaml_parser_t parser;
	const char *text;
	size_t len;
	struct config_report *report;
	struct config_node *root;
	struct config_node *open; /* the list or mapping being read; NULL outside of all */
	unsigned depth;
	unsigned documents;
	char *key; /* read, its value is to come; NULL: none */
	struct config_place key_at;
};

static struct config_place place_of(yaml_mark_t mark)
{
	return (struct config_place){.line = mark.line + 1, .column = mark.column + 1};
}

/* Line and column of a byte, for errors of libyaml's reader, which has no marks yet. */
static struct config_place place_of_byte(const char *text, size_t offset)
{
	struct config_place at = {.line = 1, .column = 1};

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			at.line++;
			at.column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			at.column++; /* counts the first byte of a character only */
		}
	}
	return at;
}

/* Whether a line is indented with tabs, which is what most editors do and YAML never takes. */
static bool is_tab_indented(const struct builder *b, size_t line)
{
	const char *at = b->text, *end = b->text + b->len;

	for (; line && at; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	for (; at && at < end && (*at == ' ' || *at == '\t'); at++)
		if (*at == '\t')
			return true;
	return false;
}

static int report_syntax(struct builder *b)
{
	const yaml_parser_t *parser = &b->parser;
	const char *problem = parser->problem ? parser->problem : "cannot be parsed";

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR) {
		size_t offset = parser->problem_offset < b->len ? parser->problem_offset : b->len;

		config_error_at(b->report, place_of_byte(b->text, offset),
		                "must be YAML in UTF-8; %s", problem);
	} else {
		config_error_at(b->report, place_of(parser->problem_mark),
		                "must be YAML; %s%s%s%s%s", problem, parser->context ? " (" : "",
		                parser->context ? parser->context : "", parser->context ? ")" : "",
		                is_tab_indented(b, parser->problem_mark.line)
		                        ? "; this line begins with a tab: indent with blanks"
		                        : "");
	}
	return TREE_BROKEN;
}

static void append(struct config_node *parent, struct config_node *node)
{
	node->parent = parent;
	node->index = parent->count++;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
}

/* Hangs a new node into the tree. NULL without memory. */
static struct config_node *add_node(struct builder *b, enum config_node_kind kind,
                                    const yaml_event_t *event)
{
	struct config_node *node = calloc(1, sizeof *node);

	if (!node)
		return NULL;
	node->kind = kind;
	node->at = place_of(event->start_mark);
	node->key = b->key;
	node->key_at = b->key_at;
	b->key = NULL;
	if (b->open)
		append(b->open, node);
	else
		b->root = node;
	return node;
}

static char *copy_text(const void *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

static bool wants_key(const struct builder *b)
{
	return b->open && b->open->kind == CONFIG_NODE_MAPPING && !b->key;
}

static int refuse_as_key(struct builder *b, const yaml_event_t *event)
{
	config_error_at(b->report, place_of(event->start_mark),
	                "a key must be a word, without a zero in it, not a list, mapping or alias");
	return TREE_BROKEN;
}

static void refuse_extras(struct builder *b, struct config_node *node, const void *anchor,
                          const void *tag)
{
	if (anchor)
		config_error(b->report, node, "anchors (&) are not allowed; write the value out");
	if (tag)
		config_error(b->report, node, "tags (!) are not allowed; write the value alone");
}

static int read_scalar(struct builder *b, const yaml_event_t *event)
{
	const void *value = event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (wants_key(b)) {
		if (event->data.scalar.anchor || event->data.scalar.tag) {
			config_error_at(b->report, place_of(event->start_mark),
			                "anchors (&) and tags (!) are not allowed on keys");
		}
		if (memchr(value, 0, len))
			return refuse_as_key(b, event);
		b->key = copy_text(value, len);
		b->key_at = place_of(event->start_mark);
		return b->key ? 0 : -ENOMEM;
	}

	struct config_node *node = add_node(b, CONFIG_NODE_SCALAR, event);
	if (!node)
		return -ENOMEM;
	node->text = copy_text(value, len);
	node->len = len;
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	refuse_extras(b, node, event->data.scalar.anchor, event->data.scalar.tag);
	return node->text ? 0 : -ENOMEM;
}

static int read_alias(struct builder *b, const yaml_event_t *event)
{
	if (wants_key(b))
		return refuse_as_key(b, event);

	struct config_node *node = add_node(b, CONFIG_NODE_SCALAR, event);
	if (!node)
		return -ENOMEM;
	node->text = copy_text("", 0);
	config_error(b->report, node, "aliases (*) are not allowed; write the value out");
	return node->text ? 0 : -ENOMEM;
}

static int open_container(struct builder *b, enum config_node_kind kind, const yaml_event_t *event,
                          const void *anchor, const void *tag)
{
	if (wants_key(b))
		return refuse_as_key(b, event);

	struct config_node *node = add_node(b, kind, event);
	if (!node)
		return -ENOMEM;
	refuse_extras(b, node, anchor, tag);
	if (++b->depth > CONFIG_DEPTH_MAX) {
		config_error(b->report, node, "nested too deep; %u levels are allowed",
		             CONFIG_DEPTH_MAX);
		return TREE_BROKEN;
	}
	b->open = node;
	return 0;
}

static int close_container(struct builder *b)
{
	b->open = b->open->parent;
	b->depth--;
	return 0;
}

static int start_document(struct builder *b, const yaml_event_t *event)
{
	if (b->documents++) {
		config_error_at(b->report, place_of(event->start_mark),
		                "only one document is allowed in a file");
		return TREE_DONE;
	}
	if (event->data.document_start.tag_directives.start !=
	    event->data.document_start.tag_directives.end)
		config_error_at(b->report, place_of(event->start_mark),
		                "%%TAG directives are not allowed");
	return 0;
}

static int take_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return start_document(b, event);
	case YAML_SCALAR_EVENT:
		return read_scalar(b, event);
	case YAML_ALIAS_EVENT:
		return read_alias(b, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_container(b, CONFIG_NODE_LIST, event, event->data.sequence_start.anchor,
		                      event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_container(b, CONFIG_NODE_MAPPING, event,
		                      event->data.mapping_start.anchor,
		                      event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return close_container(b);
	case YAML_STREAM_END_EVENT:
		return TREE_DONE;
	default:
		return 0;
	}
}

static int read_events(struct builder *b)
{
	int outcome = 0;

	while (!outcome) {
		yaml_event_t event;

		if (!yaml_parser_parse(&b->parser, &event))
			return report_syntax(b);
		outcome = take_event(b, &event);
		if (event.type == YAML_SCALAR_EVENT)
			explicit_bzero(event.data.scalar.value, event.data.scalar.length);
		yaml_event_delete(&event);
	}
	return outcome;
}

/* What libyaml has read lies in two buffers of its own; keys may be among it. */
static void wipe_parser(yaml_parser_t *parser)
{
	if (parser->raw_buffer.start)
		explicit_bzero(parser->raw_buffer.start,
		               (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
	if (parser->buffer.start)
		explicit_bzero(parser->buffer.start,
		               (size_t)(parser->buffer.end - parser->buffer.start));
	yaml_parser_delete(parser);
}

int config_tree_read(const char *text, size_t len, struct config_report *report,
                     struct config_node **ret)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	size_t skipped = len >= 3 && !memcmp(text, byte_order_mark, 3) ? 3 : 0;
	struct builder b = {.text = text + skipped, .len = len - skipped, .report = report};

	if (!yaml_parser_initialize(&b.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, (const unsigned char *)b.text, b.len);
	int outcome = read_events(&b);
	wipe_parser(&b.parser);
	free(b.key);

	if (outcome != TREE_DONE) {
		config_node_free(b.root);
		b.root = NULL;
	} else if (!b.root) {
		config_error_at(report, (struct config_place){1, 1},
		                "must be a mapping with the keys network and wireguard; the file "
		                "is empty");
	}
	if (outcome < 0)
		return outcome;
	*ret = b.root;
	return 0;
}
