/* SPDX-License-Identifier: MIT */
/* same_math.h - functions of which libraries differ in the last bit, which would make another life
 * of a seed. These are made of sums, products and quotients, and so come out the same everywhere.
 */
#ifndef BOND_SAME_MATH_H
#define BOND_SAME_MATH_H

double same_log(double x); /* above 0 */
double same_exp(double x);
double same_cos_turn(double x);        /* the cosine of @x turns, from 0 to 1 */
double same_power(double x, double y); /* @x above 0 */
double same_cube_root(double x);       /* from 0 on */

#endif
