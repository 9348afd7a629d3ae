/* SPDX-License-Identifier: MIT */
/* bytes_rig.h - byte strings for tests: from hex, from a printed seed, compared so that a failure
 * shows both sides.
 */
#ifndef TESTS_BYTES_RIG_H
#define TESTS_BYTES_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Expects @n bytes at @got and @want to be equal. */
#define ASSERT_BYTES(got, want, n) cr_assert(eq(mem, bytes_at((got), (n)), bytes_at((want), (n))))

struct cr_mem bytes_at(const void *at, size_t n);

/* Returns how many bytes @hex stands for; @out has room for them. */
size_t bytes_from_hex(uint8_t *out, const char *hex);

/* splitmix64: plenty for test input. */
struct test_random {
	uint64_t state;
};

/* From the environment's TEST_SEED to repeat a run, else from the clock; printed either way. */
struct test_random test_random_seeded(const char *test);

uint64_t test_random_next(struct test_random *random);
void test_random_fill(struct test_random *random, uint8_t *out, size_t n);

#endif
