/* SPDX-License-Identifier: MIT */
/* key_file.h - a file with our private key and nothing else, which only its owner may read. */
#ifndef CONFIG_KEY_FILE_H
#define CONFIG_KEY_FILE_H

struct config_node;
struct config_report;
struct config_secrets;

/* Reads the file that @node names. A good key becomes a secret whose number the node gets; anything
 * else is reported about the node. Returns 0 or -ENOMEM.
 */
int config_key_file_load(struct config_node *node, struct config_report *report,
                         struct config_secrets *secrets);

#endif
