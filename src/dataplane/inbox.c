/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/inbox.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "vtrunkd/limits.h"

void inbox_init(struct inbox *in, unsigned busy_poll_us)
{
	*in = (struct inbox){.busy_ns = busy_poll_us * NS_PER_US};
	__cds_wfcq_init(&in->head, &in->tail);
	__cds_wfcq_init(&in->taken_head, &in->taken_tail);
}

static void wake(struct inbox *in)
{
	if (atomic_load(&in->is_asleep) && atomic_exchange(&in->is_asleep, 0))
		syscall(SYS_futex, &in->is_asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void inbox_push(struct inbox *in, struct batch *b)
{
	cds_wfcq_node_init(&b->inbox_node);
	/* Relaxed: the queue's barrier orders it before the batch. */
	atomic_fetch_add_explicit(&in->pushed, 1, memory_order_relaxed);
	cds_wfcq_enqueue(&in->head, &in->tail, &b->inbox_node); /* a full barrier */
	wake(in);
}

/* One writer: no locked instruction. Release: with the load in inbox_load(). */
static void count_done(struct inbox *in)
{
	if (!in->is_working)
		return;
	in->is_working = false;
	atomic_store_explicit(&in->done, atomic_load_explicit(&in->done, memory_order_relaxed) + 1,
	                      memory_order_release);
}

struct batch *inbox_take(struct inbox *in)
{
	struct cds_wfcq_node *node;

	count_done(in);
	if (cds_wfcq_empty(&in->taken_head, &in->taken_tail))
		__cds_wfcq_splice_nonblocking(&in->taken_head, &in->taken_tail, &in->head,
		                              &in->tail);
	node = __cds_wfcq_dequeue_nonblocking(&in->taken_head, &in->taken_tail);
	if (!node || node == CDS_WFCQ_WOULDBLOCK)
		return NULL;
	in->is_working = true;
	return caa_container_of(node, struct batch, inbox_node);
}

static bool is_empty(struct inbox *in)
{
	return cds_wfcq_empty(&in->taken_head, &in->taken_tail) &&
	       cds_wfcq_empty(&in->head, &in->tail);
}

/* Is not asleep meanwhile: whoever pushes spares the system call. False when nothing came. */
static bool look_for_work(struct inbox *in)
{
	uint64_t end_ns = clock_boot_ns() + in->busy_ns;

	while (is_empty(in) && !atomic_load(&in->is_stopping) && clock_boot_ns() < end_ns) {
		rcu_quiescent_state();
		caa_cpu_relax();
	}
	return !is_empty(in);
}

bool inbox_wait(struct inbox *in)
{
	if (in->busy_ns && look_for_work(in))
		return true;
	atomic_store(&in->is_asleep, 1);
	cmm_smp_mb(); /* with the barrier in inbox_push(): one of the two sees the other */
	while (is_empty(in) && atomic_load(&in->is_asleep)) {
		if (atomic_load(&in->is_stopping))
			return false;
		rcu_thread_offline();
		syscall(SYS_futex, &in->is_asleep, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
		rcu_thread_online();
	}
	atomic_store_explicit(&in->is_asleep, 0, memory_order_relaxed);
	return !is_empty(in) || !atomic_load(&in->is_stopping);
}

void inbox_stop(struct inbox *in)
{
	atomic_store(&in->is_stopping, true);
	wake(in);
}
