/* SPDX-License-Identifier: MIT */
/* cross_endpoints.h - where peers are reached, against the links that shall reach them. */
#ifndef CONFIG_CROSS_ENDPOINTS_H
#define CONFIG_CROSS_ENDPOINTS_H

struct config_sections;

/* Names of links, families, and endpoints that are given twice. */
void config_cross_endpoints(const struct config_sections *s);

#endif
