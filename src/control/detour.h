/* SPDX-License-Identifier: MIT */
/* detour.h - keeps the endpoints of peers reachable where our own routes would lead the way to them
 * into the tunnel.
 *
 * People who want everything in the tunnel give 0.0.0.0/1 and 128.0.0.0/1 as allowed IPs. These
 * become routes, hold the peer's address too, and beat the default route that leads to it. So the
 * endpoint gets a host route by the way that there is without us: marked as ours, following the
 * changes of routes, and removed at the end. Nothing is done for a link with a device, which routes
 * of another device do not lead, nor where the system sends the link's datagrams another way
 * already, as with a rule for their source or mark.
 *
 * When other allowed IPs become routes, all who send say anew where they send to:
 *
 *      detours_ready()  -->  detours_begin()  detours_keep() ...  detours_end()
 *             \------------>  detours_drop()
 */
#ifndef CONTROL_DETOUR_H
#define CONTROL_DETOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "control/route.h"

#define DETOURS_MAX 64u /* addresses */

struct allowedips;
struct desired;

struct detour {
	struct endpoint to;   /* port 0 */
	struct endpoint from; /* what the link is bound to; no family: anything */
	uint32_t mark;        /* of the link's sockets; 0: none */
	bool is_wanted;       /* it was said anew */
	bool is_set;          /* the route by hop is there, as far as we know */
	bool is_told;         /* that there is no way */
	struct route_hop hop;
};

/* All zero: nothing is kept. One thread (control). */
struct detours {
	char interface[16];
	int ifindex;               /* of our device */
	struct allowedips *ahead;  /* what became routes into the tunnel; NULL: nothing */
	struct allowedips *coming; /* the same, readied */
	bool is_full;              /* told so */
	unsigned count;
	struct detour entry[DETOURS_MAX];
};

/* For the device called @interface, whose routes are set. Returns 0 or -ENOMEM. */
int detours_init(struct detours *detours, const struct desired *config, const char *interface);

/* Removes the routes. NULL-safe: also after an init that failed or of all zero. */
void detours_fini(struct detours *detours);

/* A link bound to @from (no family: to nothing), without a device and with mark @mark, sends to @to
 * from now on.
 */
void detours_keep(struct detours *detours, const struct endpoint *to, const struct endpoint *from,
                  uint32_t mark);

/* The allowed IPs of @wanted are about to become routes. Returns 0 or -ENOMEM; drops them. */
int detours_ready(struct detours *detours, const struct desired *wanted);
void detours_drop(struct detours *detours);

/* They are, which detours_ready() had: where somebody sends to is said anew until detours_end(),
 * which lets go of all else.
 */
void detours_begin(struct detours *detours);
void detours_end(struct detours *detours);

/* Routes, addresses or devices of the system have changed. */
void detours_refresh(struct detours *detours);

#endif
