/* SPDX-License-Identifier: MIT */
/* cross_endpoints.h - where peers are reached, against the links that shall reach them. */
#ifndef CONFIG_CROSS_ENDPOINTS_H
#define CONFIG_CROSS_ENDPOINTS_H

struct config_node;
struct config_sections;

/* Names of links, families, and endpoints that are given twice. */
void config_cross_endpoints(const struct config_sections *s);

/* The link called @name, which may be a default name; NULL: there is none. There are links. */
const struct config_node *config_cross_find_link(const struct config_sections *s, const char *name);

#endif
