/* SPDX-License-Identifier: MIT */
/* loop_guard.h - tells our own datagrams that came back through the TUN device.
 *
 * Where the route to a peer's endpoint leads into the tunnel, each datagram of a link enters the
 * TUN device, is sealed anew, leaves on a link, and so on for ever. Such a packet comes from the
 * port of one of our links and goes to an endpoint of one of our paths: it is known by these two.
 * What comes from the same port of another host behind us and goes anywhere else is not meant.
 *
 *   [I] set by init   [A] control sets, others read   [U] control writes, others read under RCU
 *
 * The ports come first because that costs one bit: only UDP from such a port has to be looked up.
 */
#ifndef DATAPLANE_LOOP_GUARD_H
#define DATAPLANE_LOOP_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/endpoint.h"
#include "crypto/keyed_hash.h"

struct cds_lfht;

struct loop_guard {
	struct cds_lfht *endpoints;      /* [U] with a count each: paths may share one */
	uint8_t key[KEYED_HASH_KEY_LEN]; /* [I] */
	_Atomic uint64_t ports[1024];    /* [A] one bit for each port */
};

/* Returns 0 or -ENOMEM. */
int loop_guard_init(struct loop_guard *guard);

/* With all that is left in it. Also after an init that failed, or of all zero. Nobody reads any
 * more.
 */
void loop_guard_fini(struct loop_guard *guard);

/* A link is bound to @port (host order). It stays known as ours. Control. */
void loop_guard_add_port(struct loop_guard *guard, uint16_t port);

/* A path leads to @endpoint from now on; once for each path. Returns 0 or -ENOMEM. Control. */
int loop_guard_add(struct loop_guard *guard, const struct endpoint *endpoint);

/* And no longer does. Control. */
void loop_guard_remove(struct loop_guard *guard, const struct endpoint *endpoint);

/* Whether the whole IP packet of @len bytes is one of ours. In an IPv6 packet UDP must come first,
 * or behind the header of a first fragment, as in what the system makes of our datagrams; of the
 * further fragments nothing is known. Any thread in an RCU read side.
 */
bool loop_guard_is_ours(const struct loop_guard *guard, const uint8_t *packet, size_t len);

#endif
