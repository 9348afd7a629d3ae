/* SPDX-License-Identifier: MIT */
/* low_order.h - the points with which X25519 gives zero for every private key: the seven u below
 * 2^255 that have a low order on the curve or its twist (p and p + 1 are 0 and 1 again), each with
 * the top bit clear and set, since RFC 7748 ignores that bit.
 */
#ifndef TEST_LOW_ORDER_H
#define TEST_LOW_ORDER_H

#include <stdint.h>

#include "../bytes_rig.h"
#include "vtrunkd/wire.h"

#define LOW_ORDER_COUNT 14u

void low_order_point(uint8_t out[static KEY_LEN], unsigned i);

#endif
