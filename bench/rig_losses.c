/* SPDX-License-Identifier: MIT */
#include "bench/rig_losses.h"

#include <linux/sock_diag.h>
#include <stdio.h>
#include <sys/socket.h>

#include "bench/rig.h"
#include "dataplane/statistics.h"

/* What the kernel dropped before the engine could take it. */
static uint32_t socket_drops(const struct rig_end *end, unsigned links)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < links; i++) {
		uint32_t info[SK_MEMINFO_VARS] = {0};
		socklen_t len = sizeof info;

		if (!getsockopt(engine_link(end->engine, i)->data_fd, SOL_SOCKET, SO_MEMINFO, info,
		                &len))
			sum += info[SK_MEMINFO_DROPS];
	}
	return sum;
}

void rig_losses_describe(const struct rig *rig, char *text, size_t size)
{
	static const char *const names[] = {"sender", "receiver"};
	FILE *out = fmemopen(text, size, "w");
	const char *separator = "";

	if (!out)
		return;
	for (unsigned role = 0; role < RIG_ENDS; role++) {
		const struct rig_end *end = &rig->end[role];
		uint32_t lost = socket_drops(end, rig->set.links);

		for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
			uint64_t packets = engine_drops(end->engine, i);

			if (packets) {
				fprintf(out, "%s%s %s %ju", separator, names[role], drop_name(i),
				        (uintmax_t)packets);
				separator = ", ";
			}
		}
		if (lost) {
			fprintf(out, "%s%s sockets %u", separator, names[role], lost);
			separator = ", ";
		}
	}
	fclose(out);
}
