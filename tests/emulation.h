/* SPDX-License-Identifier: MIT */
/* emulation.h - whether the test runs on an emulated processor (qemu-user), whose emulator answers for
 * the kernel: its /proc/self tells of mappings by other addresses and without their flags, and two
 * signals are its own.
 *
 * Told by the environment and not found out, so that no test is skipped anywhere else.
 */
#ifndef TESTS_EMULATION_H
#define TESTS_EMULATION_H

#include <stdbool.h>
#include <stdlib.h>

static inline bool is_emulated(void)
{
	return getenv("VTRUNKD_TESTS_EMULATED");
}

#endif
