/* SPDX-License-Identifier: MIT */
#include "same_math.h"

#include <math.h>

#define LN_2      0.693147180559945309417
#define HALF_ROOT 0.70710678118654752440

/* 2 artanh((m - 1) / (m + 1)) by its series, with m near 1. */
double same_log(double x)
{
	int exponent;
	double m = frexp(x, &exponent), t, power, sum = 0;

	if (m < HALF_ROOT) {
		m *= 2;
		exponent--;
	}
	t = (m - 1) / (m + 1);
	power = t;
	for (int i = 1; i < 30; i += 2) {
		sum += power / i;
		power *= t * t;
	}
	return 2 * sum + exponent * LN_2;
}

double same_exp(double x)
{
	double whole = floor(x / LN_2 + 0.5), rest = x - whole * LN_2, term = 1, sum = 1;

	for (int i = 1; i < 20; i++) {
		term *= rest / i;
		sum += term;
	}
	return ldexp(sum, (int)whole);
}

double same_cos_turn(double x)
{
	double angle = 2 * M_PI * (x > 0.5 ? x - 1 : x), term = 1, sum = 1;

	for (int i = 2; i < 40; i += 2) {
		term *= -angle * angle / (i * (i - 1));
		sum += term;
	}
	return sum;
}

double same_power(double x, double y)
{
	return same_exp(y * same_log(x));
}

double same_cube_root(double x)
{
	double root;

	if (x <= 0)
		return 0;
	root = same_power(x, 1.0 / 3);
	return root - (root * root * root - x) / (3 * root * root);
}
