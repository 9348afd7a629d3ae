/* SPDX-License-Identifier: MIT */
/* netif_monitor.h - tells when interfaces, addresses and routes of the system change.
 *
 * A non-blocking rtnetlink subscription for the control loop, and a table of the interfaces it
 * knows, so that each change is told once. Changes before netif_monitor_init() are not told: ask
 * netif_is_usable() after it. One thread (control).
 */
#ifndef CONTROL_NETIF_MONITOR_H
#define CONTROL_NETIF_MONITOR_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/prefix.h"

enum netif_event_kind {
	NETIF_LINK_APPEARED, /* by creation, renaming or a move to our namespace; not usable yet */
	NETIF_LINK_GONE,     /* also under its old name when it is renamed */
	NETIF_LINK_UP,       /* usable: up and with carrier (IFF_UP and IFF_RUNNING) */
	NETIF_LINK_DOWN,     /* still there, not usable any more */
	NETIF_ADDRESS_ADDED, /* may repeat; an IPv6 address once duplicate detection passed it */
	NETIF_ADDRESS_REMOVED, /* perhaps one that was never told as added */
	NETIF_ROUTES_CHANGED,  /* once per read, no details; our own routes do not count */
	NETIF_RESYNC, /* changes were lost; those of links were told, ask anew for the rest */
};

struct netif_event {
	enum netif_event_kind kind;
	int index;             /* of the interface; 0 for ROUTES_CHANGED and RESYNC */
	const char *name;      /* until the callback returns; "" when index is 0 or not known */
	struct prefix address; /* of ADDRESS events, host bits kept; else all zero */
};

/* Must not call netif_monitor_read() or netif_monitor_fini(). */
typedef void (*netif_event_fn)(const struct netif_event *event, void *arg);

struct netif_link; /* a known interface */

/* All zero: not open. */
struct netif_monitor {
	struct mnl_socket *nl;
	struct netif_link *links;
	size_t link_count;
	size_t link_room;
	bool must_resync;
	bool routes_changed;  /* to be told at the end of this read */
	netif_event_fn event; /* during a read */
	void *arg;
};

/* Subscribes and learns the interfaces that exist. Returns 0 or a negative errno, then with nothing
 * left to release.
 */
int netif_monitor_init(struct netif_monitor *monitor);
void netif_monitor_fini(struct netif_monitor *monitor);

/* Readable (level) when netif_monitor_read() has something to do. */
int netif_monitor_fd(const struct netif_monitor *monitor);

/* Tells all changes that wait, in their order, through @event with @arg; never blocks. Returns 0 or
 * a negative errno: -ENOMEM and errors of a resync, which the next call tries again.
 */
int netif_monitor_read(struct netif_monitor *monitor, netif_event_fn event, void *arg);

#endif
