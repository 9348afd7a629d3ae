/* SPDX-License-Identifier: MIT */
/* icmp.h - what an ICMP error says about a UDP datagram of this host: that it did not arrive, and
 * why.
 *
 * Anybody can send one who knows or guesses addresses and ports: what it says is hearsay. Errors
 * about length are none here, see sched/pmtu.h; nor are those about fragments.
 *
 * Pure. RFC 792, RFC 1812 (5.2.7), RFC 4443.
 */
#ifndef CONTROL_ICMP_H
#define CONTROL_ICMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"

struct icmp_error {
	struct endpoint from, to; /* of the datagram; from: ours */
	const char *why;          /* for people: a constant string */
};

/* Takes apart what a raw socket of @family gave: of IPv4 with, of IPv6 without its IP header.
 * False: it says nothing of that kind.
 */
bool icmp_read(int family, const uint8_t *at, size_t len, struct icmp_error *ret);

#endif
