/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../bytes_rig.h"
#include "dataplane/read_buffer.h"

#define SHORT 1600u

static struct read_pool pool;
static int wake_fd;

static void setup(void)
{
	wake_fd = eventfd(0, EFD_NONBLOCK);
	cr_assert(le(int, 0, wake_fd));
	cr_assert(eq(int, read_pool_init(&pool, 3, SHORT, wake_fd), 0));
}

static void teardown(void)
{
	read_pool_fini(&pool);
	close(wake_fd);
}

TestSuite(read_buffer, .init = setup, .fini = teardown, .timeout = 60);

/* As read() would: @len bytes made of @seed, to be kept. */
static struct read_buffer *receive(uint64_t seed, size_t len)
{
	struct test_random random = {seed};
	struct read_buffer *r;

	cr_assert(read_pool_has_room(&pool));
	r = read_pool_next(&pool);
	for (size_t i = 0; i < len; i++)
		r->data[i] = (uint8_t)test_random_next(&random);
	return read_pool_keep(&pool, r, len);
}

static void expect_bytes(const struct read_buffer *r, uint64_t seed, size_t len)
{
	struct test_random random = {seed};
	size_t wrong = 0;

	for (size_t i = 0; i < len; i++)
		wrong += r->data[i] != (uint8_t)test_random_next(&random);
	cr_expect(eq(sz, wrong, 0), "of %zu", len);
}

Test(read_buffer, what_is_kept_stays_as_it_was_read)
{
	static const size_t lens[] = {1,         20,        SHORT - 1, SHORT,
	                              SHORT + 1, SHORT * 2, 40000,     SUPER_PACKET_BYTES_MAX};
	struct read_buffer *r[8];

	for (unsigned i = 0; i < 8; i++) {
		r[i] = receive(i, lens[i]);
		cr_expect(eq(uint, r[i]->home->id, 3));
		cr_expect(eq(ptr, r[i]->next, NULL));
	}
	for (unsigned i = 0; i < 8; i++) {
		expect_bytes(r[i], i, lens[i]);
		cr_expect(eq(int, r[i]->is_long, lens[i] > pool.short_bytes));
		read_buffer_put(r[i], i % 2 ? &pool : NULL);
	}
}

/* What the long buffer holds later is nothing to it. */
Test(read_buffer, what_is_still_to_be_cut_is_cut_out_of_the_copy)
{
	struct virtio_net_hdr header = {0};
	struct read_buffer *from, *r;
	uint8_t packet[100];

	cr_assert(read_pool_has_room(&pool));
	from = read_pool_next(&pool);
	memset(from->data, 7, sizeof packet);
	from->data[0] = 0x45;
	cr_assert(eq(uint, super_packet_begin(&from->cut, &header, from->data, sizeof packet), 1));
	r = read_pool_keep(&pool, from, sizeof packet);
	memset(from->data, 0, sizeof packet); /* the next read */
	cr_assert(eq(sz, super_packet_next_len(&r->cut), sizeof packet));
	super_packet_next(&r->cut, packet);
	cr_expect(eq(uint, packet[0], 0x45));
	cr_expect(eq(uint, packet[99], 7));
	read_buffer_put(r, &pool);
}

Test(read_buffer, what_is_not_kept_is_read_into_again)
{
	struct read_buffer *next, *kept;

	cr_assert(read_pool_has_room(&pool));
	next = read_pool_next(&pool);
	read_buffer_put(receive(1, 100), &pool); /* a copy of it */
	cr_expect(eq(ptr, read_pool_next(&pool), next));
	kept = receive(2, 30000);
	cr_expect(eq(ptr, kept, next));
	cr_assert(read_pool_has_room(&pool));
	cr_expect(ne(ptr, read_pool_next(&pool), next));
	read_buffer_put(kept, &pool);
	cr_expect(eq(ptr, read_pool_next(&pool), next), "still warm");
}

/* Between the read and the decision about it others may come home. */
Test(read_buffer, what_was_read_is_kept_though_others_came_home_since)
{
	struct read_buffer *others[2] = {receive(1, 30000), receive(2, 30000)}, *read, *r[2];
	struct test_random random = {3};

	cr_assert(read_pool_has_room(&pool));
	read = read_pool_next(&pool);
	for (size_t i = 0; i < 20000; i++)
		read->data[i] = (uint8_t)test_random_next(&random);
	for (unsigned i = 0; i < 2; i++)
		read_buffer_put(others[i], &pool);
	r[0] = read_pool_keep(&pool, read, 100);
	r[1] = read_pool_keep(&pool, read, 20000);
	expect_bytes(r[0], 3, 100);
	expect_bytes(r[1], 3, 20000);
	for (unsigned i = 0; i < 2; i++)
		cr_expect(ne(ptr, others[i], r[1]));
	cr_expect(eq(ptr, read_pool_next(&pool), others[1]));
	for (unsigned i = 0; i < 2; i++)
		read_buffer_put(r[i], &pool);
}

Test(read_buffer, last_given_back_is_taken_first)
{
	struct read_buffer *a = receive(1, 100), *b = receive(2, 100);

	read_buffer_put(a, &pool);
	read_buffer_put(b, &pool);
	cr_expect(eq(ptr, receive(3, 100), b));
	cr_expect(eq(ptr, receive(4, 100), a));
	read_buffer_put(a, &pool);
	read_buffer_put(b, &pool);
}

static bool is_woken(void)
{
	eventfd_t count;

	return eventfd_read(wake_fd, &count) == 0;
}

/* Of short ones, or of long ones: without either no read is safe. */
static void use_up(size_t len)
{
	struct read_buffer *taken = NULL, *r;
	unsigned count = 0;

	for (; read_pool_has_room(&pool); count++) {
		r = receive(count, len);
		r->next = taken;
		taken = r;
	}
	cr_expect(lt(uint, 10, count));
	cr_expect(not(is_woken()));
	r = taken;
	taken = r->next;
	read_buffer_put(r, NULL);
	cr_expect(is_woken());
	cr_expect(read_pool_has_room(&pool));
	for (; (r = taken); read_buffer_put(r, NULL))
		taken = r->next;
	cr_expect(not(is_woken()), "nobody waits any more");
}

Test(read_buffer, who_finds_none_is_woken_when_one_came_home)
{
	use_up(100);
	use_up(30000);
	use_up(100);
}

static struct read_buffer *put_all(struct read_buffer *taken)
{
	for (struct read_buffer *r; (r = taken); read_buffer_put(r, NULL))
		taken = r->next;
	return NULL;
}

/* As many as there may be in transit. Returns them, linked. */
static struct read_buffer *fill_transit(size_t len, unsigned *ret_count)
{
	struct read_buffer *taken = NULL, *r;

	for (*ret_count = 0; read_pool_has_room(&pool); ++*ret_count) {
		r = receive(*ret_count, len);
		r->next = taken;
		taken = r;
	}
	return taken;
}

/* Up to READ_WAIT_BYTES wait, and there may be as many in transit as while nothing waits. */
static void wait_beside_transit(size_t len)
{
	struct read_buffer *waiting = NULL, *taken;
	unsigned alone, beside, count = 0;
	int holder;

	put_all(fill_transit(len, &alone));
	for (; read_pool_spare(&pool) >= pool.stock[len > SHORT].stride; count++) {
		struct read_buffer *r = receive(count, len);

		read_buffer_wait(r, &holder);
		r->next = waiting;
		waiting = r;
	}
	cr_expect(eq(uint, count, READ_WAIT_BYTES / pool.stock[len > SHORT].stride));
	taken = fill_transit(len, &beside);
	cr_expect(eq(uint, beside, alone));
	for (struct read_buffer *r = waiting; r; r = r->next)
		expect_bytes(r, --count, len);
	put_all(taken);
	put_all(waiting);
	cr_expect(eq(i64, read_pool_spare(&pool), READ_WAIT_BYTES));
	put_all(fill_transit(len, &alone));
	cr_expect(eq(uint, beside, alone));
}

Test(read_buffer, what_waits_is_not_in_the_way_of_what_is_in_transit)
{
	wait_beside_transit(100);
	wait_beside_transit(SHORT + 1);
}

Test(read_buffer, who_finds_none_is_woken_when_one_is_no_longer_in_transit)
{
	struct read_buffer *taken;
	unsigned count;
	int holder;

	taken = fill_transit(100, &count);
	cr_expect(not(is_woken()));
	read_buffer_wait(taken, &holder);
	cr_expect(is_woken());
	cr_expect(read_pool_has_room(&pool));
	put_all(taken);
}

/* Memory is taken as far as it is needed at once, and the rest is never touched. */
Test(read_buffer, those_that_came_home_are_used_before_new_ones)
{
	for (unsigned i = 0; i < 1000; i++) {
		struct read_buffer *r[3] = {receive(i, 100), receive(i, 100), receive(i, 5000)};

		for (unsigned k = 0; k < 3; k++)
			read_buffer_put(r[k], i % 2 ? &pool : NULL);
	}
	cr_expect(le(uint, pool.stock[false].used, 3));
	cr_expect(le(uint, pool.stock[true].used, 2));
}

static struct read_buffer *held[2];

static void empty(void *holder)
{
	struct read_buffer **its = holder;

	read_buffer_put(*its, NULL);
	*its = NULL;
}

Test(read_buffer, holders_are_told_to_let_go)
{
	struct read_buffer *in_transit = receive(0, 100);

	held[0] = receive(1, 100);
	held[1] = receive(2, 5000);
	for (unsigned i = 0; i < 2; i++)
		read_buffer_wait(held[i], &held[i]);
	read_pool_evict(&pool, empty);
	cr_expect(eq(ptr, held[0], NULL));
	cr_expect(eq(ptr, held[1], NULL));
	cr_expect(eq(i64, read_pool_spare(&pool), READ_WAIT_BYTES));
	read_buffer_put(in_transit, &pool);
}

Test(read_buffer, pool_that_never_was_is_ended_like_any_other)
{
	static struct read_pool none; /* sanitizers align the stack less than it wants */

	read_pool_fini(&none);
	read_pool_fini(&pool);
	read_pool_fini(&pool);
}
