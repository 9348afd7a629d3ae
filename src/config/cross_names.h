/* SPDX-License-Identifier: MIT */
/* cross_names.h - names of links and of peers, each of which belongs to one only. */
#ifndef CONFIG_CROSS_NAMES_H
#define CONFIG_CROSS_NAMES_H

struct config_node;
struct config_sections;

/* @list is that of the links or the peers, or NULL. A name that is not given counts with its
 * default, "@prefix-N" from @first. Returns 0 or -ENOMEM.
 */
int config_cross_names(const struct config_sections *s, const struct config_node *list,
                       const char *prefix, unsigned first);

#endif
