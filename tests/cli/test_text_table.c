/* SPDX-License-Identifier: MIT */
#include "cli/text_table.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const titles[] = {"NAME", "KIND", "NUMBER"};

/* Prints a table of these cells, which NULL ends, and compares. */
static void expect_table(const char *const *cells, unsigned indent, const char *wanted)
{
	struct text_table *table = text_table_create(titles, 3);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (; *cells; cells++)
		text_table_add(table, *cells);
	text_table_print(table, indent, out);
	fclose(out);
	text_table_destroy(table);
	cr_expect(eq(str, text, (char *)wanted));
	free(text);
}

#define EXPECT_TABLE(indent, wanted, ...) \
	expect_table((const char *const[]){__VA_ARGS__, NULL}, indent, wanted)

Test(text_table, columns_are_aligned_and_no_line_ends_with_blanks)
{
	EXPECT_TABLE(0, "NAME      KIND  NUMBER\na         b     1\nlong one  c     23456789\n",
	             "a", "b", "1", "long one", "c", "23456789");
	EXPECT_TABLE(2, "  NAME  KIND  NUMBER\n  a     b\n", "a", "b", "");
}

Test(text_table, width_is_counted_in_characters)
{
	EXPECT_TABLE(0, "NAME   KIND  NUMBER\nBüro5  b     1\n€      c     2\n", "Büro5", "b", "1",
	             "€", "c", "2");
}

Test(text_table, column_that_says_nothing_is_left_out)
{
	EXPECT_TABLE(0, "NAME  NUMBER\na     1\nb     -\n", "a", "-", "1", "b", "-", "-");
}

Test(text_table, row_that_is_not_complete_is_left_out)
{
	EXPECT_TABLE(0, "NAME  KIND  NUMBER\na     b     1\n", "a", "b", "1", "c", "d");
}

Test(text_table, without_memory_it_says_so)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	text_table_add(NULL, "a");
	text_table_print(NULL, 2, out);
	text_table_destroy(NULL);
	fclose(out);
	cr_expect(eq(str, text, (char *)"  (out of memory)\n"));
	free(text);
}

Test(text_table, many_rows_are_kept)
{
	struct text_table *table = text_table_create(titles, 3);
	char *text = NULL;
	size_t len, lines = 0;
	FILE *out = open_memstream(&text, &len);

	for (unsigned i = 0; i < 3000; i++)
		text_table_add(table, "x");
	text_table_print(table, 0, out);
	fclose(out);
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	cr_expect(eq(sz, lines, 1001));
	text_table_destroy(table);
	free(text);
}
