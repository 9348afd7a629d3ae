/* SPDX-License-Identifier: MIT */
/* page.h - the keys of the configuration as entries of its man page, from the table of keys.
 *
 * The page is scdoc. A line "@KEYS wireguard.links@" of its source stands for the keys of that
 * mapping, or of the entries of that list, in the order of the table.
 */
#ifndef CONFIG_PAGE_H
#define CONFIG_PAGE_H

#include <stdio.h>

/* Copies @in to @out with the keys filled in. Returns 0, -ENOENT for a place that is none or has no
 * keys, or -EIO.
 */
int config_page_write(FILE *in, FILE *out);

#endif
