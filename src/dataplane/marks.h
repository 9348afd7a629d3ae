/* SPDX-License-Identifier: MIT */
/* marks.h - congestion marks (base/ecn.h) that came with datagrams, carried on in the packets in
 * them; and what is counted of all that is done about marks.
 *
 * Pure.
 */
#ifndef DATAPLANE_MARKS_H
#define DATAPLANE_MARKS_H

#include <stddef.h>
#include <stdint.h>

/* What a thread counts, in packets. */
enum mark_count {
	MARKS_MADE,       /* marked by us instead of being dropped as congested */
	MARKS_CARRIED,    /* marked, since a datagram came so */
	MARKS_UNEXPECTED, /* came in a datagram with a field that no sender gives it */
	MARKS_COUNTS,
};

enum mark_outcome {
	MARK_NO_PACKET, /* no whole IP packet: it was left alone */
	MARK_NOTHING_NEW,
	MARK_CARRIED,    /* the packet has the mark now */
	MARK_UNEXPECTED, /* nobody gives such a packet such a field: it was left alone */
	MARK_UNTOLD,     /* the same, and it is to be dropped: its sender knows no marks */
};

/* @payload of a datagram, @len bytes, is to leave the tunnel, and the datagram came with the field
 * @outer: the packet gets the field it has to have.
 */
enum mark_outcome marks_carry(uint8_t *payload, size_t len, uint8_t outer);

#endif
