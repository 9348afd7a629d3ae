/* SPDX-License-Identifier: MIT */
#include "cli/text_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct text_table {
	const char *const *titles;
	unsigned columns;
	char **cell; /* row by row */
	size_t cells;
	size_t room;
	bool is_short; /* memory ran out */
};

struct text_table *text_table_create(const char *const *titles, unsigned columns)
{
	struct text_table *table = calloc(1, sizeof *table);

	if (!table)
		return NULL;
	table->titles = titles;
	table->columns = columns;
	return table;
}

void text_table_destroy(struct text_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->cells; i++)
		free(table->cell[i]);
	free(table->cell);
	free(table);
}

static bool make_room(struct text_table *table)
{
	size_t room = table->room ? 2 * table->room : 64;
	char **wider;

	if (table->cells < table->room)
		return true;
	wider = realloc(table->cell, room * sizeof *wider);
	if (!wider)
		return false;
	table->cell = wider;
	table->room = room;
	return true;
}

void text_table_add(struct text_table *table, const char *text)
{
	char *copy;

	if (!table || table->is_short)
		return;
	copy = strdup(text);
	if (!copy || !make_room(table)) {
		free(copy);
		table->is_short = true;
		return;
	}
	table->cell[table->cells++] = copy;
}

/* Characters, not bytes: a name may hold UTF-8. */
static unsigned width_of(const char *text)
{
	unsigned width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

/* Zero for a column that has nothing to say. */
static unsigned column_width(const struct text_table *table, unsigned column)
{
	unsigned width = width_of(table->titles[column]);
	bool says_something = false;

	for (size_t i = column; i < table->cells; i += table->columns) {
		unsigned w = width_of(table->cell[i]);

		width = w > width ? w : width;
		says_something |= strcmp(table->cell[i], "-") != 0;
	}
	return says_something ? width : 0;
}

/* Blanks are written before the next cell, so none ends a line. */
static void print_row(const char *const *row, const unsigned *width, unsigned columns,
                      unsigned indent, FILE *out)
{
	unsigned blanks = indent;

	for (unsigned i = 0; i < columns; i++) {
		if (!width[i])
			continue;
		if (*row[i]) {
			fprintf(out, "%*s%s", blanks, "", row[i]);
			blanks = 0;
		}
		blanks += width[i] - width_of(row[i]) + 2;
	}
	fputc('\n', out);
}

void text_table_print(const struct text_table *table, unsigned indent, FILE *out)
{
	unsigned *width = table ? calloc(table->columns, sizeof *width) : NULL;

	if (!width) {
		fprintf(out, "%*s(out of memory)\n", indent, "");
		return;
	}
	for (unsigned i = 0; i < table->columns; i++)
		width[i] = column_width(table, i);
	print_row(table->titles, width, table->columns, indent, out);
	for (size_t i = 0; i + table->columns <= table->cells; i += table->columns)
		print_row((const char *const *)table->cell + i, width, table->columns, indent, out);
	if (table->is_short)
		fprintf(out, "%*s(out of memory)\n", indent, "");
	free(width);
}
