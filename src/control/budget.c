/* SPDX-License-Identifier: MIT */
#include "control/budget.h"

bool budget_has(const struct budget *b, uint64_t now_ns)
{
	return bucket_ready_ns(&b->bucket, 1, BUDGET_ROOM_NS, now_ns) <= now_ns;
}

uint64_t budget_back_ns(const struct budget *b, uint64_t now_ns)
{
	return bucket_ready_ns(&b->bucket, BUDGET_ROOM_NS / 2, BUDGET_ROOM_NS, now_ns);
}

void budget_charge(struct budget *b, uint64_t cpu_ns, uint64_t now_ns)
{
	bucket_charge(&b->bucket, cpu_ns * 100 / BUDGET_PERCENT, now_ns);
}
