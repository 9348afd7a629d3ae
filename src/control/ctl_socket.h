/* SPDX-License-Identifier: MIT */
/* ctl_socket.h - the server's side of the control socket (vtrunkd/ctl.h): clients and their lines.
 *
 * It never waits: a request is read as it comes, an answer goes out in pieces as the client takes
 * it, and a client that has not finished in time is let go. Only root and the daemon's own user may
 * ask. What a request means and what is answered is the business of the calls it is given.
 *
 * All functions: the thread that runs the loop; before and after that, who creates and destroys.
 */
#ifndef CONTROL_CTL_SOCKET_H
#define CONTROL_CTL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "control/json_text.h"
#include "control/loop.h"
#include "vtrunkd/limits.h"

#define CTL_CLIENTS_MAX 16u            /* at once; others wait in the backlog */
#define CTL_CLIENT_NS   (5 * NS_PER_S) /* from connecting to the last byte of the answer */
#define CTL_PIECE_BYTES (64u << 10)    /* of an answer: what is sent to one client before others */

/* Clients are known by their slot, below CTL_CLIENTS_MAX. A slot that was asked() hears gone() in
 * the end, exactly once.
 */
struct ctl_calls {
	/* A request of @len bytes, no longer there after the call; NULL when it was longer than
	 * CTL_REQUEST_MAX. It is answered at once or later with ctl_socket_answer().
	 */
	void (*asked)(void *arg, unsigned client, const char *line, size_t len);

	/* Writes the next piece of the answer, about CTL_PIECE_BYTES. False when it is the last. */
	bool (*more)(void *arg, unsigned client, struct json_text *out);

	/* It has its answer, or has left. */
	void (*gone)(void *arg, unsigned client);
};

struct ctl_socket;

/* Listens at @directory/@interface.sock, a file of mode 0600 from its first moment; makes the
 * directory when it is not there. A socket that a dead daemon left is replaced. Returns 0 or a
 * negative errno: -EADDRINUSE when a daemon answers at that path or it is no socket, -ENAMETOOLONG,
 * ...
 */
int ctl_socket_create(struct loop *loop, const char *directory, const char *interface,
                      const struct ctl_calls *calls, void *arg, struct ctl_socket **ret);

/* The answer to what @client asked begins: it is fetched with calls.more(). */
void ctl_socket_answer(struct ctl_socket *ctl, unsigned client);

/* Lets go of all clients, whatever they were told so far, and removes the file. NULL is allowed. */
void ctl_socket_destroy(struct ctl_socket *ctl);

#endif
