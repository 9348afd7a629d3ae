/* SPDX-License-Identifier: MIT */
/* load.h - the configuration file: YAML in, one checked struct out.
 *
 * Two passes over the text. check.h walks the YAML document against a table of keys and collects
 * every error with its place; then libcyaml loads a document that is known to be good, and build.h
 * turns strings into addresses and keys. Nothing outside the file is touched but a private key file
 * it names.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include <stdio.h>

#include "config/desired.h"

#define CONFIG_FILE_DEFAULT "/etc/vtrunkd.yaml"

/* Loads @path. On success *@ret is the caller's to desired_free() and warnings were written to
 * @messages; else every error was, one line each, "FILE:LINE:COLUMN: key: what is wrong and what is
 * allowed", and -EINVAL (bad content), -EFBIG, -ENOMEM or the errno of reading is returned.
 */
int config_load(const char *path, FILE *messages, struct desired **ret);

/* The public key of the private one that @path gives or names; whatever else is wrong in the file
 * or still to be filled in does not matter. Messages and errors as above.
 */
int config_public_key(const char *path, FILE *messages, uint8_t ret[static KEY_LEN]);

#endif
