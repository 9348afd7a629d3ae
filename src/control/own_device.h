/* SPDX-License-Identifier: MIT */
/* own_device.h - what others do to our TUN device, and when it gets back what it lost by that.
 *
 * The kernel takes the routes of a device that is set down, and its IPv6 addresses; a network
 * manager may flush what it does not know. Both would leave a tunnel that looks healthy and carries
 * nothing. So what the configuration asks for is put back, at most once per second: with a program
 * that takes it away each time there is no winning, only the log to tell. One thread (control).
 */
#ifndef CONTROL_OWN_DEVICE_H
#define CONTROL_OWN_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/netif_monitor.h"

/* All zero: up and whole. */
struct own_device {
	bool is_down;
	bool is_bare;         /* may lack something */
	uint64_t put_back_ns; /* when that was done last; 0 never */
};

/* What is to be said of it. */
enum own_device_change {
	OWN_DEVICE_AS_BEFORE,
	OWN_DEVICE_FELL,
	OWN_DEVICE_ROSE,
};

/* An event of our device, or a NETIF_RESYNC. */
enum own_device_change own_device_note(struct own_device *device, enum netif_event_kind kind);

/* When to put back what it lost: not before @now_ns; NEVER_NS: nothing to do now. */
uint64_t own_device_due_ns(const struct own_device *device, uint64_t now_ns);

/* It is being done. */
void own_device_put_back(struct own_device *device, uint64_t now_ns);

#endif
