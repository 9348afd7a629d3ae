/* SPDX-License-Identifier: MIT */
/* Payloads become datagrams: numbers, padding, ciphertext. */
#include "outbound_rig.h"

TestSuite(seal, .init = outbound_setup, .fini = outbound_teardown, .timeout = 60);

Test(seal, packets_are_numbered_in_order_and_padded_up_to_the_mtu)
{
	static const struct {
		size_t packet, payload;
	} cases[] = {{48, 48},     {49, 64},     {63, 64},     {64, 64},    {65, 80},
	             {1403, 1408}, {1408, 1408}, {1409, 1420}, {1420, 1420}};
	uint8_t packet[RIG_MTU], payload[RIG_DATAGRAM];

	begin_session(true, 0);
	rig_start(&ours);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t counter;

		rig_packet(packet, i % 2 ? 4 : 6, HERE, THERE, i, cases[i].packet);
		cr_assert(rig_write(&ours, packet, cases[i].packet));
		cr_expect(eq(sz, rig_unseal(far[0], INDEX_THERE, &counter, payload),
		             cases[i].payload));
		cr_expect(eq(u64, counter, i));
		ASSERT_BYTES(payload, packet, cases[i].packet);
		for (size_t k = cases[i].packet; k < cases[i].payload; k++)
			cr_expect(eq(u8, payload[k], 0));
	}
}
