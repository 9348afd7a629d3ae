/* SPDX-License-Identifier: MIT */
#include "sched/epochs.h"

/* So long without anything of the newest keypair, and another one is not merely late. */
#define SILENT_NS RESEQ_WAIT_MAX_NS

static bool is_epoch(const struct epoch *e, uint64_t born_ns, uint32_t index)
{
	return e->born_ns == born_ns && e->index == index;
}

static bool is_younger(const struct epochs *e, uint64_t born_ns, uint32_t index)
{
	return born_ns > e->youngest_born_ns ||
	       (born_ns == e->youngest_born_ns && index > e->youngest_index);
}

/* Gives the numbers from @first on the places behind all that came. What is held stays. */
static void begin(struct epochs *e, struct reseq *r, uint64_t born_ns, uint32_t index,
                  uint64_t first)
{
	uint64_t place = e->newest.born_ns ? reseq_begin(r) : first;

	e->older = e->newest;
	e->older.end = place;
	e->newest = (struct epoch){.born_ns = born_ns,
	                           .index = index,
	                           .first = first,
	                           .offset = place - first,
	                           .end = UINT64_MAX};
	if (is_younger(e, born_ns, index)) {
		e->youngest_born_ns = born_ns;
		e->youngest_index = index;
	}
}

bool epochs_place_other(struct epochs *e, struct reseq *r, uint64_t born_ns, uint32_t index,
                        uint64_t seq, uint64_t now_ns, uint64_t *ret_place)
{
	bool is_silent = now_ns > e->heard_ns + SILENT_NS;

	if (is_younger(e, born_ns, index))
		begin(e, r, born_ns, index, 0);
	else if (is_silent)
		begin(e, r, born_ns, index, seq);
	else if (is_epoch(&e->older, born_ns, index)) {
		*ret_place = seq + e->older.offset;
		return seq >= e->older.first && *ret_place < e->older.end;
	} else {
		return false;
	}
	return epochs_place(e, r, born_ns, index, seq, now_ns, ret_place);
}
