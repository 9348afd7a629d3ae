/* SPDX-License-Identifier: MIT */
/* inner_flow.h - what a packet tells of the flow it belongs to (RFC 791, 8200, 9293, 768). */
#ifndef DATAPLANE_INNER_FLOW_H
#define DATAPLANE_INNER_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/traffic_class.h"

/* Of the packet, or super-packet, of @len bytes at @packet. Fragments but the first have no ports,
 * nor has what hides them behind a header that is not known. The length of a packet of a
 * super-packet is the caller's to say. False: no whole IP packet.
 */
bool inner_flow_facts(const uint8_t *packet, size_t len, struct traffic_facts *ret);

#endif
