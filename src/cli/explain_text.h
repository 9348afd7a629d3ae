/* SPDX-License-Identifier: MIT */
/* explain_text.h - what the status object says of why paths got what they got, for people. */
#ifndef CLI_EXPLAIN_TEXT_H
#define CLI_EXPLAIN_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* Of each of @peers, an array of the status object, what is known of its paths in figures, and a
 * sentence for each.
 */
void explain_print(FILE *out, const json_t *peers);

#endif
