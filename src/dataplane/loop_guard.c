/* SPDX-License-Identifier: MIT */
#include "dataplane/loop_guard.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "crypto/aead.h"

/* Looked up for datagrams that go round only, so chains of 64 in a full table do no harm. */
#define BUCKETS 1024u

/* What a packet says of its destination. No padding: it is hashed and compared as bytes. */
struct destination {
	uint8_t addr[16]; /* IPv4 in the first four bytes, the rest zero */
	uint16_t port;    /* host order */
	uint16_t family;
};

struct entry {
	struct cds_lfht_node node;
	struct destination to;
	unsigned paths; /* control's */
	struct rcu_head rcu;
};

static struct destination destination_of(const struct endpoint *ep)
{
	struct destination to = {.port = endpoint_port(ep),
	                         .family = (uint16_t)endpoint_family(ep)};

	if (to.family == AF_INET)
		memcpy(to.addr, &ep->in4.sin_addr, sizeof ep->in4.sin_addr);
	else if (to.family == AF_INET6)
		memcpy(to.addr, &ep->in6.sin6_addr, sizeof to.addr);
	return to;
}

static int match(struct cds_lfht_node *node, const void *key)
{
	return !memcmp(&caa_container_of(node, struct entry, node)->to, key,
	               sizeof(struct destination));
}

static struct entry *find(const struct loop_guard *guard, const struct destination *to)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	rcu_read_lock(); /* free in QSBR: it says where the reader side is */
	cds_lfht_lookup(guard->endpoints, (unsigned long)keyed_hash(to, sizeof *to, guard->key),
	                match, to, &iter);
	node = cds_lfht_iter_get_node(&iter);
	rcu_read_unlock();
	return node ? caa_container_of(node, struct entry, node) : NULL;
}

int loop_guard_init(struct loop_guard *guard)
{
	random_bytes(guard->key, sizeof guard->key);
	guard->endpoints = cds_lfht_new(BUCKETS, BUCKETS, BUCKETS, 0, NULL);
	return guard->endpoints ? 0 : -ENOMEM;
}

static void free_entry(struct rcu_head *head)
{
	free(caa_container_of(head, struct entry, rcu));
}

static void delete_entry(struct loop_guard *guard, struct entry *entry)
{
	rcu_read_lock();
	cds_lfht_del(guard->endpoints, &entry->node);
	rcu_read_unlock();
	call_rcu(&entry->rcu, free_entry);
}

void loop_guard_fini(struct loop_guard *guard)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	if (!guard->endpoints)
		return;
	rcu_read_lock();
	cds_lfht_for_each(guard->endpoints, &iter, node)
	{
		delete_entry(guard, caa_container_of(node, struct entry, node));
	}
	rcu_read_unlock();
	cds_lfht_destroy(guard->endpoints, NULL); /* fails only when nodes are left */
	guard->endpoints = NULL;
}

void loop_guard_add_port(struct loop_guard *guard, uint16_t port)
{
	/* Relaxed: a packet that comes back left after this, and one more round does no harm. */
	atomic_fetch_or_explicit(&guard->ports[port / 64], 1ull << port % 64, memory_order_relaxed);
}

int loop_guard_add(struct loop_guard *guard, const struct endpoint *endpoint)
{
	struct destination to = destination_of(endpoint);
	struct entry *entry = find(guard, &to);

	thread_assert_role(THREAD_CONTROL);
	if (entry) {
		entry->paths++;
		return 0;
	}
	entry = malloc(sizeof *entry);
	if (!entry)
		return -ENOMEM;
	*entry = (struct entry){.to = to, .paths = 1};
	cds_lfht_node_init(&entry->node);
	rcu_read_lock();
	cds_lfht_add(guard->endpoints, (unsigned long)keyed_hash(&to, sizeof to, guard->key),
	             &entry->node);
	rcu_read_unlock();
	return 0;
}

void loop_guard_remove(struct loop_guard *guard, const struct endpoint *endpoint)
{
	struct destination to = destination_of(endpoint);
	struct entry *entry = find(guard, &to);

	thread_assert_role(THREAD_CONTROL);
	if (entry && --entry->paths == 0)
		delete_entry(guard, entry);
}

/* Where the UDP header begins, or 0 when there is none. */
static size_t udp_offset(const uint8_t *packet, size_t len)
{
	enum {
		FRAGMENT = sizeof(struct ip6_hdr)
	};
	size_t at = 0;

	if (ip_is_v4(packet)) {
		uint16_t frag = load_be16(packet + offsetof(struct iphdr, frag_off));

		if (packet[offsetof(struct iphdr, protocol)] == IPPROTO_UDP && !(frag & 0x1fff))
			at = (packet[0] & 0xfu) * 4;
	} else if (packet[offsetof(struct ip6_hdr, ip6_nxt)] == IPPROTO_UDP) {
		at = sizeof(struct ip6_hdr);
	} else if (packet[offsetof(struct ip6_hdr, ip6_nxt)] == IPPROTO_FRAGMENT &&
	           len >= FRAGMENT + sizeof(struct ip6_frag) && packet[FRAGMENT] == IPPROTO_UDP &&
	           !(load_be16(packet + FRAGMENT + 2) & 0xfff8)) {
		at = FRAGMENT + sizeof(struct ip6_frag);
	}
	return at + sizeof(struct udphdr) <= len ? at : 0;
}

bool loop_guard_is_ours(const struct loop_guard *guard, const uint8_t *packet, size_t len)
{
	struct destination to = {0};
	size_t at = udp_offset(packet, len);
	uint16_t port;

	if (!at)
		return false;
	port = load_be16(packet + at);
	if (!(atomic_load_explicit(&guard->ports[port / 64], memory_order_relaxed) >> port % 64 &
	      1))
		return false;
	to.port = load_be16(packet + at + 2);
	if (ip_is_v4(packet)) {
		to.family = AF_INET;
		memcpy(to.addr, packet + offsetof(struct iphdr, daddr), 4);
	} else {
		to.family = AF_INET6;
		memcpy(to.addr, packet + offsetof(struct ip6_hdr, ip6_dst), sizeof to.addr);
	}
	return find(guard, &to);
}
