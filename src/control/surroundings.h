/* SPDX-License-Identifier: MIT */
/* surroundings.h - what changes around the daemon: devices, addresses and routes of the system, and
 * where names lead.
 *
 * Devices and addresses are passed to the links and endpoints at once, as the system tells them.
 * Then, at most once per second since a system with many routes changes them all the time, a look
 * around: host routes, source addresses, links and paths that rest. Our own TUN device gets back
 * what others take from it. And once per second people are told what of it makes a tunnel slow or
 * useless. ICMP errors, which may be lies, make paths doubted.
 *
 * Control thread.
 */
#ifndef CONTROL_SURROUNDINGS_H
#define CONTROL_SURROUNDINGS_H

#include "base/bucket.h"
#include "control/detour.h"
#include "control/icmp_monitor.h"
#include "control/interface_plan.h"
#include "control/loop.h"
#include "control/netif.h"
#include "control/netif_monitor.h"
#include "control/own_device.h"
#include "control/rare_news.h"
#include "control/route_changes.h"

struct desired;
struct engine;
struct peers;
struct resolve_answer;
struct uplinks;

/* What of the daemon they work with. All of it stays where it is. */
struct surroundings_parts {
	const char *interface; /* the name of our TUN device */
	struct engine *engine;
	struct loop *loop; /* with room for three deadlines */
	struct uplinks *uplinks;
	const struct peers *peers;
};

/* All zero: not set up. */
struct surroundings {
	struct surroundings_parts of;
	struct netif_monitor monitor;
	struct event_source source; /* the monitor's */
	struct icmp_monitor icmp;
	struct bucket icmp_bucket; /* errors whose path was looked for */
	struct own_device own_device;
	struct interface_plan plan;   /* what it is to have */
	struct interface_plan coming; /* the same, readied ... */
	struct route_changes routes;  /* ... with what that changes, ... */
	struct netif coming_netif;    /* ... and the means for it */
	struct deadline put_back;     /* what our device has lost */
	struct detours detours;
	struct deadline look_around; /* routes, addresses or devices have changed */
	uint64_t looked_around_ns;
	struct rare_news routing_loop; /* datagrams of our own come back through the device */
	struct rare_news unexpected_marks;
	/* Paths lead elsewhere since surroundings_tell() looked. May be set before
	 * surroundings_init(): peers are there first.
	 */
	bool has_new_targets;
};

/* Watches from now on, for links and a TUN device that are there. Returns 0 or a negative errno. */
int surroundings_init(struct surroundings *around, const struct surroundings_parts *parts,
                      const struct desired *wanted);

/* Removes our host routes. Also after an init that failed, or none. */
void surroundings_fini(struct surroundings *around);

/* @wanted is to be followed, of which other addresses of our device are no part: readies routes and
 * ways to endpoints. Returns 0 or -ENOMEM, with nothing kept. Nothing to do where it is not set up.
 */
int surroundings_ready(struct surroundings *around, const struct desired *wanted);
void surroundings_drop(struct surroundings *around);

/* Follows what surroundings_ready() had, for the peers and paths that there are now. */
void surroundings_follow(struct surroundings *around);

/* Something has changed; the monitor tells. */
void surroundings_changed(struct surroundings *around, const struct netif_event *event,
                          uint64_t now_ns);

/* An ICMP error came about a datagram that may be ours; the other monitor tells. */
void surroundings_icmp_error(struct surroundings *around, const struct icmp_error *error,
                             uint64_t now_ns);

/* The resolver answered a question of a peer, which may be gone since. */
void surroundings_answered(struct surroundings *around, const struct resolve_answer *answer,
                           uint64_t now_ns);

/* Looks which paths share a line, where they lead elsewhere now; logs what is new of datagrams that
 * come back to us. Once per second.
 */
void surroundings_tell(struct surroundings *around, uint64_t now_ns);

/* Paths that are not answered look for an address that can be reached now. */
void surroundings_place_again(const struct peers *peers, uint64_t now_ns);

#endif
