/* SPDX-License-Identifier: MIT */
/* ctl_client.h - one question to a running daemon over its control socket (vtrunkd/ctl.h). */
#ifndef CLI_CTL_CLIENT_H
#define CLI_CTL_CLIENT_H

#include <jansson.h>
#include <limits.h>
#include <stdio.h>

#define CTL_TIMEOUT_S 5 /* without a byte from the daemon, whose control thread never blocks */

/* Sends {"request":@request} to the socket at @path. On success *@ret is the whole reply, an object
 * with "ok" true, and the caller's to json_decref(). Else one line saying why goes to @messages and
 * a negative errno is returned: that of connecting, sending or receiving, -ETIMEDOUT, -EPROTO (no
 * proper reply), -EREMOTEIO (the daemon refused and said why), -ENAMETOOLONG.
 */
int ctl_request(const char *path, const char *request, FILE *messages, json_t **ret);

/* The one socket in @directory at which a daemon listens; those that a killed one left do not
 * count. When there is none or more than one, says so in @messages, with their names. Returns 0,
 * -ENOENT, -ENOTUNIQ or the errno of reading the directory.
 */
int ctl_find_socket(const char *directory, FILE *messages, char ret_path[static PATH_MAX]);

#endif
