/* SPDX-License-Identifier: MIT */
/* A bucket that is full by now is the same as no entry. So sweeping a few chains with each call
 * keeps the table clean and loses nothing.
 *
 * Chains are indices plus one: 0 ends them, and zeroed memory is an empty table.
 */
#include "control/ratelimit.h"

#include <stdlib.h>
#include <string.h>

#include "base/bucket.h"
#include "base/thread.h"
#include "crypto/aead.h"
#include "crypto/keyed_hash.h"

#define SWEEP_CHAINS 4u /* per call, so a flood of new sources is outpaced fourfold */
#define FULL_NS      (RATELIMIT_BURST * RATELIMIT_TOKEN_NS)

struct source {
	uint64_t net; /* IPv4 address or first half of the IPv6 address, as the bytes lie */
	sa_family_t family;
};

struct entry {
	uint64_t net;
	struct bucket bucket;
	uint32_t next; /* in its chain or in the list of free ones */
	sa_family_t family;
};

struct ratelimit_table {
	uint8_t key[KEYED_HASH_KEY_LEN];
	uint32_t count;
	uint32_t free;  /* entries given back */
	uint32_t fresh; /* index of the first never used: pages behind it stay untouched */
	uint32_t sweep; /* chain to look at next */
	uint32_t chains[RATELIMIT_SOURCES];
	struct entry entries[RATELIMIT_SOURCES];
};

static bool source_of(const struct endpoint *ep, struct source *ret)
{
	const uint8_t *addr = ep->in6.sin6_addr.s6_addr;

	*ret = (struct source){.family = ep->sa.sa_family};
	switch (ep->sa.sa_family) {
	case AF_INET:
		memcpy(&ret->net, &ep->in4.sin_addr, 4);
		return true;
	case AF_INET6:
		if (IN6_IS_ADDR_V4MAPPED(&ep->in6.sin6_addr)) {
			ret->family = AF_INET;
			memcpy(&ret->net, addr + 12, 4);
		} else {
			memcpy(&ret->net, addr, 8);
		}
		return true;
	default:
		return false;
	}
}

static uint32_t *chain_of(struct ratelimit_table *table, const struct source *source)
{
	uint8_t bytes[sizeof source->net + sizeof source->family];

	memcpy(bytes, &source->net, sizeof source->net);
	memcpy(bytes + sizeof source->net, &source->family, sizeof source->family);
	return &table->chains[keyed_hash(bytes, sizeof bytes, table->key) % RATELIMIT_SOURCES];
}

static void sweep_chain(struct ratelimit_table *table, uint32_t *link, uint64_t now_ns)
{
	while (*link) {
		uint32_t number = *link;
		struct entry *entry = &table->entries[number - 1];

		if (entry->bucket.full_at_ns > now_ns) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		entry->next = table->free;
		table->free = number;
		table->count--;
	}
}

static void sweep_some(struct ratelimit_table *table, uint64_t now_ns)
{
	for (unsigned i = 0; i < SWEEP_CHAINS; i++) {
		sweep_chain(table, &table->chains[table->sweep], now_ns);
		table->sweep = (table->sweep + 1) % RATELIMIT_SOURCES;
	}
}

static struct entry *find(struct ratelimit_table *table, uint32_t chain,
                          const struct source *source)
{
	for (uint32_t number = chain; number; number = table->entries[number - 1].next) {
		struct entry *entry = &table->entries[number - 1];

		if (entry->net == source->net && entry->family == source->family)
			return entry;
	}
	return NULL;
}

/* A full bucket for a new source; NULL when the table is full. */
static struct entry *add(struct ratelimit_table *table, uint32_t *chain,
                         const struct source *source)
{
	uint32_t number = table->free;

	if (number)
		table->free = table->entries[number - 1].next;
	else if (table->fresh < RATELIMIT_SOURCES)
		number = ++table->fresh;
	else
		return NULL;

	struct entry *entry = &table->entries[number - 1];
	*entry = (struct entry){.net = source->net, .next = *chain, .family = source->family};
	*chain = number;
	table->count++;
	return entry;
}

static struct ratelimit_table *table_create(void)
{
	struct ratelimit_table *table = calloc(1, sizeof *table);

	if (table)
		random_bytes(table->key, sizeof table->key);
	return table;
}

void ratelimit_fini(struct ratelimit *limit)
{
	if (!limit)
		return;
	free(limit->table);
	*limit = (struct ratelimit){0};
}

bool ratelimit_pass(struct ratelimit *limit, const struct endpoint *source, uint64_t now_ns)
{
	struct source key;

	thread_assert_role(THREAD_GATE);
	if (!source_of(source, &key))
		return false;
	if (!limit->table && !(limit->table = table_create()))
		return false;
	limit->used_at_ns = now_ns;
	sweep_some(limit->table, now_ns);

	uint32_t *chain = chain_of(limit->table, &key);
	struct entry *entry = find(limit->table, *chain, &key);
	if (!entry)
		entry = add(limit->table, chain, &key);
	return entry && bucket_take(&entry->bucket, RATELIMIT_TOKEN_NS, FULL_NS, now_ns);
}

uint64_t ratelimit_expire(struct ratelimit *limit, uint64_t now_ns)
{
	if (!limit->table)
		return NEVER_NS;
	if (now_ns - limit->used_at_ns < RATELIMIT_IDLE_NS)
		return limit->used_at_ns + RATELIMIT_IDLE_NS;
	ratelimit_fini(limit);
	return NEVER_NS;
}

size_t ratelimit_source_count(const struct ratelimit *limit)
{
	return limit->table ? limit->table->count : 0;
}

size_t ratelimit_bytes(const struct ratelimit *limit)
{
	return limit->table ? sizeof *limit->table : 0;
}
