/* SPDX-License-Identifier: MIT */
/* What waits for many peers in the read buffers of two dispatchers. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../bytes_rig.h"
#include "dataplane/backlog.h"
#include "ip_rig.h"

enum {
	SHORT = 1600,
	FLOODED = READ_WAIT_BYTES / (SHORT * STAGED_MAX) * 3 / 2, /* more than the memory holds
								   * with as many packets each
								   */
	QUIET = 300,
	PEERS = FLOODED + QUIET,
	FULL = 1420,   /* a packet of the usual MTU */
	STEPS = 40000, /* of random doings */
	AT_ONCE = 8,   /* peers in them: what they may have waiting fits */
	GSO_SIZE = 1000,
};

static const uint64_t start_ns = 1000 * NS_PER_S;
static struct read_pool pool[2];
static struct sender sender[PEERS];
static struct backlog backlog[PEERS];
static int wake_fd;
static struct sender_facts facts; /* nothing can be sent, unless a test says otherwise */

static void setup(void)
{
	wake_fd = eventfd(0, EFD_NONBLOCK);
	for (unsigned i = 0; i < 2; i++)
		cr_assert(eq(int, read_pool_init(&pool[i], i, SHORT, wake_fd), 0));
	for (unsigned i = 0; i < PEERS; i++) {
		sender_init(&sender[i]);
		backlog_init(&backlog[i], &sender[i]);
	}
}

/* All memory is there again when nothing waits any more. */
static void teardown(void)
{
	bool has_leak = false;

	for (unsigned i = 0; i < PEERS; i++) {
		while (backlog_drop(&backlog[i], NULL))
			;
		sender_fini(&sender[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		has_leak |= read_pool_spare(&pool[i]) != READ_WAIT_BYTES;
		has_leak |= !read_pool_has_room(&pool[i]);
		read_pool_fini(&pool[i]);
	}
	close(wake_fd);
	if (has_leak)
		abort(); /* what fails in .fini does not count */
}

TestSuite(backlog, .init = setup, .fini = teardown, .timeout = 60);

static void fill(uint8_t *packet, uint32_t seq, size_t len)
{
	struct test_random random = {seq};

	for (size_t i = 0; i < len; i++)
		packet[i] = (uint8_t)test_random_next(&random);
}

/* Drops what is too much as the sender says and as the memory does; returns how many packets. */
static unsigned drop_excess(unsigned of, uint64_t now_ns)
{
	struct send_run run;
	unsigned gone = 0;

	sender_next_run(&sender[of], &facts, now_ns, &run);
	for (; backlog_excess(&backlog[of], now_ns) != SENDER_KEEPS; gone++)
		cr_assert(backlog_drop(&backlog[of], &pool[0]));
	return gone;
}

/* What was read waits for peer @to. */
static unsigned wait_for(unsigned to, struct read_buffer *read, size_t len, uint64_t now_ns)
{
	const struct send_class class = {0};

	backlog_add(&backlog[to], read_pool_keep(read->home, read, len), &class, &backlog[to],
	            now_ns);
	return drop_excess(to, now_ns);
}

static unsigned add_from(struct read_pool *from, unsigned to, uint32_t seq, size_t len,
                         uint64_t now_ns)
{
	struct virtio_net_hdr header = {0};
	struct read_buffer *read;

	cr_assert(read_pool_has_room(from));
	read = read_pool_next(from);
	fill(read->data, seq, len);
	cr_assert(eq(uint, super_packet_begin(&read->cut, &header, read->data, len), 1));
	return wait_for(to, read, len, now_ns);
}

static unsigned add(unsigned to, uint32_t seq, size_t len, uint64_t now_ns)
{
	return add_from(&pool[0], to, seq, len, now_ns);
}

static uint64_t waiting(unsigned of)
{
	return sender[of].waiting.packets;
}

/* Cuts the next packet of @of into @dst as whoever has memory for a run does. Returns its length.
 */
static size_t take(unsigned of, uint8_t *dst)
{
	struct path_table table = {.mode = BONDING_AGGREGATE, .len = 1, .slot[0].weight = 1};
	const struct sender_facts all = {.table = &table, .has_session = true};
	struct send_ticket *ticket;
	struct send_run run;

	cr_assert(eq(int, sender_next_run(&sender[of], &all, start_ns, &run), SENDER_RUN));
	ticket = sender_take(&sender[of], &run);
	cr_assert(ne(ptr, ticket, NULL));
	backlog_cut(&backlog[of], ticket, dst, &pool[0]);
	sender_sent(&sender[of], &all, &run, NULL, start_ns);
	return run.bytes;
}

/* The first packet of @of is number @seq of @len bytes; takes it out. */
static void expect_first(unsigned of, uint32_t seq, size_t len)
{
	static uint8_t want[UINT16_MAX], got[UINT16_MAX + 1];

	cr_assert(not(backlog_is_empty(&backlog[of])));
	got[len] = 0xa5;
	cr_assert(eq(sz, take(of, got), len));
	fill(want, seq, len);
	cr_assert(eq(int, memcmp(got, want, len), 0), "packet %u was changed", seq);
	cr_assert(eq(u8, got[len], 0xa5));
}

Test(backlog, packets_of_every_length_come_back_in_order)
{
	for (uint32_t len = 1; len <= SHORT + 400; len += 50) {
		for (uint32_t i = 0; i < 50; i++)
			cr_assert(eq(uint, add(0, len + i, len + i, start_ns), 0));
		cr_expect(eq(u64, waiting(0), 50));
		for (uint32_t i = 0; i < 50; i++)
			expect_first(0, len + i, len + i);
		cr_expect(backlog_is_empty(&backlog[0]));
	}
	add(0, 1, UINT16_MAX, start_ns);
	expect_first(0, 1, UINT16_MAX);
}

Test(backlog, oldest_of_a_peer_gives_way_when_it_has_enough)
{
	add(1, 0, 60, start_ns);
	for (uint32_t i = 0; i < STAGED_MAX; i++)
		cr_assert(eq(uint, add_from(&pool[i % 2], 0, i, 60, start_ns), 0));
	cr_expect(eq(uint, add(0, STAGED_MAX, 60, start_ns), 1));
	cr_expect(eq(u64, waiting(0), STAGED_MAX));
	expect_first(0, 1, 60);
	cr_expect(eq(u64, waiting(1), 1));
}

Test(backlog, packets_expire_at_their_age_and_not_before)
{
	uint64_t due_ns = start_ns + SENDER_AGE_NS;

	cr_expect(eq(u64, sender_alarm_ns(&sender[0]), NEVER_NS));
	add(0, 0, FULL, start_ns);
	add(0, 1, FULL, start_ns + 1);
	add(0, 2, FULL, start_ns + 2);
	cr_expect(eq(u64, sender_alarm_ns(&sender[0]), due_ns));
	cr_expect(eq(uint, drop_excess(0, due_ns - 1), 0));
	cr_expect(eq(uint, drop_excess(0, due_ns + 1), 2));
	cr_expect(eq(u64, sender_alarm_ns(&sender[0]), due_ns + 2));
	expect_first(0, 2, FULL);
	cr_expect(eq(u64, sender_alarm_ns(&sender[0]), NEVER_NS));
}

/* ---- super-packets ---- */

static const struct ip_spec tcp = {.protocol = TCP,
                                   .host = {1, 2},
                                   .ttl = 64,
                                   .id = 7,
                                   .fragment = DF,
                                   .port = {5000, 80},
                                   .seq = 1000,
                                   .flags = ACK | PSH,
                                   .window = 500};
static uint8_t payload[60000];

/* One of @len bytes of payload waits for peer @to. Returns how many packets gave way. */
static unsigned add_super(unsigned to, size_t len, unsigned *ret_count)
{
	struct virtio_net_hdr header;
	struct read_buffer *read;
	size_t bytes;

	cr_assert(read_pool_has_room(&pool[0]));
	read = read_pool_next(&pool[0]);
	bytes = build_unfinished(read->data, &header, &tcp, payload, len, GSO_SIZE);
	*ret_count = super_packet_begin(&read->cut, &header, read->data, bytes);
	cr_assert(eq(uint, *ret_count, (unsigned)((len + GSO_SIZE - 1) / GSO_SIZE)));
	return wait_for(to, read, bytes, start_ns);
}

static void expect_segments(unsigned of, size_t len, unsigned first, unsigned count)
{
	static uint8_t want[IP_RIG_PACKET_MAX], got[IP_RIG_PACKET_MAX];

	for (unsigned i = first; i < count; i++) {
		size_t n = build_segment(want, &tcp, payload, len, GSO_SIZE, i, count);

		cr_assert(eq(sz, take(of, got), n), "segment %u", i);
		cr_assert(eq(int, memcmp(got, want, n), 0), "segment %u", i);
	}
}

Test(backlog, super_packet_waits_as_it_was_read_and_is_cut_when_it_goes)
{
	int64_t before = read_pool_spare(&pool[0]);
	unsigned count;

	seed_random(1);
	fill_random(payload, sizeof payload);
	cr_expect(eq(uint, add_super(0, 45500, &count), 0));
	cr_expect(eq(u64, waiting(0), 46));
	cr_expect(eq(u64, sender[0].waiting.bytes, 45500 + 46 * headers_len_of(&tcp)));
	cr_expect(le(i64, before - read_pool_spare(&pool[0]), SUPER_PACKET_BYTES_MAX + 64));
	expect_segments(0, 45500, 0, count);
	cr_expect(backlog_is_empty(&backlog[0]));
	cr_expect(eq(i64, read_pool_spare(&pool[0]), before));
}

/* The oldest packets of the first one give way, the others stay what they are. */
Test(backlog, super_packets_give_way_packet_by_packet)
{
	unsigned count, gone = 0;

	seed_random(2);
	fill_random(payload, sizeof payload);
	for (unsigned i = 0; i < 3; i++)
		gone += add_super(0, 50000, &count);
	cr_expect(eq(uint, gone, 3 * count - STAGED_MAX));
	expect_segments(0, 50000, gone, count);
	expect_segments(0, 50000, 0, count);
	expect_segments(0, 50000, 0, count);
	cr_expect(backlog_is_empty(&backlog[0]));
}

/* ---- memory that many share ---- */

/* Floods of many peers, a packet now and then for others: none of these gives way. */
Test(backlog, flooded_peers_do_not_push_out_what_others_wait_with)
{
	enum {
		FIRST_QUIET = FLOODED
	};

	for (uint32_t i = 0; i < QUIET; i++)
		cr_assert(eq(uint, add(FIRST_QUIET + i, i, 60, start_ns), 0));
	for (uint32_t i = 0; i < 2 * STAGED_MAX * FLOODED; i++)
		add(i % FLOODED, i, FULL, start_ns);
	cr_expect(lt(u64, waiting(0), STAGED_MAX), "the memory is full");
	for (uint32_t i = 0; i < QUIET; i++) {
		cr_assert(eq(uint, add(FIRST_QUIET + i, 1000 + i, 60, start_ns), 0));
		add(i % FLOODED, i, FULL, start_ns);
	}
	for (uint32_t i = 0; i < QUIET; i++) {
		cr_assert(eq(u64, waiting(FIRST_QUIET + i), 2), "peer %u", i);
		expect_first(FIRST_QUIET + i, i, 60);
		expect_first(FIRST_QUIET + i, 1000 + i, 60);
	}
	for (unsigned i = 0; i < FLOODED; i++)
		cr_expect(lt(u64, 10, waiting(i)));
}

/* Bulk waits for the path of peer @of, however much of it: that has enough for a while. */
static void hold_up(unsigned of)
{
	static struct path_table table = {.mode = BONDING_AGGREGATE, .len = 1, .slot[0].weight = 1};
	struct path_model *model = stripe_model(&sender[of].stripe, 0);

	capacity_train(&model->capacity, 1000000);
	path_model_sent(model, 1000000, 1, start_ns);
	facts = (struct sender_facts){
		.table = &table, .has_session = true, .is_reporting = true, .is_learned = true};
}

/* Super-packets take much: a peer that gets them alone has half of the memory, not all. */
Test(backlog, one_peer_never_holds_more_than_is_free)
{
	unsigned count;

	hold_up(0);
	for (unsigned i = 0; i < READ_WAIT_BYTES / SUPER_PACKET_BYTES_MAX; i++)
		add_super(0, 2 * GSO_SIZE, &count);
	cr_expect(le(i64, backlog[0].held[0], read_pool_spare(&pool[0])));
	cr_expect(lt(i64, READ_WAIT_BYTES / 2 - 70000, backlog[0].held[0]), "nor much less");
	cr_expect(lt(u64, STAGED_MAX, waiting(0)), "that counts only while nothing can be sent");
	facts = (struct sender_facts){0};
	for (uint32_t i = 0; i < PEERS - 1; i++)
		cr_assert(eq(uint, add(1 + i, i, FULL, start_ns), 0));
}

/* A peer that has much of one dispatcher's, when that is full, gets what another one reads. */
Test(backlog, what_counts_is_the_memory_of_the_newest_read)
{
	struct sender_facts held_up;
	unsigned count, n = 0;

	hold_up(0);
	held_up = facts;
	for (unsigned i = 0; i < READ_WAIT_BYTES / SUPER_PACKET_BYTES_MAX / 3; i++)
		cr_assert(eq(uint, add_super(0, 2 * GSO_SIZE, &count), 0));
	facts = (struct sender_facts){0};
	while (n < PEERS * STAGED_MAX && !add(1 + n % (PEERS - 1), n, FULL, start_ns))
		n++;
	cr_assert(lt(uint, n, PEERS * STAGED_MAX), "the memory is full");
	facts = held_up;
	cr_expect(eq(uint, add_from(&pool[1], 0, 5, FULL, start_ns), 0));
	cr_expect(lt(uint, 0, add_from(&pool[0], 0, 6, FULL, start_ns)));
}

/* A flood of one dispatcher's is nothing to the others. */
Test(backlog, each_dispatcher_has_memory_of_its_own)
{
	unsigned n = 0;

	while (n < PEERS * STAGED_MAX && !add(n % (PEERS - 1), n, FULL, start_ns))
		n++;
	cr_expect(eq(i64, read_pool_spare(&pool[1]), READ_WAIT_BYTES));
	cr_expect(eq(uint, add_from(&pool[1], PEERS - 1, 5, FULL, start_ns), 0));
	expect_first(PEERS - 1, 5, FULL);
}

/* As many peers as fit have a packet each, twice: what was given back is used again. */
Test(backlog, memory_is_bounded_and_all_of_it_comes_back)
{
	unsigned fit[2];

	for (unsigned round = 0; round < 2; round++) {
		unsigned n = 0;

		while (!add(n % PEERS, n, 100, start_ns))
			n++;
		fit[round] = n;
		for (unsigned i = 0; i < PEERS; i++) {
			while (backlog_drop(&backlog[i], i % 2 ? &pool[0] : NULL))
				;
		}
		cr_expect(eq(i64, read_pool_spare(&pool[0]), READ_WAIT_BYTES));
		cr_assert(read_pool_has_room(&pool[0]));
	}
	cr_expect(lt(uint, PEERS_MAX, fit[0]));
	cr_expect(le(uint, fit[0], READ_WAIT_BYTES / SHORT));
	cr_expect(eq(uint, fit[1], fit[0]));
}

/* ---- against a slow and obvious one ---- */

struct entry {
	uint32_t seq;
	unsigned len, of;
	uint64_t since_ns;
};

/* All packets, the oldest first. */
static struct entry model[AT_ONCE * STAGED_MAX + 1];
static unsigned model_len;

static int model_first(unsigned of)
{
	for (unsigned i = 0; i < model_len; i++)
		if (model[i].of == of)
			return (int)i;
	return -1;
}

static void model_remove(int at)
{
	model_len--;
	memmove(&model[at], &model[at + 1], (model_len - (unsigned)at) * sizeof *model);
}

/* Those that are too old; returns how many. */
static unsigned model_expire(unsigned of, uint64_t now_ns)
{
	unsigned gone = 0;
	int at;

	for (; (at = model_first(of)) >= 0 && model[at].since_ns + SENDER_AGE_NS <= now_ns; gone++)
		model_remove(at);
	return gone;
}

static void step_add(struct test_random *random, uint32_t seq, uint64_t now_ns)
{
	struct entry e = {seq, 1 + (unsigned)(test_random_next(random) % 1500),
	                  (unsigned)(test_random_next(random) % AT_ONCE), now_ns};
	unsigned gone = model_expire(e.of, now_ns);

	if (waiting(e.of) - gone == STAGED_MAX) {
		model_remove(model_first(e.of));
		gone++;
	}
	cr_assert(eq(uint, add_from(&pool[seq % 2], e.of, seq, e.len, now_ns), gone));
	model[model_len++] = e;
}

static void step_take(struct test_random *random)
{
	unsigned of = (unsigned)(test_random_next(random) % AT_ONCE);
	int at = model_first(of);

	cr_assert(eq(int, at < 0, backlog_is_empty(&backlog[of])));
	if (at < 0)
		return;
	expect_first(of, model[at].seq, model[at].len);
	model_remove(at);
}

Test(backlog, random_doings_agree_with_a_plain_list)
{
	struct test_random random = test_random_seeded("backlog");
	uint64_t now_ns = start_ns;

	for (uint32_t i = 0; i < STEPS; i++) {
		unsigned what = (unsigned)(test_random_next(&random) % 100);
		unsigned of = i % AT_ONCE;

		now_ns += test_random_next(&random) % (10 * NS_PER_MS);
		if (what < 60)
			step_add(&random, i, now_ns);
		else if (what < 98)
			step_take(&random);
		else
			cr_assert(eq(uint, drop_excess(of, now_ns), model_expire(of, now_ns)));
	}
	for (unsigned i = 0; i < AT_ONCE; i++) {
		while (model_first(i) >= 0) {
			expect_first(i, model[model_first(i)].seq, model[model_first(i)].len);
			model_remove(model_first(i));
		}
		cr_expect(backlog_is_empty(&backlog[i]));
	}
}
