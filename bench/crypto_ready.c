/* SPDX-License-Identifier: MIT */
#include "bench/crypto_ready.h"

#include <stdio.h>

#include "bench/vtbench.h"
#include "crypto/init.h"

int crypto_ready(void)
{
	if (!crypto_init())
		return VTBENCH_OK;
	fputs("vtbench: the cryptographic library fails its self-test\n", stderr);
	return VTBENCH_FAILED;
}
