/* SPDX-License-Identifier: MIT */
/* Who sets an alarm writes when it is to ring and then reads when the worker looks; the worker
 * writes when it looks and then reads when the alarm is to ring. Both are sequentially consistent,
 * so one of the two sees the other, and no alarm is too late.
 */
#include "dataplane/alarms.h"

#include <stddef.h>

void alarm_init(struct alarm *alarm, const struct alarm_kind *kind)
{
	*alarm = (struct alarm){.kind = kind};
	atomic_init(&alarm->at_ns, NEVER_NS);
	atomic_init(&alarm->look_ns, NEVER_NS);
}

/* Once, until the worker has taken it in. Queued it is held. */
static bool tell(struct alarm *alarm, struct alarms *alarms)
{
	if (atomic_exchange(&alarm->is_told, true))
		return false; /* the worker reads the time after it took it out */
	if (!alarm->kind->hold(alarm)) {
		atomic_store_explicit(&alarm->is_told, false, memory_order_relaxed);
		return false;
	}
	cds_wfcq_node_init(&alarm->told_node);
	cds_wfcq_enqueue(&alarms->told_head, &alarms->told_tail, &alarm->told_node);
	return true;
}

bool alarm_set(struct alarm *alarm, struct alarms *alarms, uint64_t at_ns)
{
	if (at_ns == NEVER_NS) {
		alarm_unset(alarm);
		return false;
	}
	atomic_store(&alarm->at_ns, at_ns);
	return at_ns < atomic_load(&alarm->look_ns) && tell(alarm, alarms);
}

/* Nobody looks at it any more, until that is told anew. */
static void rest(struct alarm *alarm)
{
	atomic_store(&alarm->look_ns, NEVER_NS);
}

/* When to look at it, not before @earliest_ns: made known before the time of the alarm is read for
 * good.
 */
static uint64_t agree(struct alarm *alarm, uint64_t earliest_ns)
{
	uint64_t at_ns = atomic_load(&alarm->at_ns), look_ns;

	do {
		look_ns = at_ns < earliest_ns ? earliest_ns : at_ns;
		atomic_store(&alarm->look_ns, look_ns);
		at_ns = atomic_load(&alarm->at_ns);
	} while (at_ns < look_ns && look_ns > earliest_ns);
	return look_ns;
}

/* Has it looked at when it is time, and lets go of it if that is never. It is held once. */
static void keep(struct alarms *alarms, struct alarm *alarm, uint64_t earliest_ns)
{
	uint64_t look_ns = agree(alarm, earliest_ns);

	if (deadline_set(&alarms->heap, &alarm->deadline, look_ns)) {
		/* More than there is room for. */
		rest(alarm);
		alarm->kind->ring(alarm, alarms->context, look_ns);
	}
	if (!deadline_is_set(&alarm->deadline))
		alarm->kind->release(alarm);
}

static void look(struct deadline *d, uint64_t now_ns)
{
	struct alarm *alarm = caa_container_of(d, struct alarm, deadline);
	uint64_t earliest_ns = 0;

	if (atomic_load(&alarm->at_ns) <= now_ns) {
		alarm->kind->ring(alarm, alarm->keeper->context, now_ns);
		if (atomic_load(&alarm->at_ns) <= now_ns)
			earliest_ns = now_ns + ALARM_AGAIN_NS;
	}
	keep(alarm->keeper, alarm, earliest_ns);
}

int alarms_init(struct alarms *alarms, unsigned count, void *context)
{
	*alarms = (struct alarms){.context = context};
	__cds_wfcq_init(&alarms->told_head, &alarms->told_tail);
	deadline_heap_init(&alarms->heap);
	return deadline_reserve(&alarms->heap, count);
}

void alarms_fini(struct alarms *alarms)
{
	alarms_clear(alarms);
	deadline_heap_fini(&alarms->heap);
}

/* The next that was told of; NULL also while one is half queued: the wake-up is still to come. */
static struct alarm *next_told(struct alarms *alarms)
{
	struct cds_wfcq_node *node =
		__cds_wfcq_dequeue_nonblocking(&alarms->told_head, &alarms->told_tail);
	struct alarm *alarm;

	if (!node || node == CDS_WFCQ_WOULDBLOCK)
		return NULL;
	alarm = caa_container_of(node, struct alarm, told_node);
	/* An exchange: what is read from here on is not older than what was told. */
	atomic_exchange(&alarm->is_told, false);
	return alarm;
}

uint64_t alarms_take(struct alarms *alarms)
{
	struct alarm *alarm;

	while ((alarm = next_told(alarms))) {
		alarm->keeper = alarms;
		alarm->deadline.expired = look;
		if (deadline_is_set(&alarm->deadline))
			alarm->kind->release(alarm); /* held once more than needed */
		keep(alarms, alarm, 0);
	}
	return deadline_next_ns(&alarms->heap);
}

void alarms_run(struct alarms *alarms, uint64_t now_ns)
{
	deadline_run(&alarms->heap, now_ns);
}

void alarms_clear(struct alarms *alarms)
{
	struct alarm *alarm;

	if (!alarms->told_tail.p)
		return;
	while ((alarm = next_told(alarms)))
		alarm->kind->release(alarm);
	while (alarms->heap.count) {
		alarm = caa_container_of(alarms->heap.slots[0], struct alarm, deadline);
		deadline_cancel(&alarms->heap, &alarm->deadline);
		rest(alarm);
		alarm->kind->release(alarm);
	}
}
