/* SPDX-License-Identifier: MIT */
#include "sched/send_queue.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct send_ticket ticket_of(uint32_t packets, uint32_t packet_bytes, uint32_t last_bytes)
{
	return (struct send_ticket){
		.packets = packets, .packet_bytes = packet_bytes, .last_bytes = last_bytes};
}

Test(send_queue, counts_packets_and_bytes)
{
	struct send_ticket lone = ticket_of(1, 1400, 60), cut = ticket_of(3, 1400, 500);
	struct send_queue q = {0};

	send_queue_put(&q, &lone);
	send_queue_put(&q, &cut);
	cr_expect(eq(u64, q.packets, 4));
	cr_expect(eq(u64, q.bytes, 60 + 1400 + 1400 + 500));
}

Test(send_queue, gives_packet_by_packet_in_order)
{
	struct send_ticket cut = ticket_of(3, 1400, 500), lone = ticket_of(1, 0, 60);
	static const uint32_t lens[] = {1400, 1400, 500, 60};
	struct send_queue q = {0};

	send_queue_put(&q, &cut);
	send_queue_put(&q, &lone);
	for (unsigned i = 0; i < 4; i++) {
		struct send_ticket *expected = i < 3 ? &cut : &lone;

		cr_assert(q.first != NULL);
		cr_expect(eq(u32, send_ticket_next_bytes(q.first), lens[i]));
		cr_expect(send_queue_take(&q) == expected);
		cr_expect(eq(u32, expected->packets, i < 3 ? 2 - i : 0));
	}
	cr_expect(q.first == NULL);
	cr_expect(eq(u64, q.packets, 0));
	cr_expect(eq(u64, q.bytes, 0));
}

/* What was taken is the caller's: it may offer the same memory again. */
Test(send_queue, a_ticket_comes_back_after_its_last_packet)
{
	struct send_ticket ticket, other;
	struct send_queue q = {0};

	for (unsigned round = 0; round < 3; round++) {
		ticket = ticket_of(1, 0, 60);
		other = ticket_of(1, 0, 70);
		send_queue_put(&q, &ticket);
		send_queue_put(&q, &other);
		cr_expect(send_queue_take(&q) == &ticket);
		ticket = ticket_of(1, 0, 80);
		send_queue_put(&q, &ticket);
		cr_expect(send_queue_take(&q) == &other);
		cr_expect(send_queue_take(&q) == &ticket);
		cr_expect(eq(u64, q.bytes, 0));
	}
}
