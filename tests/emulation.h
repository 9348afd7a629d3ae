/* SPDX-License-Identifier: MIT */
/* emulation.h - whether the test runs on an emulated processor (qemu-user), whose emulator answers
 * for the kernel: its /proc/self tells of mappings by other addresses and without their flags, and
 * two signals are its own.
 *
 * Told by the environment and not found out, so that no test is skipped anywhere else.
 */
#ifndef TESTS_EMULATION_H
#define TESTS_EMULATION_H

#include <stdbool.h>

bool is_emulated(void);

/* How many of @n random cases to try. An emulated processor is some twenty times slower, and what
 * is looked for there is another size, order or alignment of things, which few cases show as well
 * as many.
 */
unsigned fewer_emulated(unsigned n);

#endif
