/* SPDX-License-Identifier: MIT */
/* cross_network.h - the keys of the section network against each other: sizes, masks and addresses.
 */
#ifndef CONFIG_CROSS_NETWORK_H
#define CONFIG_CROSS_NETWORK_H

struct config_sections;

/* Returns 0 or -ENOMEM. */
int config_cross_network(const struct config_sections *s);

#endif
