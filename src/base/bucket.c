/* SPDX-License-Identifier: MIT */
#include "base/bucket.h"

static uint64_t full_at(const struct bucket *b, uint64_t now_ns)
{
	return b->full_at_ns > now_ns ? b->full_at_ns : now_ns;
}

uint64_t bucket_ready_ns(const struct bucket *b, uint64_t worth_ns, uint64_t room_ns,
                         uint64_t now_ns)
{
	uint64_t after_ns = full_at(b, now_ns) + worth_ns; /* full again, had it been taken now */

	return after_ns > now_ns + room_ns ? after_ns - room_ns : now_ns;
}

bool bucket_take(struct bucket *b, uint64_t worth_ns, uint64_t room_ns, uint64_t now_ns)
{
	if (bucket_ready_ns(b, worth_ns, room_ns, now_ns) > now_ns)
		return false;
	bucket_charge(b, worth_ns, now_ns);
	return true;
}

void bucket_charge(struct bucket *b, uint64_t worth_ns, uint64_t now_ns)
{
	b->full_at_ns = full_at(b, now_ns) + worth_ns;
}
