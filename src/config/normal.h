/* SPDX-License-Identifier: MIT */
/* normal.h - the normal form of a checked configuration, which libcyaml loads without questions.
 *
 * YAML in the looks of JSON: no key is null, words are spelled canonically, an endpoint is always a
 * mapping, and the keys are not there: in their place stands the number of a secret.
 */
#ifndef CONFIG_NORMAL_H
#define CONFIG_NORMAL_H

struct config_node;

/* Of the document @root, in which nothing was refused. The caller frees it; NULL without memory. */
char *config_normal_form(const struct config_node *root);

#endif
