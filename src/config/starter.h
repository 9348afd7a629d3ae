/* SPDX-License-Identifier: MIT */
/* starter.h - a commented configuration file with fresh keys, to start from.
 *
 * Of a pair: it needs two key pairs, so both are drawn here, and what the other end has to write
 * stands in a comment. Of one end: what only the other end knows is a placeholder.
 */
#ifndef CONFIG_STARTER_H
#define CONFIG_STARTER_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/wire.h"

enum config_starter_kind {
	CONFIG_STARTER_PAIR,    /* this end, with a pair of keys for the other in a comment */
	CONFIG_STARTER_CLIENT,  /* the end that contacts the other, over this machine's uplinks */
	CONFIG_STARTER_GATEWAY, /* the end that waits, for any number of others */
};

/* What the file of one end says of the other; NULL: a placeholder, which config_load() refuses. */
struct config_starter {
	enum config_starter_kind kind;
	const char *peer_key; /* base64; of a client and a gateway */
	const char *endpoint; /* HOST:PORT; of a client */
};

/* Writes a commented starter file with fresh keys to @path, mode 0600, or to standard output for
 * "-". Never over an existing file unless @force, and never over a device, pipe or socket.
 * *@ret_public is our new public key. Returns 0 or a negative errno: -EEXIST without @force,
 * -ENOTSUP where there is no regular file, -EISDIR, or that of writing.
 */
int config_write_starter(const char *path, bool force, const struct config_starter *starter,
                         uint8_t ret_public[static KEY_LEN]);

#endif
