/* SPDX-License-Identifier: MIT */
/* keys.h - `genkey`, `pubkey` and `genpsk`: one key in base64 and a line end, as `wg` writes them.
 *
 * Keys go through file descriptors and not through stdio, whose buffers nobody wipes.
 */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include <stdio.h>

/* The subcommands, with @argv[0] their name. They take no options, but pubkey -c FILE for the key
 * of a configuration. Return an exit status (exit.h).
 */
int genkey_main(int argc, char **argv);
int pubkey_main(int argc, char **argv);
int genpsk_main(int argc, char **argv);

/* What they do, on descriptors of the caller's choice. crypto_init() must have succeeded. All
 * return an exit status and write one line to @messages when it is not 0.
 */

/* A private key, clamped. Warns when @out is a file that everybody may read. */
int keys_write_private(int out, FILE *messages);

/* The public key of the private one that @in holds. */
int keys_write_public(int in, int out, FILE *messages);

/* 32 random bytes. Warns as above. */
int keys_write_preshared(int out, FILE *messages);

#endif
