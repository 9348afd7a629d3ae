/* SPDX-License-Identifier: MIT */
/* Prefixes nest or lie apart, they never cross. So they cut the address space into at most 2n + 1
 * ranges, and in each of them one prefix is the longest. The table is these ranges: sorted array of
 * first addresses, array of owners beside it. A lookup is a binary search without branches to
 * mispredict: no step for 0.0.0.0/0 alone, 8 for 100 prefixes, 18 for 130,000.
 *
 * Building sorts the prefixes by first address, outer before inner, and sweeps over them with a
 * stack of those that are open. Both families share it: an IPv4 address is the top 32 of 128 bits.
 */
#include "dataplane/allowedips.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/rcu.h"

struct addr128 {
	uint64_t hi;
	uint64_t lo;
};

struct allowedips {
	struct rcu_head rcu;
	size_t len4; /* ranges, at least one: the first begins at address zero */
	size_t len6;
	struct addr128 *start6; /* these four arrays follow in the same allocation */
	void **peer6;
	void **peer4;
	uint32_t *start4;
};

/* An entry while it is sorted: the addresses first to last, both included. */
struct span {
	struct addr128 first;
	struct addr128 last;
	uint8_t len;
	size_t order; /* in the input: the later duplicate counts */
	void *peer;
};

struct range {
	struct addr128 start;
	void *peer;
};

struct sweep {
	struct range *ranges;
	size_t len;
	const struct span *open[129]; /* the prefixes around the present address, outer first */
	unsigned depth;
};

/* Compilers make one comparison with borrow of the wide type, at 100 prefixes a third of the time
 * of the pair by pair form, which 32-bit machines are left with.
 */
static inline bool addr128_le(struct addr128 a, struct addr128 b)
{
#ifdef __SIZEOF_INT128__
	return ((unsigned __int128)a.hi << 64 | a.lo) <= ((unsigned __int128)b.hi << 64 | b.lo);
#else
	return (a.hi < b.hi) | ((a.hi == b.hi) & (a.lo <= b.lo));
#endif
}

static bool addr128_equal(struct addr128 a, struct addr128 b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

static struct addr128 addr128_next(struct addr128 a)
{
	a.lo++;
	a.hi += a.lo == 0;
	return a;
}

static bool addr128_is_last(struct addr128 a)
{
	return a.hi == UINT64_MAX && a.lo == UINT64_MAX;
}

/* The bits behind the first @len, 0 .. 128. */
static struct addr128 host_mask(unsigned len)
{
	struct addr128 mask = {UINT64_MAX, UINT64_MAX};

	if (len >= 64) {
		mask.hi = 0;
		mask.lo = len == 128 ? 0 : UINT64_MAX >> (len - 64);
	} else {
		mask.hi = UINT64_MAX >> len;
	}
	return mask;
}

static struct span span_of(const struct allowedips_entry *entry, size_t order)
{
	const struct prefix *p = &entry->prefix;
	struct addr128 addr = {load_be64(p->addr), load_be64(p->addr + 8)};
	struct addr128 mask = host_mask(p->len);

	if (p->family == AF_INET)
		addr = (struct addr128){(uint64_t)load_be32(p->addr) << 32, 0};
	return (struct span){
		.first = {addr.hi & ~mask.hi, addr.lo & ~mask.lo},
		.last = {addr.hi | mask.hi, addr.lo | mask.lo},
		.len = p->len,
		.order = order,
		.peer = entry->peer,
	};
}

static int compare_spans(const void *a_, const void *b_)
{
	const struct span *a = a_, *b = b_;

	if (!addr128_equal(a->first, b->first))
		return addr128_le(a->first, b->first) ? -1 : 1;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* From @start on the address space belongs to @peer. Starts never decrease; a second call for one
 * start replaces the first, and neighbours of one peer become one range.
 */
static void sweep_emit(struct sweep *s, struct addr128 start, void *peer)
{
	if (s->len && addr128_equal(s->ranges[s->len - 1].start, start))
		s->len--;
	if (s->len && s->ranges[s->len - 1].peer == peer)
		return;
	s->ranges[s->len++] = (struct range){start, peer};
}

static void sweep_close_top(struct sweep *s)
{
	const struct span *closed = s->open[--s->depth];

	if (!addr128_is_last(closed->last))
		sweep_emit(s, addr128_next(closed->last),
		           s->depth ? s->open[s->depth - 1]->peer : NULL);
}

/* Fills @s->ranges, which has room for 2 * @len + 1. */
static void sweep_spans(struct sweep *s, const struct span *spans, size_t len)
{
	sweep_emit(s, (struct addr128){0, 0}, NULL);
	for (size_t i = 0; i < len; i++) {
		const struct span *span = &spans[i];

		while (s->depth && !addr128_le(span->first, s->open[s->depth - 1]->last))
			sweep_close_top(s);
		if (s->depth && s->open[s->depth - 1]->len == span->len)
			s->depth--; /* the same prefix again */
		s->open[s->depth++] = span;
		sweep_emit(s, span->first, span->peer);
	}
	while (s->depth)
		sweep_close_top(s);
}

/* The ranges of one family, in memory the caller frees; 0 or -1 without memory. */
static int build_ranges(struct sweep *s, int family, const struct allowedips_entry *entries,
                        size_t len)
{
	struct span *spans = malloc((len + 1) * sizeof *spans);
	size_t n = 0;

	s->ranges = malloc((2 * len + 1) * sizeof *s->ranges);
	if (!spans || !s->ranges) {
		free(spans);
		return -1;
	}
	for (size_t i = 0; i < len; i++)
		if (entries[i].prefix.family == family)
			spans[n++] = span_of(&entries[i], i);
	qsort(spans, n, sizeof *spans, compare_spans);
	sweep_spans(s, spans, n);
	free(spans);
	return 0;
}

/* One allocation: the struct, then its arrays in falling order of alignment. */
static struct allowedips *table_create(size_t len4, size_t len6)
{
	struct allowedips *t = malloc(sizeof *t + len6 * (sizeof *t->start6 + sizeof *t->peer6) +
	                              len4 * (sizeof *t->peer4 + sizeof *t->start4));

	if (!t)
		return NULL;
	t->len4 = len4;
	t->len6 = len6;
	t->start6 = (struct addr128 *)(t + 1);
	t->peer6 = (void **)(t->start6 + len6);
	t->peer4 = t->peer6 + len6;
	t->start4 = (uint32_t *)(t->peer4 + len4);
	return t;
}

struct allowedips *allowedips_build(const struct allowedips_entry *entries, size_t len)
{
	struct sweep v4 = {0}, v6 = {0};
	struct allowedips *t = NULL;

	if (build_ranges(&v4, AF_INET, entries, len) || build_ranges(&v6, AF_INET6, entries, len))
		goto free_ranges;
	t = table_create(v4.len, v6.len);
	if (!t)
		goto free_ranges;
	for (size_t i = 0; i < v4.len; i++) {
		t->start4[i] = v4.ranges[i].start.hi >> 32;
		t->peer4[i] = v4.ranges[i].peer;
	}
	for (size_t i = 0; i < v6.len; i++) {
		t->start6[i] = v6.ranges[i].start;
		t->peer6[i] = v6.ranges[i].peer;
	}
free_ranges:
	free(v4.ranges);
	free(v6.ranges);
	return t;
}

static void free_rcu(struct rcu_head *head)
{
	free(caa_container_of(head, struct allowedips, rcu));
}

void allowedips_retire(struct allowedips *table)
{
	if (table)
		call_rcu(&table->rcu, free_rcu);
}

void allowedips_destroy(struct allowedips *table)
{
	free(table);
}

/* Both searches: the range wanted stays within base .. base + len - 1, and start[0] is zero. The
 * product instead of a condition keeps the compiler from making it a branch.
 */
void *allowedips_lookup4(const struct allowedips *table, const uint8_t addr[static 4])
{
	uint32_t wanted = load_be32(addr);
	size_t base = 0;

	for (size_t len = table->len4; len > 1;) {
		size_t half = len / 2;

		base += (table->start4[base + half] <= wanted) * half;
		len -= half;
	}
	return table->peer4[base];
}

void *allowedips_lookup6(const struct allowedips *table, const uint8_t addr[static 16])
{
	struct addr128 wanted = {load_be64(addr), load_be64(addr + 8)};
	size_t base = 0;

	for (size_t len = table->len6; len > 1;) {
		size_t half = len / 2;

		base += addr128_le(table->start6[base + half], wanted) * half;
		len -= half;
	}
	return table->peer6[base];
}

/* An address stands at the same distance in every header: options come behind. */
static void *lookup_at(const struct allowedips *table, const uint8_t *packet, unsigned offset4,
                       unsigned offset6)
{
	switch (packet[0] >> 4) {
	case 4:
		return allowedips_lookup4(table, packet + offset4);
	case 6:
		return allowedips_lookup6(table, packet + offset6);
	default:
		return NULL;
	}
}

void *allowedips_lookup_dst(const struct allowedips *table, const uint8_t *packet)
{
	return lookup_at(table, packet, 16, 24);
}

void *allowedips_lookup_src(const struct allowedips *table, const uint8_t *packet)
{
	return lookup_at(table, packet, 12, 8);
}
