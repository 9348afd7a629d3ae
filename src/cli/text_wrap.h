/* SPDX-License-Identifier: MIT */
/* text_wrap.h - text for people in lines that any terminal holds. */
#ifndef CLI_TEXT_WRAP_H
#define CLI_TEXT_WRAP_H

#include <stdio.h>

#define TEXT_WIDTH 80u

/* Writes @text, whose words have one space between them, indented by @indent, in lines of at most
 * TEXT_WIDTH columns; a word that is longer stands alone and passes the margin. A character of
 * UTF-8 is taken for one column.
 */
void text_wrap(FILE *out, unsigned indent, const char *text);

#endif
