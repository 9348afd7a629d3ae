/* SPDX-License-Identifier: MIT */
/* align.h - sizes rounded up, and the size that matters most. */
#ifndef BASE_ALIGN_H
#define BASE_ALIGN_H

#include <stddef.h>

/* Bytes that processors pass among each other as one: what different threads write stands apart by
 * so much. On some ARM processors it is 128; that costs speed there, not correctness.
 */
#define CACHE_LINE 64

/* The least multiple of @to, above 0, that is not below @n. */
static inline size_t align_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

#endif
