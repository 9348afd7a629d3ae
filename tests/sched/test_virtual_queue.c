/* SPDX-License-Identifier: MIT */
#include "sched/virtual_queue.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/limits.h"

#define START_NS (1000 * NS_PER_S)
#define MS(n)    ((int64_t)(n) * (int64_t)NS_PER_MS)

static struct virtual_queue queue;

/* A packet that met @met_ms, where @predicted_ms were expected when it left. */
static void measured(int64_t met_ms, int64_t predicted_ms, int64_t corrected_ns, uint64_t jitter_ns)
{
	const struct virtual_queue_sample sample = {MS(met_ms), MS(predicted_ms), corrected_ns};

	virtual_queue_measured(&queue, &sample, jitter_ns, true, START_NS);
}

Test(virtual_queue, grows_by_what_is_sent_and_drains_with_time)
{
	virtual_queue_add(&queue, 3 * NS_PER_MS, START_NS);
	virtual_queue_add(&queue, 2 * NS_PER_MS, START_NS);
	cr_expect(eq(u64, virtual_queue_ns(&queue, START_NS), 5 * NS_PER_MS));
	cr_expect(eq(u64, virtual_queue_ns(&queue, START_NS + 4 * NS_PER_MS), NS_PER_MS));
	cr_expect(eq(u64, virtual_queue_ns(&queue, START_NS + NS_PER_S), 0));
	virtual_queue_add(&queue, NS_PER_MS, START_NS + NS_PER_S);
	cr_expect(eq(u64, virtual_queue_ns(&queue, START_NS + NS_PER_S), NS_PER_MS), "no debt");
}

Test(virtual_queue, is_corrected_towards_what_packets_met)
{
	virtual_queue_add(&queue, 2 * NS_PER_MS, START_NS);
	for (unsigned i = 0; i < 40; i++)
		measured(10, 2, 0, 0);
	int64_t off_ns = queue.corrected_ns - MS(8);
	cr_expect(off_ns < MS(1) && off_ns > -MS(1), "%ld", (long)off_ns);
}

Test(virtual_queue, corrections_made_meanwhile_are_no_error)
{
	virtual_queue_add(&queue, 2 * NS_PER_MS, START_NS);
	for (unsigned i = 0; i < 4; i++)
		measured(10, 2, 0, 0);
	int64_t corrected_ns = queue.corrected_ns;
	cr_assert(corrected_ns > 0);
	/* Sent after the correction: predicted with it, and met just that. */
	for (unsigned i = 0; i < 8; i++) {
		const struct virtual_queue_sample sample = {MS(2) + corrected_ns,
		                                            MS(2) + corrected_ns, corrected_ns};
		virtual_queue_measured(&queue, &sample, 0, true, START_NS);
	}
	cr_expect(queue.corrected_ns <= corrected_ns, "no second time");
}

Test(virtual_queue, a_single_packet_held_up_proves_nothing)
{
	virtual_queue_add(&queue, 5 * NS_PER_MS, START_NS);
	for (unsigned i = 0; i < 20; i++)
		measured(i % 3 == 0 ? 2 : 30, 2, 0, 0);
	cr_expect(eq(i64, queue.corrected_ns, 0));
}

Test(virtual_queue, half_the_jitter_is_not_believed)
{
	virtual_queue_add(&queue, 5 * NS_PER_MS, START_NS);
	for (unsigned i = 0; i < 20; i++)
		measured(6, 2, 0, 8 * NS_PER_MS);
	cr_expect(eq(i64, queue.corrected_ns, 0));
}

Test(virtual_queue, never_gets_shorter_than_empty)
{
	virtual_queue_add(&queue, 3 * NS_PER_MS, START_NS);
	for (unsigned i = 0; i < 20; i++)
		measured(0, 50, 0, 0);
	cr_expect(eq(u64, virtual_queue_ns(&queue, START_NS), 0));
	cr_expect(eq(i64, queue.corrected_ns, -MS(3)));
}

Test(virtual_queue, does_not_shrink_where_a_path_throws_away)
{
	const struct virtual_queue_sample sample = {0, MS(50), 0};

	virtual_queue_add(&queue, 3 * NS_PER_MS, START_NS);
	for (unsigned i = 0; i < 20; i++)
		virtual_queue_measured(&queue, &sample, 0, false, START_NS);
	cr_expect(eq(u64, virtual_queue_ns(&queue, START_NS), 3 * NS_PER_MS));
}
