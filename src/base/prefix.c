/* SPDX-License-Identifier: MIT */
#include "base/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decimal digits and nothing else, at most @max. */
static int parse_len(const char *text, unsigned max, uint8_t *ret)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	unsigned long len = strtoul(text, &end, 10);
	if (*end || len > max)
		return -EINVAL;
	*ret = (uint8_t)len;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret)
{
	struct prefix p = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	uint8_t full_len = p.family == AF_INET6 ? 128 : 32;
	const char *slash = strchr(text, '/');
	size_t addr_len = slash ? (size_t)(slash - text) : strlen(text);
	char addr[INET6_ADDRSTRLEN];

	if (addr_len >= sizeof addr)
		return -EINVAL;
	memcpy(addr, text, addr_len);
	addr[addr_len] = 0;
	if (inet_pton(p.family, addr, p.addr) != 1)
		return -EINVAL;

	p.len = full_len;
	if (slash && parse_len(slash + 1, full_len, &p.len))
		return -EINVAL;
	*ret = p;
	return 0;
}

const char *prefix_format(const struct prefix *p, char buf[static PREFIX_TEXT_LEN])
{
	char addr[INET6_ADDRSTRLEN] = "none";

	inet_ntop(p->family, p->addr, addr, sizeof addr);
	snprintf(buf, PREFIX_TEXT_LEN, "%s/%u", addr, p->len);
	return buf;
}

void prefix_mask(struct prefix *p)
{
	unsigned whole = p->len / 8;

	if (whole >= sizeof p->addr)
		return;
	p->addr[whole] &= (uint8_t)(0xff00u >> p->len % 8);
	memset(p->addr + whole + 1, 0, sizeof p->addr - whole - 1);
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && a->len == b->len &&
	       memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}
