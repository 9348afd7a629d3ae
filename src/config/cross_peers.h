/* SPDX-License-Identifier: MIT */
/* cross_peers.h - one peer or a list of them, and what no two of the list may share. */
#ifndef CONFIG_CROSS_PEERS_H
#define CONFIG_CROSS_PEERS_H

#include <stdint.h>

struct config_sections;

/* The keys that speak of the one peer, where a list of peers is given too. */
void config_cross_single_or_list(const struct config_sections *s);

/* Public keys, also against our own, and allowed IPs. @private_key may be NULL. Returns 0 or
 * -ENOMEM.
 */
int config_cross_peers(const struct config_sections *s, const uint8_t *private_key);

#endif
