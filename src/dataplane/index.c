/* SPDX-License-Identifier: MIT */
/* Indices are drawn by us from all 32 bits, so they are their own hash: nobody outside chooses
 * which bucket a keypair lands in.
 *
 * The table has a fixed number of buckets. liburcu's automatic growth would start a thread of its
 * own for a bound we know beforehand: a peer has at most previous, current and next.
 */
#include "dataplane/index.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/rcu.h"
#include "base/thread.h"
#include "crypto/aead.h"

#define KEYPAIRS_PER_PEER 3u
#define BUCKETS_MIN       64u
#define BUCKETS_MAX       (4u * PEERS_MAX)

/* A handshake on its way. Chained by the low bits of its index.
 *
 *   [I] set before it is in a chain   [C] control thread
 *   [U] control writes, others read under RCU
 */
struct reservation {
	struct reservation *next; /* [U] */
	uint32_t index;           /* [I] */
	void *owner;              /* [I] for control */
	struct rcu_head retired;  /* [C] */
};

/*   [I] set before the threads start   [C] control thread
 *   [U] control writes, others read under RCU
 */
struct index_table {
	struct cds_lfht *keypairs;         /* [U] */
	unsigned bucket_mask;              /* [I] */
	size_t keypair_count;              /* [C] */
	struct reservation *reservation[]; /* [U] bucket_mask + 1 chains */
};

struct index_table *index_create(unsigned peers)
{
	unsigned buckets = BUCKETS_MIN;

	while (buckets < BUCKETS_MAX && buckets < peers * KEYPAIRS_PER_PEER)
		buckets *= 2;

	struct index_table *table =
		calloc(1, sizeof *table + buckets * sizeof table->reservation[0]);

	if (!table)
		return NULL;
	table->bucket_mask = buckets - 1;
	table->keypairs = cds_lfht_new(buckets, BUCKETS_MIN, buckets, 0, NULL);
	if (!table->keypairs) {
		free(table);
		return NULL;
	}
	return table;
}

static struct keypair *keypair_of(struct cds_lfht_node *node)
{
	return caa_container_of(node, struct keypair, index_node);
}

static void remove_all_keypairs(struct index_table *table)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	rcu_read_lock();
	cds_lfht_for_each(table->keypairs, &iter, node)
	{
		if (!cds_lfht_del(table->keypairs, node))
			keypair_put(keypair_of(node));
	}
	rcu_read_unlock();
	table->keypair_count = 0;
}

void index_destroy(struct index_table *table)
{
	if (!table)
		return;
	thread_assert_role(THREAD_CONTROL);
	remove_all_keypairs(table);
	for (unsigned i = 0; i <= table->bucket_mask; i++)
		while (table->reservation[i])
			index_release(table, table->reservation[i]->index);

	int err = cds_lfht_destroy(table->keypairs, NULL);

	assert(!err); /* fails only when nodes are left */
	(void)err;
	free(table);
}

static int match_index(struct cds_lfht_node *node, const void *key)
{
	return keypair_of(node)->local_index == *(const uint32_t *)key;
}

struct keypair *index_lookup(struct index_table *table, uint32_t index)
{
	struct cds_lfht_iter iter;
	struct cds_lfht_node *node;

	rcu_read_lock(); /* free in QSBR: it says where the reader side is */
	cds_lfht_lookup(table->keypairs, index, match_index, &index, &iter);
	node = cds_lfht_iter_get_node(&iter);
	rcu_read_unlock();
	return node ? keypair_of(node) : NULL;
}

/* The link that points to the reservation of @index, or to the chain's end. */
static struct reservation **find_reservation(struct index_table *table, uint32_t index)
{
	struct reservation **at = &table->reservation[index & table->bucket_mask];

	while (*at && (*at)->index != index)
		at = &(*at)->next;
	return at;
}

int index_reserve(struct index_table *table, void *handshake_owner, uint32_t *ret_index)
{
	struct reservation *r = malloc(sizeof *r);
	struct reservation **at;

	thread_assert_role(THREAD_CONTROL);
	assert(handshake_owner);
	if (!r)
		return -ENOMEM;
	/* Of 2^32 indices a few thousand are taken: a second turn is already rare. */
	do {
		r->index = random_u32();
		at = find_reservation(table, r->index);
	} while (*at || index_lookup(table, r->index));
	r->owner = handshake_owner;
	r->next = NULL;
	rcu_assign_pointer(*at, r);
	*ret_index = r->index;
	return 0;
}

void *index_handshake_owner(struct index_table *table, uint32_t index)
{
	thread_assert_role(THREAD_CONTROL);

	const struct reservation *r = *find_reservation(table, index);

	return r ? r->owner : NULL;
}

enum index_use index_use(struct index_table *table, uint32_t index)
{
	const struct reservation *r;

	rcu_read_lock();
	r = rcu_dereference(table->reservation[index & table->bucket_mask]);
	while (r && r->index != index)
		r = rcu_dereference(r->next);
	rcu_read_unlock();
	if (r)
		return INDEX_RESERVED;
	/* A reservation that becomes a keypair is in this table before it leaves the other. */
	return index_lookup(table, index) ? INDEX_KEYPAIR : INDEX_FREE;
}

static void free_reservation(struct rcu_head *head)
{
	free(caa_container_of(head, struct reservation, retired));
}

void index_release(struct index_table *table, uint32_t index)
{
	thread_assert_role(THREAD_CONTROL);

	struct reservation **at = find_reservation(table, index);
	struct reservation *r = *at;

	if (!r)
		return;
	rcu_assign_pointer(*at, r->next);
	call_rcu(&r->retired, free_reservation);
}

int index_insert(struct index_table *table, struct keypair *kp)
{
	struct cds_lfht_node *node;

	thread_assert_role(THREAD_CONTROL);

	bool is_alive = keypair_get(kp);

	assert(is_alive); /* the caller's own reference keeps it so */
	(void)is_alive;
	cds_lfht_node_init(&kp->index_node);
	rcu_read_lock();
	node = cds_lfht_add_unique(table->keypairs, kp->local_index, match_index, &kp->local_index,
	                           &kp->index_node);
	rcu_read_unlock();
	if (node != &kp->index_node) {
		keypair_put(kp);
		return -EEXIST;
	}
	table->keypair_count++;
	index_release(table, kp->local_index);
	return 0;
}

bool index_remove(struct index_table *table, struct keypair *kp)
{
	thread_assert_role(THREAD_CONTROL);
	if (!kp || index_lookup(table, kp->local_index) != kp)
		return false;
	rcu_read_lock();
	cds_lfht_del(table->keypairs, &kp->index_node);
	rcu_read_unlock();
	table->keypair_count--;
	keypair_put(kp);
	return true;
}

size_t index_keypair_count(const struct index_table *table)
{
	return table->keypair_count;
}
