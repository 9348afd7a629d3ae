/* SPDX-License-Identifier: MIT */
/* cross.h - what several keys of a configuration have to do with each other.
 *
 * The order of the checks; each is in a file of its own. Values that were refused before are left
 * alone.
 */
#ifndef CONFIG_CROSS_H
#define CONFIG_CROSS_H

#include <stdbool.h>

struct config_node;
struct config_report;
struct config_secrets;

/* @root has passed config_walk(). Our private key, of a file that is named, becomes one of the
 * secrets. Returns 0 or -ENOMEM.
 */
int config_cross_check(struct config_node *root, bool is_world_readable,
                       struct config_report *report, struct config_secrets *secrets);

#endif
