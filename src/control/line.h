/* SPDX-License-Identifier: MIT */
/* line.h - which device of the system stands for the line of a link.
 *
 * An address alone picks a source, not a line: two links bound to the addresses of two uplinks
 * would both leave by the default route. So a link with an address uses the device that has it,
 * unless the configuration says `device: any` or marks its packets, both of which mean that rules
 * decide. What the configuration says of this is struct line, a copy of its own; no device is
 * opened here, the system is asked. Any thread.
 */
#ifndef CONTROL_LINE_H
#define CONTROL_LINE_H

#include <ifaddrs.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/prefix.h"

/* How datagrams of a link are to leave. All zero: as the system likes. */
struct line {
	struct endpoint bind;     /* no family: to nothing */
	char device[IF_NAMESIZE]; /* that the configuration names; "": none */
	bool any_device;          /* rules for the source decide, not a device */
	bool has_fwmark;
	uint32_t fwmark; /* 0 without */
};

/* The entry of @list (of getifaddrs()) that has the address, whatever its port; NULL: none has. */
const struct ifaddrs *line_of_address(const struct ifaddrs *list, const struct endpoint *address);

/* Whether datagrams can leave by the device of @entry; loopback and dummy devices only hold
 * addresses.
 */
bool line_can_send(const struct ifaddrs *entry);

/* Whether a device of this system has the address. */
bool line_has_address(const struct endpoint *address);

/* Whether the link is bound to just this address. */
bool line_is_bound_to(const struct line *line, const struct prefix *address);

/* The name of the device that sockets of a link with @line are tied to when they are bound to @bind
 * (the wildcard: to nothing), "" for none.
 */
void line_device(const struct line *line, const struct endpoint *bind,
                 char ret[static IF_NAMESIZE]);

#endif
