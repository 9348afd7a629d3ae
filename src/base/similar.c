/* SPDX-License-Identifier: MIT */
#include "base/similar.h"

#include <stddef.h>

#define LETTERS_MAX 40u

/* Copies the letters that count. Returns how many, or LETTERS_MAX + 1 for too many. */
static size_t fold(const char *text, char letters[static LETTERS_MAX])
{
	size_t len = 0;

	for (; *text; text++) {
		if (*text == '_' || *text == '-')
			continue;
		if (len == LETTERS_MAX)
			return LETTERS_MAX + 1;
		letters[len++] = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
	}
	return len;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned similar_distance(const char *a, const char *b)
{
	char x[LETTERS_MAX], y[LETTERS_MAX];
	unsigned cost[LETTERS_MAX + 1][LETTERS_MAX + 1]; /* of making k letters of y from i of x */
	size_t x_len = fold(a, x), y_len = fold(b, y);

	if (x_len > LETTERS_MAX || y_len > LETTERS_MAX)
		return SIMILAR_NONE;
	for (size_t i = 0; i <= x_len; i++) {
		for (size_t k = 0; k <= y_len; k++) {
			if (!i || !k) {
				cost[i][k] = (unsigned)(i + k);
				continue;
			}
			cost[i][k] = least(cost[i - 1][k - 1] + (x[i - 1] != y[k - 1]),
			                   least(cost[i - 1][k], cost[i][k - 1]) + 1);
			if (i > 1 && k > 1 && x[i - 1] == y[k - 2] && x[i - 2] == y[k - 1])
				cost[i][k] = least(cost[i][k], cost[i - 2][k - 2] + 1);
		}
	}
	return cost[x_len][y_len];
}

bool similar_is_nearer(const char *given, const char *known, unsigned *best)
{
	char letters[LETTERS_MAX];
	size_t len = fold(known, letters);
	unsigned distance = similar_distance(given, known);

	if (distance > (len < 4 ? 1 : len < 8 ? 2 : 3) || distance >= *best)
		return false;
	*best = distance;
	return true;
}
