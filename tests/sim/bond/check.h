/* SPDX-License-Identifier: MIT */
/* check.h - what must hold of the learned policy, as a test. */
#ifndef BOND_CHECK_H
#define BOND_CHECK_H

#include <stdbool.h>

/* Lives through the scenarios of which something is demanded, and prints what is broken. */
bool check_all(void);

#endif
