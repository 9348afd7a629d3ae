/* SPDX-License-Identifier: MIT */
#include "control/own_device.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/limits.h"

#define AT (1000 * NS_PER_S)

static struct own_device device; /* all zero in each test */

Test(own_device, nothing_is_due_at_first)
{
	cr_expect(eq(u64, own_device_due_ns(&device, AT), NEVER_NS));
	cr_expect(eq(int, own_device_note(&device, NETIF_LINK_UP), OWN_DEVICE_AS_BEFORE));
	cr_expect(eq(int, own_device_note(&device, NETIF_ADDRESS_ADDED), OWN_DEVICE_AS_BEFORE));
	cr_expect(eq(u64, own_device_due_ns(&device, AT), NEVER_NS));
}

Test(own_device, is_made_whole_when_it_is_up_again_and_not_before)
{
	cr_expect(eq(int, own_device_note(&device, NETIF_LINK_DOWN), OWN_DEVICE_FELL));
	cr_expect(eq(int, own_device_note(&device, NETIF_LINK_DOWN), OWN_DEVICE_AS_BEFORE));
	own_device_note(&device, NETIF_ADDRESS_REMOVED); /* goes with it */
	cr_expect(eq(u64, own_device_due_ns(&device, AT), NEVER_NS));
	cr_expect(eq(int, own_device_note(&device, NETIF_LINK_UP), OWN_DEVICE_ROSE));
	cr_expect(eq(u64, own_device_due_ns(&device, AT), AT));
	own_device_put_back(&device, AT);
	cr_expect(eq(u64, own_device_due_ns(&device, AT), NEVER_NS));
}

Test(own_device, lost_address_is_put_back_while_it_is_up)
{
	cr_expect(eq(int, own_device_note(&device, NETIF_ADDRESS_REMOVED), OWN_DEVICE_AS_BEFORE));
	cr_expect(eq(u64, own_device_due_ns(&device, AT), AT));
}

Test(own_device, who_takes_it_away_each_time_is_answered_once_per_second)
{
	for (uint64_t i = 0; i < 20; i++) {
		uint64_t due;

		own_device_note(&device, NETIF_ADDRESS_REMOVED);
		due = own_device_due_ns(&device, AT + i);
		cr_expect(eq(u64, due, i ? AT + i * NS_PER_S : AT));
		own_device_put_back(&device, due);
	}
}

Test(own_device, lost_events_may_have_been_about_it)
{
	cr_expect(eq(int, own_device_note(&device, NETIF_RESYNC), OWN_DEVICE_AS_BEFORE));
	cr_expect(eq(u64, own_device_due_ns(&device, AT), AT));
}
