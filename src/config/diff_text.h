/* SPDX-License-Identifier: MIT */
/* diff_text.h - the operations between two desired states, in words for people.
 *
 * A line each, with its subject first: "link lte: weight from 1 to 3". Keys are not shown, but for
 * the public key of a peer that comes or goes.
 */
#ifndef CONFIG_DIFF_TEXT_H
#define CONFIG_DIFF_TEXT_H

#include <stdio.h>

#include "config/diff.h"

void change_list_write(const struct change_list *list, FILE *out);

/* One operation of @list, without the end of its line. */
void change_write(const struct change_list *list, const struct change *change, FILE *out);

#endif
