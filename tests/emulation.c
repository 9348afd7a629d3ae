/* SPDX-License-Identifier: MIT */
#include "emulation.h"

#include <stdlib.h>

bool is_emulated(void)
{
	return getenv("VTRUNKD_TESTS_EMULATED");
}

unsigned fewer_emulated(unsigned n)
{
	return is_emulated() ? (n + 15) / 16 : n;
}
