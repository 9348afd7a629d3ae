/* SPDX-License-Identifier: MIT */
#include "control/doubt.h"

#include "vtrunkd/limits.h"

#define LEAST_NS    (100 * NS_PER_MS)
#define REFUTED_MAX 8u
#define QUIET_NS    (60 * NS_PER_S)

/* What became of the last one, @since_ns ago. */
static void judge(struct doubt *d, uint64_t answered_ns, uint64_t fell_ns, uint64_t since_ns)
{
	uint64_t quiet = since_ns / QUIET_NS;

	d->refuted = quiet < 32 ? d->refuted >> quiet : 0;
	if (fell_ns >= d->at_ns)
		d->refuted = 0;
	else if (answered_ns > d->at_ns && d->refuted < REFUTED_MAX)
		d->refuted++;
}

bool doubt_take(struct doubt *d, uint64_t answered_ns, uint64_t fell_ns, uint64_t now_ns)
{
	uint64_t since_ns = now_ns - d->at_ns;

	if (d->count && since_ns < LEAST_NS << d->refuted)
		return false;
	if (d->count)
		judge(d, answered_ns, fell_ns, since_ns);
	d->count++;
	d->at_ns = now_ns;
	return true;
}
