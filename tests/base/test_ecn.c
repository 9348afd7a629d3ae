/* SPDX-License-Identifier: MIT */
#include "base/ecn.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/bytes.h"

TestSuite(ecn, .timeout = 60);

enum {
	FIELDS = 4,
	V4_LEN = 20,
	V6_LEN = 40,
};

/* The sum over an IPv4 header by the book (RFC 1071); 0xffff: its checksum is right. */
static uint16_t sum_of(const uint8_t *header)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < V4_LEN; i += 2)
		sum += load_be16(header + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Of a packet with nothing behind it. */
static void build_v4(uint8_t *header, uint8_t tos, uint16_t id)
{
	static const uint8_t plain[V4_LEN] = {0x45, 0, 0,  20, 0, 0, 0x40, 0, 64, 17,
	                                      0,    0, 10, 0,  0, 1, 10,   0, 0,  2};

	memcpy(header, plain, V4_LEN);
	header[1] = tos;
	store_be16(header + 4, id);
	store_be16(header + 10, (uint16_t)~sum_of(header));
	cr_assert(eq(u16, sum_of(header), 0xffff));
}

static void expect_only_field_set_v4(uint8_t tos, uint16_t id, uint8_t ecn)
{
	uint8_t header[V4_LEN], want[V4_LEN];

	build_v4(header, tos, id);
	build_v4(want, (uint8_t)((tos & 0xfc) | ecn), id);
	ecn_set(header, ecn);
	cr_expect(eq(u8, ecn_of(header), ecn));
	/* 0 and 0xffff are the same sum: which of the two stands there is for RFC 1624 to say. */
	cr_expect(eq(u16, sum_of(header), 0xffff), "tos %x id %x ecn %u", tos, id, ecn);
	memcpy(want + 10, header + 10, 2);
	cr_expect(eq(int, memcmp(header, want, V4_LEN), 0));
}

/* Every value of the sum is met: the identification goes round. */
Test(ecn, field_of_ipv4_is_set_and_the_checksum_stays_right)
{
	for (unsigned id = 0; id <= UINT16_MAX; id++)
		expect_only_field_set_v4((uint8_t)(id >> 3), (uint16_t)id, id % FIELDS);
	for (unsigned tos = 0; tos <= UINT8_MAX; tos++) {
		for (uint8_t ecn = 0; ecn < FIELDS; ecn++)
			expect_only_field_set_v4((uint8_t)tos, 0x1234, ecn);
	}
}

/* Whoever gets the packet has to see it. */
Test(ecn, wrong_checksum_of_ipv4_stays_wrong_by_as_much)
{
	uint8_t header[V4_LEN];
	uint16_t wrong;

	build_v4(header, ECN_ECT_0, 7);
	header[10] ^= 0x10;
	wrong = sum_of(header);
	ecn_set(header, ECN_CE);
	cr_expect(eq(u16, sum_of(header), wrong));
}

Test(ecn, field_of_ipv6_is_set_and_nothing_else)
{
	for (unsigned class = 0; class <= UINT8_MAX; class ++) {
		for (uint8_t ecn = 0; ecn < FIELDS; ecn++) {
			uint8_t header[V6_LEN], want[V6_LEN];

			memset(header, 0xa5, sizeof header);
			store_be32(header, 6u << 28 | class << 20 | 0xedcba);
			memcpy(want, header, sizeof want);
			store_be32(want,
			           6u << 28 | (class & 0xfc) << 20 | (uint32_t)ecn << 20 | 0xedcba);
			cr_expect(eq(u8, ecn_of(header), class % FIELDS));
			ecn_set(header, ecn);
			cr_expect(eq(u8, ecn_of(header), ecn));
			cr_expect(eq(int, memcmp(header, want, sizeof want), 0));
		}
	}
}

/* RFC 6040, figure 4, as it is printed there: outer Not-ECT, ECT(0), ECT(1), CE. Of those that are
 * in no use, marked there with (!!!) or (!), the last column tells.
 */
Test(ecn, tunnel_ends_as_in_rfc_6040)
{
	static const uint8_t outer[FIELDS] = {ECN_NOT_ECT, ECN_ECT_0, ECN_ECT_1, ECN_CE};
	enum {
		DROP = 9,
	};
	static const struct {
		uint8_t inner, want[FIELDS];
		bool is_unexpected[FIELDS];
	} rows[] = {
		{ECN_NOT_ECT, {ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, DROP}, {0, 1, 1, 1}},
		{ECN_ECT_0, {ECN_ECT_0, ECN_ECT_0, ECN_ECT_1, ECN_CE}, {0, 0, 0, 0}},
		{ECN_ECT_1, {ECN_ECT_1, ECN_ECT_1, ECN_ECT_1, ECN_CE}, {0, 1, 0, 0}},
		{ECN_CE, {ECN_CE, ECN_CE, ECN_CE, ECN_CE}, {0, 0, 1, 0}},
	};

	for (unsigned row = 0; row < FIELDS; row++) {
		for (unsigned i = 0; i < FIELDS; i++) {
			struct ecn_outcome got = ecn_decapsulate(rows[row].inner, outer[i]);

			cr_expect(eq(int, got.is_dropped, rows[row].want[i] == DROP));
			cr_expect(eq(int, got.is_unexpected, rows[row].is_unexpected[i]));
			if (rows[row].want[i] != DROP)
				cr_expect(eq(u8, got.ecn, rows[row].want[i]), "row %u, column %u",
				          row, i);
		}
	}
}
