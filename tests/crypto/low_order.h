/* SPDX-License-Identifier: MIT */
/* low_order.h - the points with which X25519 gives zero for every private key: the seven u below
 * 2^255 that have a low order on the curve or its twist (p and p + 1 are 0 and 1 again), each with
 * the top bit clear and set, since RFC 7748 ignores that bit.
 */
#ifndef TEST_LOW_ORDER_H
#define TEST_LOW_ORDER_H

#include <stdint.h>

#include "test_bytes.h"
#include "vtrunkd/wire.h"

#define LOW_ORDER_COUNT 14u

static inline void low_order_point(uint8_t out[static KEY_LEN], unsigned i)
{
	static const char *const points[LOW_ORDER_COUNT / 2] = {
		"0000000000000000000000000000000000000000000000000000000000000000", /* 0 */
		"0100000000000000000000000000000000000000000000000000000000000000", /* 1 */
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", /* order 8 */
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", /* order 8 */
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p - 1 */
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p */
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p + 1 */
	};

	bytes_from_hex(out, points[i / 2]);
	if (i % 2 == 1)
		out[KEY_LEN - 1] |= 0x80;
}

#endif
