/* SPDX-License-Identifier: MIT */
#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t state;

void seed_random(void)
{
	const char *given = getenv("SEED");

	state = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) | 1;
	fprintf(stderr, "SEED=%llu\n", (unsigned long long)state);
}

void set_random(uint64_t seed)
{
	state = seed;
}

uint32_t random_below(uint32_t limit) /* xorshift64* */
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 33) % limit;
}

bool random_once_in(uint32_t n)
{
	return random_below(n) == 0;
}
