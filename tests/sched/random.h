/* SPDX-License-Identifier: MIT */
/* random.h - random input that can be repeated: SEED=N in the environment, which each run prints.
 */
#ifndef TESTS_SCHED_RANDOM_H
#define TESTS_SCHED_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* For the .init of a suite. */
void seed_random(void);

/* The same sequence in every run. @seed is above 0. */
void set_random(uint64_t seed);

/* Below @limit, which is above 0. */
uint32_t random_below(uint32_t limit);

/* Once in @n times. */
bool random_once_in(uint32_t n);

#endif
