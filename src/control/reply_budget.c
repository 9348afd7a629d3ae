/* SPDX-License-Identifier: MIT */
#include "control/reply_budget.h"

bool reply_budget_take(struct reply_budget *b, struct bucket *replies, enum frame_type type,
                       unsigned bytes, uint64_t now_ns)
{
	if (b->has_reply & 1u << type || bytes > b->bytes ||
	    !bucket_take(replies, REPLY_NS, REPLIES_BURST * REPLY_NS, now_ns))
		return false;
	b->has_reply |= 1u << type;
	b->bytes -= bytes;
	return true;
}
