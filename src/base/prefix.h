/* SPDX-License-Identifier: MIT */
/* prefix.h - an IP network: address and prefix length, both families. */
#ifndef BASE_PREFIX_H
#define BASE_PREFIX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct prefix {
	uint8_t family;   /* AF_INET or AF_INET6 */
	uint8_t len;      /* bits, 0 .. 32 or 0 .. 128 */
	uint8_t addr[16]; /* network byte order; IPv4 in the first four bytes, the rest zero */
};

#define PREFIX_TEXT_LEN (INET6_ADDRSTRLEN + 4)

/* "IP/LEN", or a bare "IP" for the full length. Host bits are kept: prefix_mask() clears them.
 * Returns 0 or -EINVAL.
 */
int prefix_parse(const char *text, struct prefix *ret);

const char *prefix_format(const struct prefix *p, char buf[static PREFIX_TEXT_LEN]);

/* Clears the bits behind the prefix length. */
void prefix_mask(struct prefix *p);

bool prefix_equal(const struct prefix *a, const struct prefix *b);

#endif
