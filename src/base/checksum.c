/* SPDX-License-Identifier: MIT */
/* A one's complement sum does not mind the width of its words: 2^64 and 2^16 are both 1 modulo
 * 65535, so 64-bit words are added up, each carry counted, and the halves joined in the end. Two
 * sums side by side, since one alone waits for the carry of the word before; more were not faster.
 */
#include "base/checksum.h"

#include <endian.h>
#include <string.h>

#include "base/bytes.h"

enum {
	WORD = sizeof(uint64_t),
	STRIDE = 4 * WORD, /* bytes per turn of the long loop */

	IPV4_ADDRESSES = 12, /* offset of both addresses in the header */
	IPV4_ADDRESSES_LEN = 8,
	IPV6_ADDRESSES = 8,
	IPV6_ADDRESSES_LEN = 32,
};

static uint64_t load_word(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof word);
	return word;
}

/* With the carry brought round, so a sum that is not 0 never becomes 0. */
static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;

	return sum + (sum < a);
}

/* Fewer than WORD bytes; the last one, if alone, is the first of a word whose other byte is 0. */
static uint64_t add_tail(uint64_t sum, const uint8_t *at, size_t len)
{
	uint32_t four;
	uint16_t two;

	if (len & 4) {
		memcpy(&four, at, sizeof four);
		sum = add(sum, four);
		at += 4;
	}
	if (len & 2) {
		memcpy(&two, at, sizeof two);
		sum = add(sum, two);
		at += 2;
	}
	return len & 1 ? add(sum, htobe16((uint16_t)(*at << 8))) : sum;
}

uint64_t checksum_add(uint64_t sum, const void *at, size_t len)
{
	const uint8_t *p = at;
	uint64_t other = 0, carries = 0, other_carries = 0, word;

	for (; len >= STRIDE; p += STRIDE, len -= STRIDE) {
		word = load_word(p);
		sum += word;
		carries += sum < word;
		word = load_word(p + WORD);
		other += word;
		other_carries += other < word;
		word = load_word(p + 2 * WORD);
		sum += word;
		carries += sum < word;
		word = load_word(p + 3 * WORD);
		other += word;
		other_carries += other < word;
	}
	sum = add(add(sum, other), carries + other_carries);
	for (; len >= WORD; p += WORD, len -= WORD)
		sum = add(sum, load_word(p));
	return add_tail(sum, p, len);
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32); /* at most 0x1fffffffe */
	sum = (sum & UINT16_MAX) + (sum >> 16); /* at most 0x2fffe, then 0x10000 */
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)((sum & UINT16_MAX) + (sum >> 16));
}

uint64_t checksum_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
	/* As in IPv6, 32 bits each; those that IPv4 has less are 0. */
	uint64_t sum = add(htobe32(protocol), htobe32((uint32_t)len));

	if (ip[0] >> 4 == 4)
		return checksum_add(sum, ip + IPV4_ADDRESSES, IPV4_ADDRESSES_LEN);
	return checksum_add(sum, ip + IPV6_ADDRESSES, IPV6_ADDRESSES_LEN);
}
