/* SPDX-License-Identifier: MIT */
#include "control/shares.h"

#define WHOLE 1000u

/* Bytes are made so few that nothing overflows. */
static uint64_t sum_of(const uint64_t bytes[static PATHS_MAX], unsigned shift)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		sum += bytes[i] >> shift;
	return sum;
}

static unsigned largest_of(const uint64_t rest[static PATHS_MAX])
{
	unsigned largest = 0;

	for (unsigned i = 1; i < PATHS_MAX; i++) {
		if (rest[i] > rest[largest])
			largest = i;
	}
	return largest;
}

void shares_of(const uint64_t bytes[static PATHS_MAX], uint16_t ret_permille[static PATHS_MAX])
{
	unsigned shift = 0, given = 0, at;
	uint64_t sum, rest[PATHS_MAX];

	while ((sum = sum_of(bytes, shift)) > UINT64_MAX / 2 / WHOLE)
		shift++;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		uint64_t part = (bytes[i] >> shift) * WHOLE;

		ret_permille[i] = (uint16_t)(sum ? part / sum : 0);
		rest[i] = sum ? part % sum : 0;
		given += ret_permille[i];
	}
	for (; sum && given < WHOLE; given++) {
		at = largest_of(rest);
		ret_permille[at]++;
		rest[at] = 0;
	}
}
