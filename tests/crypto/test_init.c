/* SPDX-License-Identifier: MIT */
#include "crypto/init.h"

#include "test_bytes.h"

Test(init, answers_are_right_also_when_asked_again)
{
	cr_assert(eq(int, crypto_init(), 0));
	cr_assert(eq(int, crypto_init(), 0));
}
