/* SPDX-License-Identifier: MIT */
/* variant.h - what is measured beside what: vtrunkd in several configurations, and other programs.
 */
#ifndef BENCH_VARIANT_H
#define BENCH_VARIANT_H

#include <jansson.h>
#include <stdio.h>

#include "bench/testbed.h"

#define VARIANT_NAME_LEN  32u
#define VARIANT_WORDS_MAX 64u /* of a command */

enum variant_kind {
	VARIANT_VTRUNKD,
	VARIANT_WIREGUARD_GO,
	VARIANT_NONE, /* no tunnel: the bare link */
	VARIANT_EXEC, /* commands of the user's */
};

struct variant {
	enum variant_kind kind;
	char name[VARIANT_NAME_LEN];
	unsigned links;     /* 1 .. TESTBED_LINKS_MAX */
	json_t *settings;   /* vtrunkd: of its configuration, by section; ours */
	char *program;      /* vtrunkd: instead of the run's, or NULL; ours */
	char **argv[SIDES]; /* exec: words and NULL, in one block with their text; ours */
};

/* All return 0, or -EINVAL after a line on @messages, or -ENOMEM; on failure *@ret needs no
 * variant_fini().
 */

/* "NAME" or "NAME:KEY=VALUE,KEY=VALUE": vtrunkd with @settings (borrowed) and then these. Besides
 * settings there are the keys links (default: @links) and vtrunkd (a path).
 */
int variant_parse(const char *text, unsigned links, const json_t *settings, FILE *messages,
                  struct variant *ret);

/* "wireguard-go" or "none". */
int variant_parse_other(const char *text, FILE *messages, struct variant *ret);

/* "NAME:CLIENT_COMMAND:SERVER_COMMAND", split at blanks; a backslash takes a colon's meaning away.
 */
int variant_parse_exec(const char *text, FILE *messages, struct variant *ret);

/* Adds "SECTION.KEY=VALUE" to @settings. VALUE is JSON where it can be (2, true, [0, 1]), else
 * text.
 */
int variant_add_setting(json_t *settings, const char *text, FILE *messages);

void variant_fini(struct variant *v);

#endif
