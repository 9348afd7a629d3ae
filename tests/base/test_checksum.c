/* SPDX-License-Identifier: MIT */
#include "base/checksum.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

TestSuite(checksum, .timeout = 60);

#define LONGEST 70000u

static void seed_random(unsigned seed)
{
	fprintf(stderr, "seed %u\n", seed);
	srand(seed);
}

static void fill_random(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(rand() >> 7);
}

/* The oracle: RFC 1071's definition, word by word and carry by carry, as a number. */
static uint16_t slow_sum(uint16_t sum, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i += 2) {
		uint32_t word = (uint32_t)at[i] << 8 | (i + 1 < len ? at[i + 1] : 0);
		uint32_t next = sum + word;

		sum = (uint16_t)(next > 0xffff ? next - 0xffff : next);
	}
	return sum;
}

static uint16_t fast_sum(const uint8_t *at, size_t len)
{
	return be16toh(checksum_fold(checksum_add(0, at, len)));
}

Test(checksum, example_of_rfc_1071_gives_its_sum)
{
	static const uint8_t example[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	cr_assert(eq(u16, slow_sum(0, example, sizeof example), 0xddf2));
	cr_assert(eq(u16, fast_sum(example, sizeof example), 0xddf2));
}

Test(checksum, folded_sum_is_in_the_byte_order_of_memory)
{
	static const uint8_t word[] = {0x12, 0x34};
	uint16_t folded = checksum_fold(checksum_add(0, word, sizeof word));

	cr_assert(eq(int, memcmp(&folded, word, sizeof word), 0));
}

Test(checksum, agrees_with_the_oracle_at_every_short_length_and_alignment)
{
	uint8_t bytes[200 + 16];

	seed_random(1);
	for (size_t len = 0; len <= 200; len++) {
		for (size_t offset = 0; offset < 16; offset++) {
			fill_random(bytes, sizeof bytes);
			cr_expect(eq(u16, fast_sum(bytes + offset, len),
			             slow_sum(0, bytes + offset, len)),
			          "%zu bytes at %zu", len, offset);
		}
	}
}

/* From malloc(), so that a byte read too much is seen. */
Test(checksum, reads_no_byte_beyond_the_end)
{
	for (size_t len = 1; len <= 100; len++) {
		uint8_t *bytes = malloc(len);

		cr_assert(ne(ptr, bytes, NULL));
		memset(bytes, 0x5a, len);
		cr_expect(eq(u16, fast_sum(bytes, len), slow_sum(0, bytes, len)));
		free(bytes);
	}
}

Test(checksum, agrees_with_the_oracle_on_long_random_data)
{
	static uint8_t bytes[LONGEST];

	seed_random(2);
	fill_random(bytes, sizeof bytes);
	for (unsigned i = 0; i < 500; i++) {
		size_t offset = (size_t)rand() % 64;
		size_t len = (size_t)rand() % (LONGEST - offset);

		cr_expect(eq(u16, fast_sum(bytes + offset, len), slow_sum(0, bytes + offset, len)),
		          "%zu bytes at %zu", len, offset);
	}
}

/* All ones is where every addition carries; a single other byte shows which one got lost. */
Test(checksum, carries_of_every_word_come_round)
{
	static uint8_t bytes[2048];

	for (size_t len = 0; len <= sizeof bytes; len += len < 140 ? 1 : 127) {
		memset(bytes, 0xff, len);
		cr_expect(eq(u16, fast_sum(bytes, len), slow_sum(0, bytes, len)), "%zu ones", len);
		for (size_t odd = 0; odd < len; odd += len < 140 ? 1 : 31) {
			bytes[odd] = 0x01;
			cr_expect(eq(u16, fast_sum(bytes, len), slow_sum(0, bytes, len)),
			          "%zu ones, other at %zu", len, odd);
			bytes[odd] = 0xff;
		}
	}
}

Test(checksum, sum_of_anything_but_zeros_never_folds_to_zero)
{
	static const uint64_t sums[] = {1,
	                                0xffff,
	                                0x10000,
	                                0xffff0000,
	                                0xffffffff,
	                                0x100000000,
	                                0x2fffe,
	                                0x1fffffffe,
	                                0xffff000000000000,
	                                0xfffffffffffffffe,
	                                0xffffffffffffffff,
	                                0x8000800080008000,
	                                0xfffeffffffffffff};

	cr_expect(eq(u16, checksum_fold(0), 0));
	for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
		/* modulo 65535, and 65535 instead of 0 */
		uint16_t expected = (uint16_t)((sums[i] - 1) % 65535 + 1);

		cr_expect(eq(u16, checksum_fold(sums[i]), expected), "%#" PRIx64, sums[i]);
	}
	seed_random(3);
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t sum = (uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand();

		sum |= rand() & 1 ? UINT64_MAX << (rand() % 64) : 1;
		cr_assert(eq(u16, checksum_fold(sum), (uint16_t)((sum - 1) % 65535 + 1)),
		          "%#" PRIx64, sum);
	}
}

Test(checksum, pieces_of_even_length_add_up_to_the_whole)
{
	uint8_t bytes[600];

	seed_random(4);
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = (size_t)rand() % sizeof bytes, at = 0;
		uint64_t sum = 0;

		if (i % 4)
			fill_random(bytes, len);
		else
			memset(bytes, 0xff, len);
		while (at < len) {
			size_t piece = (size_t)rand() % 100 * 2;

			piece = piece < len - at ? piece : len - at;
			sum = checksum_add(sum, bytes + at, piece);
			at += piece;
		}
		cr_assert(eq(u16, be16toh(checksum_fold(sum)), slow_sum(0, bytes, len)));
	}
}

Test(checksum, a_full_partial_sum_carries_into_the_next_piece)
{
	static const uint8_t piece[40] = {[0] = 0x80, [7] = 1, [8] = 0xff, [39] = 0xff};
	static const uint64_t before[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX << 32, 1ull << 63};

	for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
		for (size_t len = 0; len <= sizeof piece; len++) {
			uint16_t sum = be16toh(checksum_fold(before[i]));

			cr_expect(eq(u16,
			             be16toh(checksum_fold(checksum_add(before[i], piece, len))),
			             slow_sum(sum, piece, len)),
			          "%#" PRIx64 " and %zu bytes", before[i], len);
		}
	}
}

/* ---- pseudo headers, written out as the RFCs draw them ---- */

static uint16_t slow_pseudo4(const uint8_t *ip, uint8_t protocol, uint16_t len)
{
	uint8_t pseudo[12] = {[9] = protocol, [10] = (uint8_t)(len >> 8), [11] = (uint8_t)len};

	memcpy(pseudo, ip + 12, 8);
	return slow_sum(0, pseudo, sizeof pseudo);
}

static uint16_t slow_pseudo6(const uint8_t *ip, uint8_t protocol, uint32_t len)
{
	uint8_t pseudo[40] = {[39] = protocol};

	memcpy(pseudo, ip + 8, 32);
	store_be32(pseudo + 32, len);
	return slow_sum(0, pseudo, sizeof pseudo);
}

Test(checksum, pseudo_header_holds_addresses_protocol_and_length)
{
	uint8_t ip[40];

	seed_random(5);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t protocol = i % 2 ? 6 : (uint8_t)rand();
		uint32_t len = (uint32_t)rand() % 65536;

		fill_random(ip, sizeof ip);
		ip[0] = (uint8_t)(0x40 | (ip[0] & 0xf));
		cr_assert(eq(u16, be16toh(checksum_fold(checksum_pseudo(ip, protocol, len))),
		             slow_pseudo4(ip, protocol, (uint16_t)len)));
		ip[0] = (uint8_t)(0x60 | (ip[0] & 0xf));
		len += i % 3 * 30000; /* beyond 16 bits too */
		cr_assert(eq(u16, be16toh(checksum_fold(checksum_pseudo(ip, protocol, len))),
		             slow_pseudo6(ip, protocol, len)));
	}
}

Test(checksum, udp_datagram_sums_up_as_by_hand)
{
	static const uint8_t udp4[] = {0x45, 0x00, 0x00, 0x20, 0x00, 0x01, 0x00, 0x00,
	                               0x40, 0x11, 0x7c, 0xca, 0x7f, 0x00, 0x00, 0x01,
	                               0x7f, 0x00, 0x00, 0x01, 0x00, 0x35, 0x00, 0x35,
	                               0x00, 0x0c, 0x00, 0x00, 0x61, 0x62, 0x63, 0x64};
	uint64_t header = checksum_add(0, udp4, 20);
	uint64_t sum = checksum_add(checksum_pseudo(udp4, 17, 12), udp4 + 20, 12);

	cr_expect(eq(u16, checksum_fold(header), 0xffff));
	/* 7f00 + 1 + 7f00 + 1, 11 + c, 35 + 35 + c, 6162 + 6364 */
	cr_expect(eq(u16, be16toh(checksum_fold(sum)), 0xc35c));
}
