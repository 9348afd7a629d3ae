/* SPDX-License-Identifier: MIT */
#include "dataplane/pumps.h"

#include <sys/eventfd.h>

void pumps_set(struct pumps *pumps, const struct dp_thread *self, struct alarm *alarm,
               uint64_t at_ns)
{
	/* The dispatcher itself looks before it sleeps. */
	if (alarm_set(alarm, &pumps->alarms, at_ns) && pumps->alarms.context != self)
		eventfd_write(pumps->wake_fd, 1);
}

uint64_t pumps_serve(struct pumps *pumps, uint64_t now_ns)
{
	uint64_t next_ns = alarms_take(&pumps->alarms);

	if (next_ns > now_ns)
		return next_ns;
	alarms_run(&pumps->alarms, now_ns);
	return alarms_take(&pumps->alarms);
}
