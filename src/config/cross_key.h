/* SPDX-License-Identifier: MIT */
/* cross_key.h - our own key and what follows from it: whose a public key is, who may read the file.
 */
#ifndef CONFIG_CROSS_KEY_H
#define CONFIG_CROSS_KEY_H

#include <stdbool.h>
#include <stdint.h>

struct config_node;
struct config_report;
struct config_secrets;
struct config_sections;

/* Looks at private_key and private_key_file only, so wireguard and report are enough of @s; a file
 * that is named is read. *@ret_number is the number of the good key, or 0. Returns 0 or -ENOMEM.
 */
int config_cross_private_key(const struct config_sections *s, struct config_secrets *secrets,
                             uint64_t *ret_number);

/* Refuses our own key and keys with which no handshake can succeed. @node and @private_key may be
 * NULL.
 */
void config_cross_public_key(struct config_report *report, struct config_node *node,
                             const uint8_t *private_key);

/* Warns when everybody may read a key in the file. */
void config_cross_readers(const struct config_sections *s, bool is_world_readable);

#endif
