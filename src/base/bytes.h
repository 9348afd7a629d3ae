/* SPDX-License-Identifier: MIT */
/* bytes.h - integers in memory of a stated byte order, at any alignment. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BYTES_DEFINE(bits)                                            \
	static inline uint##bits##_t load_le##bits(const void *at)    \
	{                                                             \
		uint##bits##_t v;                                     \
		memcpy(&v, at, sizeof v);                             \
		return le##bits##toh(v);                              \
	}                                                             \
	static inline void store_le##bits(void *at, uint##bits##_t v) \
	{                                                             \
		v = htole##bits(v);                                   \
		memcpy(at, &v, sizeof v);                             \
	}                                                             \
	static inline uint##bits##_t load_be##bits(const void *at)    \
	{                                                             \
		uint##bits##_t v;                                     \
		memcpy(&v, at, sizeof v);                             \
		return be##bits##toh(v);                              \
	}                                                             \
	static inline void store_be##bits(void *at, uint##bits##_t v) \
	{                                                             \
		v = htobe##bits(v);                                   \
		memcpy(at, &v, sizeof v);                             \
	}

BYTES_DEFINE(16)
BYTES_DEFINE(32)
BYTES_DEFINE(64)

#undef BYTES_DEFINE

#endif
