/* SPDX-License-Identifier: MIT */
#include "control/own_device.h"

#include "vtrunkd/limits.h"

#define PUT_BACK_INTERVAL_NS NS_PER_S

enum own_device_change own_device_note(struct own_device *device, enum netif_event_kind kind)
{
	bool was_down = device->is_down;

	switch (kind) {
	case NETIF_LINK_DOWN:
		device->is_down = true;
		return was_down ? OWN_DEVICE_AS_BEFORE : OWN_DEVICE_FELL;
	case NETIF_LINK_UP:
		device->is_down = false;
		device->is_bare |= was_down;
		return was_down ? OWN_DEVICE_ROSE : OWN_DEVICE_AS_BEFORE;
	case NETIF_ADDRESS_REMOVED:
	case NETIF_RESYNC:
		device->is_bare = true;
		return OWN_DEVICE_AS_BEFORE;
	default:
		return OWN_DEVICE_AS_BEFORE;
	}
}

uint64_t own_device_due_ns(const struct own_device *device, uint64_t now_ns)
{
	uint64_t next_ns = device->put_back_ns ? device->put_back_ns + PUT_BACK_INTERVAL_NS : 0;

	if (device->is_down || !device->is_bare)
		return NEVER_NS;
	return next_ns > now_ns ? next_ns : now_ns;
}

void own_device_put_back(struct own_device *device, uint64_t now_ns)
{
	device->is_bare = false;
	device->put_back_ns = now_ns;
}
