/* SPDX-License-Identifier: MIT */
/* similar.h - which of the words we know somebody meant who wrote another one.
 *
 * Two words are as far apart as the letters that were forgotten, added, mistaken or swapped with
 * their neighbour (optimal string alignment). Case, '_' and '-' do not count: PrivateKey is
 * private_key. Pure functions.
 */
#ifndef BASE_SIMILAR_H
#define BASE_SIMILAR_H

#include <stdbool.h>

#define SIMILAR_NONE 1000u /* what a search begins with, and farther than any word is */

/* How far @b is from @a; SIMILAR_NONE when one of them has more than 40 letters. */
unsigned similar_distance(const char *a, const char *b);

/* True when @known may be meant by @given and is nearer than @*best, which then is its distance:
 * ask for each word that is known and keep the last one that gave true. Short words forgive less.
 */
bool similar_is_nearer(const char *given, const char *known, unsigned *best);

#endif
