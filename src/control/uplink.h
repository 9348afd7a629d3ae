/* SPDX-License-Identifier: MIT */
/* uplink.h - our links as control sees them: opening, resting, devices that come and go.
 *
 * A link has a pair of sockets for each family, IPv4 and IPv6. One is opened when the configuration
 * binds that family or as soon as a path needs it, and then stays. Each has a state of its own:
 *
 *            opened                     the system refused to send
 *   WAITING --------> UP ---------------------------------------> RESTING
 *      ^               | ^              after error_backoff          |
 *      |               | +-------------------------------------------+
 *      +---------------+  device or address gone
 *
 * A link does not rest on when routes, addresses or devices change.
 *
 * All functions: control thread.
 */
#ifndef CONTROL_UPLINK_H
#define CONTROL_UPLINK_H

#include <stdbool.h>

#include "base/deadline.h"
#include "control/line.h"
#include "control/loop.h"
#include "control/netif_monitor.h"
#include "vtrunkd/limits.h"

struct control;
struct link;

enum uplink_state {
	UPLINK_WAITING, /* its address or device is not there yet, or nobody wants it */
	UPLINK_UP,
	UPLINK_RESTING, /* the system refused to send; tried again after error_backoff */
};

/* Control's half of a pair of sockets. */
struct uplink_pair {
	struct uplink *uplink;
	struct link *link; /* the data plane's half */
	int family;        /* AF_INET or AF_INET6 */
	bool is_wanted;    /* kept open while it can be */
	char device[16];   /* that it is tied to, by configuration or address; "": none */
	enum uplink_state state;
	uint64_t since_ns;
	char reason[128];
	struct deadline deadline;   /* when to try again */
	struct event_source source; /* its handshake socket */
};

/* Control's half of a link. */
struct uplink {
	struct control *control;
	unsigned id;
	char name[NAME_LEN];
	struct line line;
	bool both_families; /* bound to any IPv6 address, and to any IPv4 one as well */
	uint32_t weight;    /* share of the traffic */
	struct uplink_pair pair[LINK_FAMILIES];
};

/* Prepares one for each link of the configuration; nothing is opened. */
void uplinks_init(struct control *control);

/* Opens what the configuration binds. Returns a negative errno only for what waiting does not mend:
 * -EADDRINUSE, -EACCES, -EPERM.
 */
int uplinks_open(struct control *control, uint64_t now_ns);

/* Whether the configuration lets the link have sockets of @family. */
bool uplink_allows(const struct uplink *uplink, int family);

/* The sockets of @family, which it allows, for a path that needs them: opened unless they are, or
 * as soon as they can be.
 */
struct link *uplink_want(struct uplink *uplink, int family, uint64_t now_ns);

/* Could a datagram leave over the link for @remote now? Asks the system for a route; nothing is
 * sent.
 */
bool uplink_can_reach(const struct uplink *uplink, const struct endpoint *remote);

/* Whose sockets @link has. */
struct uplink *uplink_of(struct control *control, const struct link *link);

/* Whether @link, one of its pairs of sockets, is there to send on. */
bool uplink_is_usable(const struct uplink *uplink, const struct link *link);

/* The pair that tells best how the link fares. */
const struct uplink_pair *uplink_best(const struct uplink *uplink);

/* Watches the handshake sockets of all links that are open, or leaves them alone. */
void uplinks_watch_handshakes(struct control *control, bool is_watched);

/* Logs that the device of a link refused trains of datagrams, once. */
void uplinks_tell_trains(struct control *control);

/* The system refused to send on @link, with @error, which says nothing about one destination. */
void uplink_refused(struct uplink *uplink, const struct link *link, int error, uint64_t now_ns);

/* Routes, addresses or devices have changed: links that rest are tried now, not after error_backoff.
 */
void uplinks_try_again(struct control *control, uint64_t now_ns);

void uplink_netif_event(struct control *control, const struct netif_event *event);
const char *uplink_state_name(enum uplink_state state);

#endif
