/* SPDX-License-Identifier: MIT */
/* reach.h - could a datagram leave for an address over one of our links?
 *
 * The system is asked for the route and the source address it would take, as it would be for a
 * datagram of that link; nothing is sent. Some 20 us, with a device 100 us. Any thread.
 */
#ifndef CONTROL_REACH_H
#define CONTROL_REACH_H

#include <stdbool.h>

#include "control/line.h"

/* False without a route, without the link's own address or device, and without a source address of
 * the destination's family that is worth anything there: on the link's device if it has one, and no
 * link-local one for an address beyond the link. (Without an address on the device Linux would take
 * one of another device for IPv4, and assume that everything is on the link.)
 */
bool reach_is_possible(const struct line *from, const struct endpoint *remote);

#endif
