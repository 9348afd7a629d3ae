/* SPDX-License-Identifier: MIT */
/* uplink.h - our links as control sees them: opening, resting, devices that come and go.
 *
 *            opened                     the system refused to send
 *   WAITING --------> UP ---------------------------------------> RESTING
 *      ^               | ^              after error_backoff          |
 *      |               | +-------------------------------------------+
 *      +---------------+  device or address gone
 *
 * All functions: control thread.
 */
#ifndef CONTROL_UPLINK_H
#define CONTROL_UPLINK_H

#include <stdbool.h>

#include "base/deadline.h"
#include "control/config.h"
#include "control/loop.h"
#include "control/netif_monitor.h"

struct control;
struct link;

enum uplink_state {
	UPLINK_WAITING, /* its address, device or family is not there yet */
	UPLINK_UP,
	UPLINK_RESTING, /* the system refused to send; tried again after error_backoff */
};

/* Control's half of a link. */
struct uplink {
	struct control *control;
	const struct config_link *config;
	struct link *link; /* the data plane's half */
	unsigned id;
	enum uplink_state state;
	uint64_t since_ns;
	char reason[128];
	uint64_t trains_since_ns;   /* when a train was refused last */
	int trains_told;            /* the errno logged last for that */
	int family;                 /* AF_UNSPEC while not known */
	struct deadline deadline;   /* when to try again */
	struct event_source source; /* its handshake socket */
};

/* Opens those whose family is known. Returns a negative errno only for what waiting does not mend:
 * -EADDRINUSE, -EACCES, -EPERM.
 */
int uplinks_open(struct control *control, uint64_t now_ns);

/* Opens one whose family became known, or binds it to its device anew. Returns 0 or a negative errno,
 * logged; then it is tried again after error_backoff.
 */
int uplink_open(struct uplink *uplink, uint64_t now_ns);

/* Logs that the system refused trains of datagrams, once per link and cause, and has them tried again
 * after some minutes when a path's MTU was the reason.
 */
void uplinks_tell_trains(struct control *control, uint64_t now_ns);

bool uplink_is_usable(const struct uplink *uplink);
void uplink_refused(struct uplink *uplink, int error, uint64_t now_ns);
void uplink_netif_event(struct control *control, const struct netif_event *event);
const char *uplink_state_name(enum uplink_state state);

#endif
