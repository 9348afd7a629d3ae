/* SPDX-License-Identifier: MIT */
/* interface.h - the TUN device that a configuration asks for: opened, with its MTU, addresses and
 * routes, and up.
 *
 * Where IPv6 is off its addresses and routes are left out, with a warning.
 *
 * Nothing has to be undone: the kernel removes the device, and all that hangs on it, when its
 * descriptors are closed.
 */
#ifndef CONTROL_INTERFACE_H
#define CONTROL_INTERFACE_H

struct desired;
struct interface_plan;
struct netif;
struct route_changes;
struct tun;

/* Fills @ret_tun, which the caller closes, with a queue for each dispatcher that @workers need.
 * Returns 0 or a negative errno, logged: -EPERM or -EACCES without CAP_NET_ADMIN, -EBUSY when the
 * device is in use, ... Before threads start.
 */
int interface_open(const struct desired *config, unsigned workers, struct tun *ret_tun);

/* Adds those addresses and routes that the device called @name has lost, and logs how many, or what
 * cannot be put back. It should be up. Control.
 */
void interface_put_back(const struct interface_plan *plan, const char *name);

/* Sets and removes routes of the device that @netif was opened for, or could not be, and which is
 * to have @plan from now on. Those that others set stay. Logs how many, and what fails; the rest is
 * done all the same. Control.
 */
void interface_change_routes(const struct interface_plan *plan, const struct route_changes *changes,
                             const struct netif *netif);

#endif
