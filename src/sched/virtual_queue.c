/* SPDX-License-Identifier: MIT */
#include "sched/virtual_queue.h"

#include "vtrunkd/limits.h"

#define ERRORS_MIN     4u                /* before that the least of them is not yet low */
#define CORRECTION_MIN (100 * NS_PER_US) /* less is noise */

static int64_t least_error(const struct virtual_queue *q)
{
	unsigned len = q->errors < VIRTUAL_QUEUE_ERRORS ? q->errors : VIRTUAL_QUEUE_ERRORS;
	int64_t least = q->error_ns[0];

	for (unsigned i = 1; i < len; i++) {
		if (q->error_ns[i] < least)
			least = q->error_ns[i];
	}
	return least;
}

static void correct(struct virtual_queue *q, int64_t by_ns, uint64_t now_ns)
{
	q->busy_ns = (q->busy_ns > now_ns ? q->busy_ns : now_ns) + (uint64_t)by_ns;
	q->corrected_ns += by_ns;
	for (unsigned i = 0; i < VIRTUAL_QUEUE_ERRORS; i++)
		q->error_ns[i] -= by_ns;
}

void virtual_queue_measured(struct virtual_queue *q, const struct virtual_queue_sample *sample,
                            uint64_t jitter_ns, bool may_shrink, uint64_t now_ns)
{
	int64_t by_ns, half = (int64_t)jitter_ns / 2;
	int64_t room_ns = (int64_t)virtual_queue_ns(q, now_ns);

	q->error_ns[q->errors++ % VIRTUAL_QUEUE_ERRORS] =
		sample->met_ns - sample->predicted_ns - (q->corrected_ns - sample->corrected_ns);
	if (q->errors < ERRORS_MIN)
		return;
	by_ns = least_error(q);
	if (by_ns > 0)
		by_ns = by_ns > half ? by_ns - half : 0;
	by_ns /= 2;
	if (by_ns < 0 && !may_shrink)
		return;
	if (by_ns < -room_ns)
		by_ns = -room_ns;
	if (by_ns >= (int64_t)CORRECTION_MIN || by_ns <= -(int64_t)CORRECTION_MIN)
		correct(q, by_ns, now_ns);
}
