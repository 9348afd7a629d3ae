/* SPDX-License-Identifier: MIT */
/* walk.h - each value of a configuration against its rule in the schema.
 *
 * Everything that is wrong with one key or value by itself is reported here; what several have to
 * do with each other is cross.h's. A good secret leaves its node for the table of secrets. One
 * thread.
 */
#ifndef CONFIG_WALK_H
#define CONFIG_WALK_H

struct config_node;
struct config_report;
struct config_rule;
struct config_secrets;

/* Checks @node and what is below it against @rule. A node that an error was reported about is left
 * marked as refused. Returns 0 or -ENOMEM.
 */
int config_walk(struct config_node *node, const struct config_rule *rule,
                struct config_report *report, struct config_secrets *secrets);

#endif
