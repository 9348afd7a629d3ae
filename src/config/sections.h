/* SPDX-License-Identifier: MIT */
/* sections.h - the parts of a document that checks across several keys look at.
 *
 * A part is there when it was given and found good by itself; values within are asked for with
 * config_node_good(), which gives only such: one mistake, one message.
 */
#ifndef CONFIG_SECTIONS_H
#define CONFIG_SECTIONS_H

struct config_node;
struct config_report;

struct config_sections {
	struct config_report *report;
	struct config_node *network, *wireguard; /* NULL: refused */
	struct config_node *links, *peers, *classes; /* NULL: absent or refused */
};

#endif
