/* SPDX-License-Identifier: MIT */
/* align.h - sizes rounded up. */
#ifndef BASE_ALIGN_H
#define BASE_ALIGN_H

#include <stddef.h>

/* The least multiple of @to, above 0, that is not below @n. */
static inline size_t align_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

#endif
