/* SPDX-License-Identifier: MIT */
/* watch.h - one thread for all while there is little to do.
 *
 * To wake a thread costs tens of microseconds, ten times what a packet costs. A lone packet that is answered
 * through the tunnel would wake two threads on either side. So a link with little traffic is left to the
 * watch: the dispatcher of the TUN device's first queue polls its socket beside the device and receives from
 * it, while the RX thread of the link sleeps. It takes over again when there is more than a few messages to
 * receive, or when the dispatcher has its hands full.
 *
 * What belongs to reception (link.h: [R]) belongs to one of the two at any time; the bit of the link in
 * watch.links says to whom, and only the one who has it gives it away. A link that stops is given back at
 * once. With busy polling nobody sleeps, and there is no watch.
 */
#ifndef DATAPLANE_WATCH_H
#define DATAPLANE_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct link;

/*   [I] set before threads start   [A] any thread */
struct watch {
	struct link *link;      /* [I] all LINK_PAIRS_MAX of the engine */
	int wake_fd;            /* [I] eventfd of the dispatcher that watches */
	_Atomic bool exists;    /* [A] a dispatcher watches */
	_Atomic uint32_t links; /* [A] one bit for each that it has at present */
};

/* Is the link with the watch? To be asked by the two receivers only. */
bool watch_has(const struct link *link);

/* Is there a watch at all, to which links can be given? */
bool watch_exists(const struct watch *watch);

/* RX thread: the link is the watch's from here on. */
void watch_give(struct link *link);

/* RX thread: the socket of a link that the watch has is another one now. */
void watch_look_again(struct link *link);

/* The watch: the links it has, at most LINK_PAIRS_MAX, into @ret. Returns how many. Those that stop
 * are given back: who tells of that may do so before they are looked at, so look before each sleep.
 */
unsigned watch_list(struct watch *watch, struct link *ret[]);

/* The watch: the link is its RX thread's from here on. */
void watch_return(struct link *link);

/* The watch: all links are. It has no time for them, or will sleep for something else. */
void watch_return_all(struct watch *watch);

/* The watch ends: it has none and takes none any more. */
void watch_end(struct watch *watch);

/* Control, offline for RCU: the RX thread of a link that stops has ended; returns when the watch does
 * not have the link either.
 */
void watch_await_return(struct link *link);

#endif
