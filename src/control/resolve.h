/* SPDX-License-Identifier: MIT */
/* resolve.h - host names to endpoints without blocking the control thread.
 *
 * Helper threads ask the system (getaddrinfo), each for one name at a time; answers come back
 * through a list and a file descriptor for the control loop. There are as many as names are looked
 * up at once, so one whose servers are silent holds up no other; who asks for a name that is being
 * looked up already shares its answer. A numeric address needs no thread: its answer lies in the
 * list when resolve_request() returns.
 *
 * All functions: control thread.
 */
#ifndef CONTROL_RESOLVE_H
#define CONTROL_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"

#define RESOLVE_ENDPOINTS_MAX 8u    /* kept of one answer, the system's first */
#define RESOLVE_PENDING_MAX   1024u /* requests whose answers were not taken yet; 0.6 KB each */
#define RESOLVE_HELPERS_MAX   16u   /* the names of one peer; beyond, a name waits for another */
#define RESOLVE_HOST_LEN      256u  /* a name of 253 characters (RFC 1035), scope or zero */

struct resolver;

struct resolve_answer {
	uint64_t id;      /* the caller's, as given */
	int error;        /* 0; -ENOENT no such name or no address, -EAGAIN servers silent, ... */
	const char *text; /* why, for people; static; NULL without error */
	unsigned count;   /* at least 1 without error, else 0 */
	struct endpoint endpoints[RESOLVE_ENDPOINTS_MAX]; /* the system's order (RFC 6724) */
};

/* Starts no helper yet. Returns 0 or a negative errno. */
int resolve_create(struct resolver **ret);

/* Drops all requests. Lookups under way get RESOLVE_STOP_MS to end; then the helpers are left to
 * themselves with their memory, which the last one frees when its lookup returns. NULL is allowed.
 */
void resolve_destroy(struct resolver *resolver);
#define RESOLVE_STOP_MS 100 /* not noticed at shutdown; a lookup may hang for 30 s */

/* Asks for the addresses of @host with @port (host order); @id returns with the answer, ids need
 * not differ. Returns 0, -ENAMETOOLONG, -ENOMEM, or -EAGAIN when RESOLVE_PENDING_MAX are pending or
 * no thread can be made.
 */
int resolve_request(struct resolver *resolver, uint64_t id, const char *host, uint16_t port);

/* Readable while there are answers to take. For polling only. */
int resolve_fd(const struct resolver *resolver);

/* Moves the oldest answer to *@ret; false when there is none. */
bool resolve_take(struct resolver *resolver, struct resolve_answer *ret);

#endif
