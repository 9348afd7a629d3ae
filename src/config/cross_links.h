/* SPDX-License-Identifier: MIT */
/* cross_links.h - addresses and ports of the links, of which each belongs to one. */
#ifndef CONFIG_CROSS_LINKS_H
#define CONFIG_CROSS_LINKS_H

struct config_sections;

/* bind of each link, and listen_port. */
void config_cross_links(const struct config_sections *s);

#endif
