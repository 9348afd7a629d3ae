/* SPDX-License-Identifier: MIT */
#include "low_order.h"

void low_order_point(uint8_t out[static KEY_LEN], unsigned i)
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
