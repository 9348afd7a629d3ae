/* SPDX-License-Identifier: MIT */
/* known_limits.h - seeds whose lives do not reach what is demanded, how far they come, and why. */
#ifndef BOND_KNOWN_LIMITS_H
#define BOND_KNOWN_LIMITS_H

#include <stdint.h>

struct known_limit {
	uint64_t seed;
	double least;      /* of what is demanded; may only rise */
	const char *tells; /* why */
};

/* NULL: none is known. */
const struct known_limit *known_limit_of(uint64_t seed);

#endif
