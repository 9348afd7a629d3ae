/* SPDX-License-Identifier: MIT */
/* text_table.h - rows of text in aligned columns, for people.
 *
 * Columns in which every row says "-" are left out: most tables have nothing to say in some of
 * them.
 */
#ifndef CLI_TEXT_TABLE_H
#define CLI_TEXT_TABLE_H

#include <stdio.h>

struct text_table;

/* @titles are constant strings. NULL without memory, which all functions below accept. */
struct text_table *text_table_create(const char *const *titles, unsigned columns);
void text_table_destroy(struct text_table *table);

/* The next cell, from left to right, row by row; a copy is kept. */
void text_table_add(struct text_table *table, const char *text);

/* Every line begins with @indent blanks and ends without any. A row that is not complete is left
 * out, and so is all that came after memory ran out: then the last line says that.
 */
void text_table_print(const struct text_table *table, unsigned indent, FILE *out);

#endif
