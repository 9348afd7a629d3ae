/* SPDX-License-Identifier: MIT */
#include "sched/overflow.h"

/* Of times of at most a second. */
static uint64_t bytes_in(uint64_t ns, uint64_t bytes_per_s)
{
	return bytes_per_s * (ns / NS_PER_US) / (NS_PER_S / NS_PER_US);
}

static void drain(struct overflow *o, uint64_t bytes_per_s, uint64_t now_ns)
{
	uint64_t since_ns = now_ns > o->seen_ns ? now_ns - o->seen_ns : 0;
	uint64_t gone = since_ns < NS_PER_S ? bytes_in(since_ns, bytes_per_s) : UINT64_MAX;

	if (gone >= o->left_bytes + o->waiting_bytes) { /* there was a moment with nothing to do */
		o->full_ns = 0;
		o->is_open = false;
	}
	o->left_bytes -= gone < o->left_bytes ? gone : o->left_bytes;
	o->seen_ns = now_ns;
}

static void charge(struct overflow *o, uint64_t bytes_per_s)
{
	uint64_t most = bytes_in(OVERFLOW_MOST_NS, bytes_per_s);

	o->left_bytes += o->sent_bytes - o->seen_bytes;
	o->seen_bytes = o->sent_bytes;
	if (o->left_bytes > most)
		o->left_bytes = most;
}

void overflow_look(struct overflow *o, uint64_t waiting_bytes, uint64_t bytes_per_s,
                   uint64_t now_ns)
{
	if (o->seen_ns && now_ns - o->seen_ns < OVERFLOW_LOOK_NS)
		return;
	drain(o, bytes_per_s, now_ns);
	charge(o, bytes_per_s);
	o->waiting_bytes = waiting_bytes;
	if (!bytes_per_s ||
	    o->left_bytes + waiting_bytes <= bytes_in(OVERFLOW_LEAST_NS, bytes_per_s)) {
		o->full_ns = 0;
		o->is_open = false;
		return;
	}
	if (!o->full_ns)
		o->full_ns = now_ns;
	o->is_open |= now_ns - o->full_ns >= OVERFLOW_AFTER_NS;
}
