/* SPDX-License-Identifier: MIT */
/* link_message.h - what the system tells of received datagrams beside their bytes: the control data
 * of recvmsg(), taken apart.
 *
 * Pure; both receivers of a link.
 */
#ifndef DATAPLANE_LINK_MESSAGE_H
#define DATAPLANE_LINK_MESSAGE_H

#include <stdint.h>

#include "dataplane/route.h"

struct msghdr;

#define LINK_CONTROL_LEN 128 /* bytes of control data that suffice */

/* What one call of the system gave: a datagram, or a train of datagrams from one origin, all of
 * @step bytes but the last, which may be shorter.
 */
struct link_message {
	const uint8_t *at;
	unsigned len, step; /* bytes of all, of each */
	uint64_t stamp_ns;  /* wall time when the kernel took in the first; 0: it does not tell */
	uint8_t ecn;        /* of the IP header of each: the kernel joins what has the same */
	struct route route;
};

/* The length of the datagram that begins @at bytes into the message. */
static inline unsigned link_message_next_len(const struct link_message *m, unsigned at)
{
	return m->len - at < m->step ? m->len - at : m->step;
}

/* Fills in @ret, but for its bytes and its remote address, from the control data of @msg, which
 * came over @link with @len bytes.
 */
void link_read_message(struct link *link, const struct msghdr *msg, unsigned len,
                       struct link_message *ret);

#endif
