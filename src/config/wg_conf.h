/* SPDX-License-Identifier: MIT */
/* wg_conf.h - whether a text is a file of wg or wg-quick, which many try first. */
#ifndef CONFIG_WG_CONF_H
#define CONFIG_WG_CONF_H

#include <stdbool.h>
#include <stddef.h>

/* The first line with something in it is a section of such files, which YAML takes for a list.
 * *@ret_line, from 1, is where; it means nothing when the text is none.
 */
bool is_wg_conf(const char *text, size_t len, size_t *ret_line);

#endif
