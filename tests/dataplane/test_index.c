/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rcu.h"
#include "base/thread.h"
#include "crypto/init.h"
#include "crypto/keypair.h"
#include "dataplane/index.h"

static struct index_table *table;
static int owner_a, owner_b;

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	table = index_create(4);
	cr_assert(ne(ptr, table, NULL));
}

static void teardown(void)
{
	index_destroy(table);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(index, .init = setup, .fini = teardown);

static struct keypair *create_keypair(uint32_t index)
{
	struct keypair *kp = keypair_create(true, index, 1, 1);

	cr_assert(ne(ptr, kp, NULL));
	return kp;
}

static unsigned references(struct keypair *kp)
{
	return reference_count(&kp->references);
}

Test(index, reserved_index_leads_to_its_handshake_and_to_no_keypair)
{
	uint32_t a, b;

	cr_assert(eq(int, index_reserve(table, &owner_a, &a), 0));
	cr_assert(eq(int, index_reserve(table, &owner_b, &b), 0));
	cr_expect(ne(u32, a, b));
	cr_expect(eq(ptr, index_handshake_owner(table, a), &owner_a));
	cr_expect(eq(ptr, index_handshake_owner(table, b), &owner_b));
	cr_expect(eq(ptr, index_lookup(table, a), NULL));
	cr_expect(eq(int, index_use(table, a), INDEX_RESERVED));

	index_release(table, a);
	index_release(table, a);
	cr_expect(eq(ptr, index_handshake_owner(table, a), NULL));
	cr_expect(eq(int, index_use(table, a), INDEX_FREE));
	cr_expect(eq(int, index_use(table, b), INDEX_RESERVED));
	cr_expect(eq(ptr, index_handshake_owner(table, b), &owner_b));
}

Test(index, inserted_keypair_takes_the_place_of_its_reservation)
{
	uint32_t index;

	cr_assert(eq(int, index_reserve(table, &owner_a, &index), 0));

	struct keypair *kp = create_keypair(index);

	cr_assert(eq(int, index_insert(table, kp), 0));
	cr_expect(eq(ptr, index_lookup(table, index), kp));
	cr_expect(eq(ptr, index_handshake_owner(table, index), NULL));
	cr_expect(eq(ptr, index_lookup(table, index + 1), NULL));
	cr_expect(eq(int, index_use(table, index), INDEX_KEYPAIR));
	cr_expect(eq(int, index_use(table, index + 1), INDEX_FREE));
	cr_expect(eq(sz, index_keypair_count(table), 1));
	keypair_put(kp);
}

Test(index, table_holds_one_reference_from_insert_to_remove)
{
	struct keypair *kp = create_keypair(7);

	cr_assert(eq(int, index_insert(table, kp), 0));
	cr_expect(eq(uint, references(kp), 2));
	cr_expect(index_remove(table, kp));
	cr_expect(eq(uint, references(kp), 1));
	cr_expect(eq(ptr, index_lookup(table, 7), NULL));
	cr_expect(eq(sz, index_keypair_count(table), 0));
	keypair_put(kp);
}

Test(index, removing_what_is_not_there_changes_nothing)
{
	struct keypair *in = create_keypair(7), *out = create_keypair(7), *far = create_keypair(8);

	cr_assert(eq(int, index_insert(table, in), 0));
	cr_expect(not(index_remove(table, out)));
	cr_expect(not(index_remove(table, far)));
	cr_expect(not(index_remove(table, NULL)));
	cr_expect(eq(ptr, index_lookup(table, 7), in));
	cr_expect(eq(uint, references(out), 1));
	cr_expect(index_remove(table, in));
	cr_expect(not(index_remove(table, in)));
	keypair_put(in);
	keypair_put(out);
	keypair_put(far);
}

Test(index, second_keypair_of_one_index_is_refused_and_not_kept)
{
	struct keypair *first = create_keypair(7), *second = create_keypair(7);

	cr_assert(eq(int, index_insert(table, first), 0));
	cr_expect(eq(int, index_insert(table, second), -EEXIST));
	cr_expect(eq(uint, references(second), 1));
	cr_expect(eq(ptr, index_lookup(table, 7), first));
	keypair_put(first);
	keypair_put(second);
}

Test(index, edge_indices_and_equal_low_bits_are_told_apart)
{
	static const uint32_t edges[] = {0,          1,          0x10001,    0x20001,
	                                 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff};
	struct keypair *kp[8];

	for (unsigned i = 0; i < 8; i++) {
		kp[i] = create_keypair(edges[i]);
		cr_assert(eq(int, index_insert(table, kp[i]), 0));
		keypair_put(kp[i]);
	}
	for (unsigned i = 0; i < 8; i++)
		cr_expect(eq(ptr, index_lookup(table, edges[i]), kp[i]));
	cr_expect(eq(ptr, index_lookup(table, 0x30001), NULL));
}

Test(index, more_peers_than_expected_still_find_all_of_theirs)
{
	enum {
		N = 1000
	};
	static uint32_t index[N];
	static struct keypair *kp[N];
	unsigned missing = 0;

	for (unsigned i = 0; i < N; i++) {
		cr_assert(eq(int, index_reserve(table, &owner_a, &index[i]), 0));
		kp[i] = create_keypair(index[i]);
		if (i % 2)
			cr_assert(eq(int, index_insert(table, kp[i]), 0));
	}
	for (unsigned i = 0; i < N; i++) {
		struct keypair *want = i % 2 ? kp[i] : NULL;

		missing += index_lookup(table, index[i]) != want;
		missing += index_handshake_owner(table, index[i]) != (want ? NULL : &owner_a);
		keypair_put(kp[i]);
	}
	cr_expect(eq(uint, missing, 0));
}

Test(index, destroy_accepts_nothing)
{
	index_destroy(NULL);
}

/* Readers look up indices that stay, which must be found, and indices that come and go, which must
 * be absent or right. The sanitizers look out for keypairs freed too early.
 */
enum {
	STAYING = 16,
	CHANGING = 16,
	CHANGES = 20000,
	READERS = 2
};

static uint32_t staying[STAYING];
static struct keypair *staying_keypair[STAYING];
static uint32_t reserved;
static _Atomic uint32_t changing[CHANGING];
static atomic_bool is_over;
static pthread_barrier_t all_ready;

struct reader {
	struct thread thread;
	_Atomic uint64_t found; /* keypairs among those that come and go */
	uint64_t faults;
};

static void read_once(struct reader *r, unsigned i)
{
	uint32_t index = atomic_load_explicit(&changing[i % CHANGING], memory_order_relaxed);
	struct keypair *kp = index_lookup(table, index);

	r->faults += index_lookup(table, staying[i % STAYING]) != staying_keypair[i % STAYING];
	r->faults += index_use(table, staying[i % STAYING]) != INDEX_KEYPAIR;
	r->faults += index_use(table, reserved) != INDEX_RESERVED;
	index_use(table, index); /* whatever it is by now */
	if (!kp)
		return;
	atomic_fetch_add_explicit(&r->found, 1, memory_order_relaxed);
	r->faults += kp->local_index != index;
	if (keypair_get(kp))
		keypair_put(kp);
}

static void read_until_over(void *arg)
{
	struct reader *r = arg;

	rcu_thread_offline();
	pthread_barrier_wait(&all_ready);
	rcu_thread_online();
	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		for (unsigned i = 0; i < 64; i++)
			read_once(r, i);
		rcu_quiescent_state();
	}
}

static void insert_staying(void)
{
	cr_assert(eq(int, index_reserve(table, &owner_a, &reserved), 0));
	for (unsigned i = 0; i < STAYING; i++) {
		cr_assert(eq(int, index_reserve(table, &owner_a, &staying[i]), 0));
		staying_keypair[i] = create_keypair(staying[i]);
		cr_assert(eq(int, index_insert(table, staying_keypair[i]), 0));
		keypair_put(staying_keypair[i]);
	}
}

static void change_one(struct keypair **kp, _Atomic uint32_t *index)
{
	uint32_t next;

	cr_assert(index_remove(table, *kp) || !*kp);
	keypair_put(*kp);
	cr_assert(eq(int, index_reserve(table, &owner_b, &next), 0));
	*kp = create_keypair(next);
	cr_assert(eq(int, index_insert(table, *kp), 0));
	/* Relaxed: a reader that sees the new index early only fails to find it. */
	atomic_store_explicit(index, next, memory_order_relaxed);
	rcu_quiescent_state();
}

/* Until then the changes go on: a reader that was never scheduled proves nothing. */
static bool all_have_found(struct reader *readers)
{
	for (unsigned i = 0; i < READERS; i++)
		if (!atomic_load_explicit(&readers[i].found, memory_order_relaxed))
			return false;
	return true;
}

Test(index, lookups_beside_inserts_and_removes_are_absent_or_right)
{
	static struct reader readers[READERS];
	struct keypair *kp[CHANGING] = {0};

	insert_staying();
	pthread_barrier_init(&all_ready, NULL, READERS + 1);
	for (unsigned i = 0; i < READERS; i++)
		cr_assert(eq(int,
		             thread_start(&readers[i].thread, "reader", THREAD_RX, -1,
		                          read_until_over, &readers[i]),
		             0));
	rcu_thread_offline();
	pthread_barrier_wait(&all_ready);
	rcu_thread_online();
	for (unsigned i = 0; i < CHANGES || !all_have_found(readers); i++)
		change_one(&kp[i % CHANGING], &changing[i % CHANGING]);
	atomic_store_explicit(&is_over, true, memory_order_relaxed);

	rcu_thread_offline();
	for (unsigned i = 0; i < READERS; i++)
		thread_join(&readers[i].thread);
	rcu_thread_online();
	for (unsigned i = 0; i < READERS; i++)
		cr_expect(eq(u64, readers[i].faults, 0));
	for (unsigned i = 0; i < CHANGING; i++)
		keypair_put(kp[i]);
}
