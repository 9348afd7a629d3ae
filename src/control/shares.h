/* SPDX-License-Identifier: MIT */
/* shares.h - numbers of bytes as percents that people may add up.
 *
 * Tenths of a percent, by largest remainder: they sum to 100, unless nothing was sent.
 */
#ifndef CONTROL_SHARES_H
#define CONTROL_SHARES_H

#include <stdint.h>

#include "vtrunkd/limits.h"

void shares_of(const uint64_t bytes[static PATHS_MAX], uint16_t ret_permille[static PATHS_MAX]);

#endif
