/* SPDX-License-Identifier: MIT */
/* random.h - random numbers that follow from a seed alone: xoshiro256** (Blackman and Vigna, 2018),
 * whose state is filled by splitmix64. Not for secrets.
 *
 * Each part of the simulation has a stream of its own, so that one that draws more than before does
 * not change what the others see.
 */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define MILLION 1000000u

struct sim_random {
	uint64_t s[4];
};

static inline uint64_t sim_splitmix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* @stream tells apart what is drawn for different purposes from one seed. */
static inline void sim_random_init(struct sim_random *r, uint64_t seed, uint64_t stream)
{
	uint64_t state = seed * 0x2545f4914f6cdd1du + stream;

	for (unsigned i = 0; i < 4; i++)
		r->s[i] = sim_splitmix(&state);
}

static inline uint64_t sim_rotate(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

static inline uint64_t sim_next(struct sim_random *r)
{
	uint64_t result = sim_rotate(r->s[1] * 5, 7) * 9, t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = sim_rotate(r->s[3], 45);
	return result;
}

/* From 0 to @bound - 1; the bias of the remainder does not matter here. @bound is not 0. */
static inline uint64_t sim_below(struct sim_random *r, uint64_t bound)
{
	return sim_next(r) % bound;
}

/* From @least to @most, both included. */
static inline uint64_t sim_between(struct sim_random *r, uint64_t least, uint64_t most)
{
	return least + sim_below(r, most - least + 1);
}

/* True @ppm times in a million. */
static inline bool sim_chance(struct sim_random *r, uint32_t ppm)
{
	return ppm && sim_below(r, MILLION) < ppm;
}

#endif
