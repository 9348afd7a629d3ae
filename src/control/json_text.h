/* SPDX-License-Identifier: MIT */
/* json_text.h - JSON as it is written, value by value, into memory that grows.
 *
 * For answers that are too large to be built as a tree first. What is written is what jansson's
 * json_dumps() makes with JSON_COMPACT and JSON_REAL_PRECISION(12). Without memory the text is
 * failed: it takes nothing more, and whoever wrote it looks once, at the end. One thread.
 */
#ifndef CONTROL_JSON_TEXT_H
#define CONTROL_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: empty. */
struct json_text {
	char *at; /* no zero at the end */
	size_t len, room;
	bool is_failed;
};

void json_text_fini(struct json_text *text);

/* Empty again, with its memory. */
void json_text_clear(struct json_text *text);

/* @to gets what @from holds; @from is empty then. */
void json_text_move(struct json_text *to, struct json_text *from);

/* A zero behind it, for C. */
void json_text_end(struct json_text *text);

/* As it is: brackets, commas. */
void json_text_raw(struct json_text *text, const char *raw);

/* In quotes, escaped; bytes that are no UTF-8 become U+FFFD. NULL and "" are null: text for people
 * that is not known.
 */
void json_text_string(struct json_text *text, const char *value);

void json_text_integer(struct json_text *text, int64_t value);

/* NAN and infinities are null, which JSON has no numbers for. */
void json_text_real(struct json_text *text, double value);

/* A name and its colon, with a comma before unless it is the first in its object. */
void json_text_name(struct json_text *text, const char *name, bool is_first);

#endif
