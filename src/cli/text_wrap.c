/* SPDX-License-Identifier: MIT */
#include "cli/text_wrap.h"

#include <string.h>

static unsigned columns_of(const char *word, size_t len)
{
	unsigned columns = 0;

	for (size_t i = 0; i < len; i++)
		columns += ((unsigned char)word[i] & 0xc0) != 0x80;
	return columns;
}

void text_wrap(FILE *out, unsigned indent, const char *text)
{
	unsigned at = 0; /* columns of the line so far; 0: it is not begun */

	while (*text) {
		size_t len = strcspn(text, " ");
		unsigned columns = columns_of(text, len);

		if (at && at + 1 + columns > TEXT_WIDTH) {
			fputc('\n', out);
			at = 0;
		}
		at += at ? (unsigned)fprintf(out, " ")
		         : (unsigned)fprintf(out, "%*s", (int)indent, "");
		fwrite(text, 1, len, out);
		at += columns;
		text += len;
		text += strspn(text, " ");
	}
	if (at)
		fputc('\n', out);
}
