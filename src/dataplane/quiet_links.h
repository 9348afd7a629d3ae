/* SPDX-License-Identifier: MIT */
/* quiet_links.h - one thread for all while there is little to do.
 *
 * To wake a thread costs tens of microseconds, ten times what a packet costs. A lone packet that is
 * answered through the tunnel would wake two threads on either side. So a link with little traffic
 * is quiet: the dispatcher of the TUN device's first queue, here "the dispatcher", polls its socket
 * beside the device and receives from it, while the RX thread of the link sleeps. It takes over
 * again when there is more than a few messages to receive, or when the dispatcher has its hands
 * full.
 *
 * What belongs to reception (link.h: [R]) belongs to one of the two at any time; the bit of the
 * link in quiet_links.links says to whom, and only the one who has it gives it away. A link that
 * stops is given back at once. With busy polling nobody sleeps, and no link is quiet.
 */
#ifndef DATAPLANE_QUIET_LINKS_H
#define DATAPLANE_QUIET_LINKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct link;

/*   [I] set before threads start   [A] any thread */
struct quiet_links {
	struct link *link;      /* [I] all LINK_PAIRS_MAX of the engine */
	int wake_fd;            /* [I] eventfd of the dispatcher */
	_Atomic bool are_taken; /* [A] the dispatcher takes links */
	_Atomic uint32_t links; /* [A] one bit for each that it has at present */
};

/* Is the link quiet, that is, with the dispatcher? To be asked by the two receivers only. */
bool quiet_links_has(const struct link *link);

/* Does the dispatcher take links at all? */
bool quiet_links_are_taken(const struct quiet_links *quiet);

/* RX thread: the link is the dispatcher's from here on. */
void quiet_links_give(struct link *link);

/* RX thread: the socket of a quiet link is another one now. */
void quiet_links_look_again(struct link *link);

/* Dispatcher: the links it has, at most LINK_PAIRS_MAX, into @ret. Returns how many. Those that
 * stop are given back: who tells of that may do so before they are looked at, so look before each
 * sleep.
 */
unsigned quiet_links_list(struct quiet_links *quiet, struct link *ret[]);

/* Dispatcher: the link is its RX thread's from here on. */
void quiet_links_return(struct link *link);

/* Dispatcher: all links are. It has no time for them, or will sleep for something else. */
void quiet_links_return_all(struct quiet_links *quiet);

/* Dispatcher, which ends: it has none and takes none any more. */
void quiet_links_end(struct quiet_links *quiet);

/* Control, offline for RCU: the RX thread of a link that stops has ended; returns when the
 * dispatcher does not have the link either.
 */
void quiet_links_await_return(struct link *link);

#endif
