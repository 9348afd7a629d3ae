/* SPDX-License-Identifier: MIT */
/* assert.h - comparisons that know the type of their operands; see criterion.h.
 *
 * Both operands are converted to the type named, as Criterion does.
 */
#ifndef STANDIN_ASSERT_H
#define STANDIN_ASSERT_H

#include "criterion/criterion.h"

struct cr_mem {
	const void *data;
	size_t size;
};

/* Each keeps both values for the message when it is false. */
bool standin_signed(const char *op, intmax_t a, intmax_t b);
bool standin_unsigned(const char *op, uintmax_t a, uintmax_t b);
bool standin_double(const char *op, double a, double b);
bool standin_near(double a, double b, double epsilon);
bool standin_str(const char *op, const char *a, const char *b);
bool standin_mem(const char *op, struct cr_mem a, struct cr_mem b);

#define STANDIN_int(op, a, b)   standin_signed(op, (int)(a), (int)(b))
#define STANDIN_chr(op, a, b)   standin_signed(op, (char)(a), (char)(b))
#define STANDIN_long(op, a, b)  standin_signed(op, (long)(a), (long)(b))
#define STANDIN_llong(op, a, b) standin_signed(op, (long long)(a), (long long)(b))
#define STANDIN_i64(op, a, b)   standin_signed(op, (int64_t)(a), (int64_t)(b))
#define STANDIN_uint(op, a, b)  standin_unsigned(op, (unsigned)(a), (unsigned)(b))
#define STANDIN_ulong(op, a, b) standin_unsigned(op, (unsigned long)(a), (unsigned long)(b))
#define STANDIN_sz(op, a, b)    standin_unsigned(op, (size_t)(a), (size_t)(b))
#define STANDIN_u8(op, a, b)    standin_unsigned(op, (uint8_t)(a), (uint8_t)(b))
#define STANDIN_u16(op, a, b)   standin_unsigned(op, (uint16_t)(a), (uint16_t)(b))
#define STANDIN_u32(op, a, b)   standin_unsigned(op, (uint32_t)(a), (uint32_t)(b))
#define STANDIN_u64(op, a, b)   standin_unsigned(op, (uint64_t)(a), (uint64_t)(b))
#define STANDIN_dbl(op, a, b)   standin_double(op, (a), (b))
#define STANDIN_str(op, a, b)   standin_str(op, (a), (b))
#define STANDIN_ptr(op, a, b)   standin_unsigned(op, (uintptr_t)(a), (uintptr_t)(b))
#define STANDIN_mem(op, a, b)   standin_mem(op, (a), (b))

#define eq(type, a, b) STANDIN_##type("==", a, b)
#define ne(type, a, b) STANDIN_##type("!=", a, b)
#define lt(type, a, b) STANDIN_##type("<", a, b)
#define le(type, a, b) STANDIN_##type("<=", a, b)
#define gt(type, a, b) STANDIN_##type(">", a, b)
#define ge(type, a, b) STANDIN_##type(">=", a, b)

#define zero(type, a)                   STANDIN_##type("==", a, 0)
#define epsilon_eq(type, a, b, epsilon) standin_near((a), (b), (epsilon))
#define not(condition) (!(condition))

#endif
