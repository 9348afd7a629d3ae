/* SPDX-License-Identifier: MIT */
/* link_tx.h - datagrams out. Consecutive segments of one length and with one ECN field leave as a
 * train: one message with UDP_SEGMENT, which passes the system's layers once and is cut by the
 * device or just before it. The last one of a train may be shorter.
 *
 * A device that cannot checksum refuses a train with EIO; a way with a smaller MTU than the
 * segments, which single datagrams would cross in fragments, with EINVAL or EMSGSIZE. What was
 * refused goes again one by one, and the link or the path remembers how long the datagrams of a
 * train may be (trains.h).
 */
#ifndef DATAPLANE_LINK_TX_H
#define DATAPLANE_LINK_TX_H

#include <sys/uio.h>

#include "dataplane/link.h"

/* What the system took of the segments. */
struct link_sent {
	unsigned packets; /* the rest is counted as dropped */
	uint64_t bytes;   /* UDP payload of those */
	int error;        /* errno of a refusal, but not for lack of room or for length; 0: none */
};

/* What is to be sent. */
struct link_datagrams {
	const struct iovec
		*at;        /* where each lies; they are only read, so others may send them too */
	const uint8_t *ecn; /* the field of each in its IP header (base/ecn.h) */
	unsigned count;     /* at most BATCH_MAX */
};

/* Sends them, in order and in trains, to @route->remote from @route->local (when the link is a
 * wildcard one). @trains: what is known of the path, lowered when it refuses; NULL: none shall be
 * tried. The data plane's threads.
 */
struct link_sent link_send(struct dp_thread *self, const struct route *route,
                           struct train_limit *trains, const struct link_datagrams *datagrams);

/* Sends one datagram that nobody is to fragment, neither this system nor one on the way; it may be
 * as long as the device takes, whatever the system has heard of the way. @route as above. 0 or a
 * negative errno, -EMSGSIZE if it is longer. Only where the link is steered.
 */
int link_send_whole(struct link *link, const struct route *route, const struct iovec *datagram);

#endif
