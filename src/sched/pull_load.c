/* SPDX-License-Identifier: MIT */
#include "sched/pull_load.h"

void pull_load_sent(struct pull_load *l, uint64_t bytes, uint64_t now_ns)
{
	if (!l->first_ns)
		l->first_ns = now_ns;
	l->busy_bytes += bytes;
	if (l->busy_bytes > PULL_LOAD_BYTES)
		l->load_ns = now_ns;
}

bool pull_load_is(const struct pull_load *l, uint32_t bytes, uint64_t now_ns)
{
	if (bytes < PULL_SMALL)
		return false;
	return !l->first_ns || now_ns - l->first_ns < PULL_NEW_NS ||
	       (l->load_ns && now_ns - l->load_ns < PULL_LOAD_NS);
}
