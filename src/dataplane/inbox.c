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

void inbox_nudge(struct inbox *in)
{
	atomic_store(&in->is_nudged, true);
	wake(in);
}

static bool is_empty(struct inbox *in)
{
	return cds_wfcq_empty(&in->taken_head, &in->taken_tail) &&
	       cds_wfcq_empty(&in->head, &in->tail);
}

/* The taker has a reason to be awake. */
static bool has_news(struct inbox *in)
{
	return !is_empty(in) || atomic_load(&in->is_nudged);
}

/* Is not asleep meanwhile: whoever pushes spares the system call. False when nothing came. */
static bool look_for_work(struct inbox *in, uint64_t until_ns)
{
	uint64_t now_ns = clock_boot_ns(), end_ns = now_ns + in->busy_ns;

	if (until_ns < end_ns)
		end_ns = until_ns;
	for (; !has_news(in) && !atomic_load(&in->is_stopping) && now_ns < end_ns;
	     now_ns = clock_boot_ns()) {
		rcu_quiescent_state();
		caa_cpu_relax();
	}
	return has_news(in) || now_ns >= until_ns;
}

/* Until somebody wakes us, at the latest at @until_ns. The system knows no futex on boot time, so
 * the rest of the wait is asked for; what the machine is suspended for meanwhile comes on top,
 * once. False when it is over.
 */
static bool sleep_once(struct inbox *in, uint64_t until_ns)
{
	uint64_t now_ns = until_ns == NEVER_NS ? 0 : clock_boot_ns(), left_ns = until_ns - now_ns;
	struct timespec timeout = {.tv_sec = (time_t)(left_ns / NS_PER_S),
	                           .tv_nsec = (long)(left_ns % NS_PER_S)};

	if (now_ns >= until_ns)
		return false;
	rcu_thread_offline();
	syscall(SYS_futex, &in->is_asleep, FUTEX_WAIT_PRIVATE, 1,
	        until_ns == NEVER_NS ? NULL : &timeout, NULL, 0);
	rcu_thread_online();
	return true;
}

static bool is_done_sleeping(struct inbox *in)
{
	return has_news(in) || atomic_load(&in->is_stopping);
}

/* Until there are news: who gave them before may wake us only now, when we sleep again. */
static void sleep_until(struct inbox *in, uint64_t until_ns)
{
	do {
		atomic_store(&in->is_asleep, 1);
		cmm_smp_mb(); /* with the barrier in inbox_push(): one of the two sees the other */
	} while (!is_done_sleeping(in) && sleep_once(in, until_ns) && !is_done_sleeping(in));
	atomic_store_explicit(&in->is_asleep, 0, memory_order_relaxed);
}

bool inbox_wait_until(struct inbox *in, uint64_t until_ns)
{
	if (!in->busy_ns || !look_for_work(in, until_ns))
		sleep_until(in, until_ns);
	/* Before what was nudged for is looked at. */
	if (atomic_load_explicit(&in->is_nudged, memory_order_relaxed))
		atomic_exchange(&in->is_nudged, false);
	return !is_empty(in) || !atomic_load(&in->is_stopping);
}

void inbox_stop(struct inbox *in)
{
	atomic_store(&in->is_stopping, true);
	wake(in);
}
