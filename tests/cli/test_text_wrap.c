/* SPDX-License-Identifier: MIT */
#include "cli/text_wrap.h"

#include <string.h>

#include "stderr_rig.h"

static char text[4096];

static const char *wrap(unsigned indent, const char *what)
{
	FILE *out = tmpfile();

	text_wrap(out, indent, what);
	fflush(out);
	file_text(out, text, sizeof text);
	fclose(out);
	return text;
}

Test(text_wrap, short_text_is_a_line)
{
	cr_expect(eq(str, (char *)wrap(2, "carried 18 %"), "  carried 18 %\n"));
	cr_expect(eq(str, (char *)wrap(0, ""), ""));
}

Test(text_wrap, no_line_is_longer_than_the_width)
{
	char words[1200] = "";
	size_t len;

	for (unsigned i = 0; i < 100; i++)
		strcat(words, i % 3 ? "word " : "a-longer-one ");
	wrap(7, words);
	for (const char *line = text; *line; line += len + 1) {
		len = strcspn(line, "\n");
		cr_expect(le(sz, len, TEXT_WIDTH), "%.*s", (int)len, line);
		cr_expect(ge(sz, len, 7));
		cr_expect(eq(int, strncmp(line, "       ", 7), 0));
		cr_expect(ne(int, line[7], ' '));
	}
}

Test(text_wrap, line_may_be_exactly_as_wide)
{
	char words[TEXT_WIDTH + 3];

	memset(words, 'x', sizeof words);
	words[39] = ' ';
	words[TEXT_WIDTH] = '\0';
	wrap(0, words);
	cr_expect(eq(sz, strcspn(text, "\n"), TEXT_WIDTH));
	words[TEXT_WIDTH] = 'x';
	words[TEXT_WIDTH + 1] = '\0';
	wrap(0, words);
	cr_expect(eq(sz, strcspn(text, "\n"), 39));
}

Test(text_wrap, word_longer_than_a_line_stands_alone)
{
	char words[200] = "a ";

	memset(words + 2, 'x', 100);
	strcpy(words + 102, " b");
	wrap(4, words);
	cr_expect(eq(int, strncmp(text, "    a\n    xxx", 13), 0));
	cr_expect(eq(str, text + strlen(text) - 7, "\n    b\n"));
}

Test(text_wrap, a_letter_is_a_column_whatever_bytes_it_has)
{
	char words[400] = "";

	for (unsigned i = 0; i < 40; i++)
		strcat(words, "\xc3\xa9 ");
	wrap(0, words);
	cr_expect(eq(sz, strcspn(text, "\n"), 40 * 2 + 39), "79 columns");
}
