/* SPDX-License-Identifier: MIT */
/* tree.h - reads a YAML document into a tree of nodes (node.h).
 *
 * Built from libyaml's events, because only these still show what we refuse: anchors, aliases, tags
 * and further documents. Merge keys are refused where keys are looked at. One thread.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include <stddef.h>

#define CONFIG_DEPTH_MAX 16u

struct config_node;
struct config_report;

/* Reads @text and reports every error it finds. *@ret is the caller's to config_node_free(); NULL
 * when the document could not be read to its end. Returns 0 or -ENOMEM.
 */
int config_tree_read(const char *text, size_t len, struct config_report *report,
                     struct config_node **ret);

#endif
