/* SPDX-License-Identifier: MIT */
#include "crypto/init.h"

#include "../bytes_rig.h"

Test(init, answers_are_right_also_when_asked_again)
{
	cr_assert(eq(int, crypto_init(), 0));
	cr_assert(eq(int, crypto_init(), 0));
}
