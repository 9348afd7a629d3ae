/* SPDX-License-Identifier: MIT */
/* build.h - from the loaded normal form to struct desired: texts become addresses, keys and names,
 * absent values their defaults.
 *
 * The normal form has passed every check, so what can fail here is memory. Secrets change their
 * owner: each entry that is used leaves the table of secrets. One thread.
 */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "config/desired.h"
#include "config/raw.h"
#include "config/secrets.h"

/* Fills @desired, which is all zero and the caller's to desired_free(), also after failure. @path
 * is the file's, for messages. Returns 0, -ENOMEM or -EINVAL.
 */
int desired_build(struct desired *desired, const char *path, const struct raw_config *raw,
                  struct config_secrets *secrets);

#endif
