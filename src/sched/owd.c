/* SPDX-License-Identifier: MIT */
#include "sched/owd.h"

static void put_into_slot(struct owd *o, int64_t owd_ns, uint64_t now_ns)
{
	if (!o->slots || now_ns - o->slot_at_ns >= OWD_SLOT_NS) {
		o->slot = o->slots ? (o->slot + 1) % OWD_SLOTS : 0;
		o->slots += o->slots < OWD_SLOTS;
		o->slot_at_ns = now_ns;
		o->least_ns[o->slot] = owd_ns;
	}
	if (owd_ns < o->least_ns[o->slot])
		o->least_ns[o->slot] = owd_ns;
}

static int64_t least_of(const int64_t *value, unsigned len)
{
	int64_t least = value[0];

	for (unsigned i = 1; i < len; i++) {
		if (value[i] < least)
			least = value[i];
	}
	return least;
}

static int64_t base_of(const struct owd *o)
{
	int64_t base = least_of(o->least_ns, o->slots), clean;

	if (o->clean < OWD_CLEAN_MIN)
		return base;
	clean = least_of(o->clean_ns, o->clean < OWD_CLEAN_KEPT ? o->clean : OWD_CLEAN_KEPT);
	if (clean > base + (int64_t)OWD_LIFT_MAX_NS)
		clean = base + (int64_t)OWD_LIFT_MAX_NS;
	return clean > base ? clean : base;
}

static void note_jitter(struct owd *o, int64_t owd_ns)
{
	uint64_t step_ns =
		(uint64_t)(owd_ns > o->last_ns ? owd_ns - o->last_ns : o->last_ns - owd_ns);

	if (o->is_known)
		o->jitter_ns = (15 * o->jitter_ns + step_ns) / 16;
}

bool owd_sample(struct owd *o, int64_t owd_ns, bool is_clean, uint64_t now_ns)
{
	int64_t surprised_ns = o->base_ns + (int64_t)(OWD_SURPRISED_NS + o->jitter_ns);
	bool is_surprising = is_clean && o->is_known && owd_ns > surprised_ns;

	put_into_slot(o, owd_ns, now_ns);
	if (is_clean)
		o->clean_ns[o->clean++ % OWD_CLEAN_KEPT] = owd_ns;
	note_jitter(o, owd_ns);
	o->is_known = true;
	o->last_ns = owd_ns;
	o->base_ns = base_of(o);
	return is_surprising;
}
