/* SPDX-License-Identifier: MIT */
#include "bytes_rig.h"

#include <stdlib.h>
#include <time.h>

struct cr_mem bytes_at(const void *at, size_t n)
{
	struct cr_mem m = {.data = at, .size = n};

	return m;
}

size_t bytes_from_hex(uint8_t *out, const char *hex)
{
	const char digits[] = "0123456789abcdef";
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		size_t high = (size_t)(strchr(digits, hex[2 * i]) - digits);
		size_t low = (size_t)(strchr(digits, hex[2 * i + 1]) - digits);

		out[i] = (uint8_t)(high << 4 | low);
	}
	return n;
}

struct test_random test_random_seeded(const char *test)
{
	const char *given = getenv("TEST_SEED");
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)t.tv_sec << 30 ^ t.tv_nsec;
	fprintf(stderr, "%s: TEST_SEED=%llu\n", test, (unsigned long long)seed);
	return (struct test_random){.state = seed};
}

uint64_t test_random_next(struct test_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void test_random_fill(struct test_random *random, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)test_random_next(random);
}
