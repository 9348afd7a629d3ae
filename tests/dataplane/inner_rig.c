/* SPDX-License-Identifier: MIT */
#include "inner_rig.h"

#include <string.h>

#include "../bytes_rig.h"
#include "base/bytes.h"

void rig_address(uint8_t *at, unsigned version, unsigned host)
{
	static const uint8_t net4[4] = {10}, net6[16] = {0xfd};
	size_t len = version == 4 ? sizeof net4 : sizeof net6;

	memcpy(at, version == 4 ? net4 : net6, len);
	at[len - 1] = (uint8_t)host;
}

size_t rig_packet(uint8_t *out, unsigned version, unsigned from, unsigned to, uint32_t seq,
                  size_t len)
{
	struct test_random random = {seq};
	size_t header = version == 4 ? 20 : 40;

	memset(out, 0, header);
	out[0] = (uint8_t)(version << 4 | (version == 4 ? 5 : 0));
	if (version == 4)
		store_be16(out + 2, (uint16_t)len);
	else
		store_be16(out + 4, (uint16_t)(len - header));
	rig_address(out + (version == 4 ? 12 : 8), version, from);
	rig_address(out + (version == 4 ? 16 : 24), version, to);
	store_be32(out + header, seq);
	for (size_t i = header + 4; i < len; i++)
		out[i] = (uint8_t)test_random_next(&random);
	return len;
}

size_t rig_flow_packet(uint8_t *out, unsigned from, unsigned to, uint32_t seq)
{
	struct test_random random = {~(uint64_t)seq};
	unsigned version = test_random_next(&random) % 4 ? 4 : 6;
	size_t len = RIG_PACKET_MIN + test_random_next(&random) % (RIG_MTU - RIG_PACKET_MIN + 1);

	return rig_packet(out, version, from, to, seq, len);
}

uint32_t rig_flow_seq(const uint8_t *packet, size_t len, unsigned from, unsigned to)
{
	uint8_t want[RIG_MTU];
	uint32_t seq;

	cr_assert(ge(sz, len, RIG_PACKET_MIN));
	seq = load_be32(packet + (packet[0] >> 4 == 4 ? 20 : 40));
	cr_assert(eq(sz, len, rig_flow_packet(want, from, to, seq)));
	cr_assert(eq(int, memcmp(packet, want, len), 0), "packet %u was changed", seq);
	return seq;
}
