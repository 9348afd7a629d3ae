/* SPDX-License-Identifier: MIT */
/* interface.h - the TUN device that a configuration asks for: opened, with its MTU, addresses and
 * routes, and up.
 *
 * Nothing has to be undone: the kernel removes the device, and all that hangs on it, when its
 * descriptor is closed.
 */
#ifndef CONTROL_INTERFACE_H
#define CONTROL_INTERFACE_H

#include <net/if.h>

struct config;

/* Returns the descriptor, which the caller closes, with the device's name in @ret_name; or a
 * negative errno, logged: -EPERM without CAP_NET_ADMIN, -EBUSY when the device is in use, ...
 * Before threads start.
 */
int interface_open(const struct config *config, char ret_name[static IF_NAMESIZE]);

#endif
