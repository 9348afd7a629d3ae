/* SPDX-License-Identifier: MIT */
/* ctl_socket.h - the server's side of the control socket (vtrunkd/ctl.h): answers one request a
 * client.
 *
 * It lives in the control thread's loop and never waits: a request is read as it comes, an answer
 * goes out in pieces as the client takes it, and a client that has not finished in time is let go.
 * Only root and the daemon's own user may ask.
 *
 * All functions: control thread.
 */
#ifndef CONTROL_CTL_SOCKET_H
#define CONTROL_CTL_SOCKET_H

#include "vtrunkd/limits.h"

#define CTL_CLIENTS_MAX 16u            /* at once; others wait in the backlog */
#define CTL_CLIENT_NS   (5 * NS_PER_S) /* from connecting to the last byte of the answer */

struct control;
struct ctl_socket;

/* Listens at @directory/INTERFACE.sock, a file of mode 0600 from its first moment; makes the
 * directory when it is not there. A socket that a dead daemon left is replaced. The loop, heap and
 * interface name of @control must be there. Returns 0 or a negative errno: -EADDRINUSE when a
 * daemon answers at that path or it is no socket, -ENAMETOOLONG, ...
 */
int ctl_socket_create(struct control *control, const char *directory, struct ctl_socket **ret);

/* Lets go of all clients, whatever they were told so far, and removes the file. NULL is allowed. */
void ctl_socket_destroy(struct ctl_socket *ctl);

#endif
