/* SPDX-License-Identifier: MIT */
/* ratelimit.h - how many handshake messages a source address may make us work on under load.
 *
 * A token bucket per IPv4 address or IPv6 /64, asked only after MAC2 has proved the address
 * (whitepaper 5.3; figures as in the kernel). The table has a fixed size, exists only while there
 * is load, and refuses sources it has no room for. A source that was silent for a quarter of a
 * second has a full bucket and needs no entry, so forgetting it changes nothing.
 *
 * Time as argument. One thread (gate).
 */
#ifndef CONTROL_RATELIMIT_H
#define CONTROL_RATELIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "vtrunkd/limits.h"

#define RATELIMIT_PER_S    20u /* tokens a source gains */
#define RATELIMIT_BURST    5u  /* tokens a source can have */
#define RATELIMIT_TOKEN_NS (NS_PER_S / RATELIMIT_PER_S)
#define RATELIMIT_SOURCES  65536u          /* entries in the table; 1.8 MB with its chains */
#define RATELIMIT_IDLE_NS  (10 * NS_PER_S) /* the table is freed when unused for so long */

/* All zero: no table. */
struct ratelimit {
	struct ratelimit_table *table;
	uint64_t used_at_ns; /* last ratelimit_pass() */
};

void ratelimit_fini(struct ratelimit *limit);

/* True, and takes a token, when a message from @source may be worked on. False when its bucket is
 * empty, when it is new and the table is full, without memory for the table, and for a source of
 * another family. An IPv4 address mapped into IPv6 counts as the IPv4 address. crypto_init() must
 * have succeeded.
 */
bool ratelimit_pass(struct ratelimit *limit, const struct endpoint *source, uint64_t now_ns);

/* Frees the table when it has been idle long enough. Returns when to call again, NEVER_NS when
 * there is no table.
 */
uint64_t ratelimit_expire(struct ratelimit *limit, uint64_t now_ns);

/* For the status: entries in use and bytes allocated. */
size_t ratelimit_source_count(const struct ratelimit *limit);
size_t ratelimit_bytes(const struct ratelimit *limit);

#endif
