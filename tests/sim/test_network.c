/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "network.h"
#include "vtrunkd/limits.h"

#define HEARD_MAX 2000u

static struct net net;
static struct net_port *left, *right;

/* What came to any port, in order. */
static struct heard {
	struct net_port *port;
	struct endpoint from;
	uint64_t at_ns;
	unsigned number; /* the first byte */
} heard[HEARD_MAX];
static unsigned heard_len;

static struct endpoint at(const char *text)
{
	struct endpoint ep = {0};

	cr_assert(eq(int, endpoint_parse(text, 0, &ep), 0));
	return ep;
}

static void receive(struct net_port *port, const struct endpoint *from, const uint8_t *data,
                    size_t len, uint64_t now_ns)
{
	cr_assert(lt(uint, heard_len, HEARD_MAX));
	cr_assert(ge(ulong, len, 1));
	heard[heard_len++] = (struct heard){port, *from, now_ns, data[0]};
}

static void begin(uint64_t seed)
{
	struct endpoint a = at("10.0.0.1:1"), b = at("10.0.0.2:2");

	heard_len = 0;
	net_init(&net, seed, receive);
	left = net_open(&net, &a, NULL);
	right = net_open(&net, &b, NULL);
}

static void setup(void)
{
	begin(1);
}

static void teardown(void)
{
	net_fini(&net);
	cr_expect(eq(ulong, net.in_flight, 0));
}

TestSuite(network, .init = setup, .fini = teardown);

/* @count datagrams of @len bytes, @gap_ns apart, the first at 0. */
static void send_many(unsigned count, size_t len, uint64_t gap_ns)
{
	uint8_t data[NET_LEN_MAX] = {0};

	for (unsigned i = 0; i < count; i++) {
		data[0] = (uint8_t)i;
		net_run(&net, i * gap_ns);
		cr_assert(eq(int, net_send(&net, left, &right->address, data, len, i * gap_ns), 0));
	}
}

/* Event by event to the end. */
static void run_all(void)
{
	uint64_t next_ns;

	while ((next_ns = net_next_ns(&net)) != NEVER_NS)
		net_run(&net, next_ns);
}

Test(network, both_pipes_delay)
{
	left->up.delay_ns = 3 * NS_PER_MS;
	right->down.delay_ns = 4 * NS_PER_MS;
	send_many(1, 100, 0);
	run_all();
	cr_assert(eq(uint, heard_len, 1));
	cr_expect(eq(ptr, heard[0].port, right));
	cr_expect(endpoint_equal(&heard[0].from, &left->address));
	cr_expect(eq(u64, heard[0].at_ns, 7 * NS_PER_MS));
}

Test(network, rate_spreads_what_is_sent_at_once)
{
	left->up.rate_bps = 8 * MILLION; /* a byte per microsecond */
	right->down.delay_ns = NS_PER_MS;
	left->up.queue_ns = NS_PER_S;
	send_many(10, 1000, 0);
	run_all();
	cr_assert(eq(uint, heard_len, 10));
	for (unsigned i = 0; i < 10; i++)
		cr_expect(eq(u64, heard[i].at_ns, (i + 2) * NS_PER_MS));
}

Test(network, full_queue_loses)
{
	left->up.rate_bps = 8 * MILLION;
	left->up.queue_ns = 4 * NS_PER_MS;
	send_many(10, 1000, 0);
	run_all();
	cr_expect(eq(uint, heard_len, 5), "one is sent and four wait");
	cr_expect(eq(u64, net.lost, 5));
}

Test(network, jitter_keeps_the_order)
{
	left->up.delay_ns = left->up.jitter_ns = 20 * NS_PER_MS;
	send_many(200, 100, NS_PER_MS);
	run_all();
	cr_assert(eq(uint, heard_len, 200));
	for (unsigned i = 0; i < 200; i++)
		cr_expect(eq(uint, heard[i].number, i));
}

Test(network, what_is_late_is_overtaken)
{
	unsigned overtaken = 0;

	left->up.late_ppm = MILLION / 10;
	left->up.late_ns = 10 * NS_PER_MS;
	send_many(200, 100, NS_PER_MS);
	run_all();
	cr_assert(eq(uint, heard_len, 200));
	for (unsigned i = 1; i < 200; i++)
		overtaken += heard[i].number < heard[i - 1].number;
	cr_expect(lt(uint, 5, overtaken));
}

Test(network, loss_and_copies_are_as_frequent_as_asked_for)
{
	left->up.loss_ppm = MILLION / 4;
	right->down.copy_ppm = MILLION / 10;
	send_many(1000, 100, NS_PER_MS);
	run_all();
	cr_expect(lt(uint, 750, heard_len));
	cr_expect(lt(uint, heard_len, 900));
	cr_expect(eq(u64, net.lost + heard_len, net.sent));
}

Test(network, one_direction_dies_alone)
{
	uint8_t byte = 7;

	left->up.is_dead = true;
	send_many(1, 100, 0);
	net_send(&net, right, &left->address, &byte, 1, 0);
	run_all();
	cr_assert(eq(uint, heard_len, 1));
	cr_expect(eq(ptr, heard[0].port, left));
}

Test(network, what_was_on_its_way_to_the_old_address_is_lost)
{
	struct endpoint old = right->address, new = at("10.0.0.3:3");

	left->up.delay_ns = 10 * NS_PER_MS;
	send_many(1, 100, 0);
	net_move(&net, right, &new);
	run_all();
	cr_expect(eq(uint, heard_len, 0));
	cr_expect(eq(ptr, net_who_had(&net, &old), right), "remembered");
	send_many(1, 100, 0);
	run_all();
	cr_expect(eq(uint, heard_len, 1));
}

Test(network, source_is_the_address_at_which_it_left)
{
	struct endpoint new = at("10.0.0.3:3");

	net_move(&net, left, &new);
	send_many(1, 100, 0);
	run_all();
	cr_assert(eq(uint, heard_len, 1));
	cr_expect(endpoint_equal(&heard[0].from, &new));
}

Test(network, anybody_may_forge_a_source)
{
	struct endpoint nobody = at("10.9.9.9:9");
	uint8_t byte = 9;

	net_forge(&net, &nobody, &right->address, &byte, 1, 0);
	run_all();
	cr_assert(eq(uint, heard_len, 1));
	cr_expect(endpoint_equal(&heard[0].from, &nobody));
	cr_expect(eq(ptr, net_who_had(&net, &nobody), NULL));
}

Test(network, system_may_refuse)
{
	uint8_t byte = 0;

	left->refusal = EPERM;
	cr_expect(eq(int, net_send(&net, left, &right->address, &byte, 1, 0), -EPERM));
	cr_expect(eq(u64, net.sent, 0));
}

static unsigned passed;

static bool pass_every_second(struct net *n, const struct endpoint *from, const struct endpoint *to,
                              const uint8_t *data, size_t len, uint64_t now_ns)
{
	(void)n, (void)from, (void)to, (void)data, (void)len, (void)now_ns;
	return ++passed % 2;
}

Test(network, the_middle_sees_all_and_may_end_it)
{
	net.pass = pass_every_second;
	send_many(10, 100, 0);
	run_all();
	cr_expect(eq(uint, passed, 10));
	cr_expect(eq(uint, heard_len, 5));
}

/* A sum over what was heard when. */
static uint64_t history(uint64_t seed)
{
	uint64_t sum = 0;

	net_fini(&net);
	begin(seed);
	left->up = (struct net_pipe){.delay_ns = NS_PER_MS,
	                             .jitter_ns = 30 * NS_PER_MS,
	                             .loss_ppm = 100000,
	                             .copy_ppm = 50000,
	                             .late_ppm = 50000,
	                             .late_ns = 7 * NS_PER_MS};
	send_many(200, 300, NS_PER_MS);
	run_all();
	for (unsigned i = 0; i < heard_len; i++)
		sum = sum * 31 + heard[i].at_ns + heard[i].number;
	return sum;
}

Test(network, same_seed_same_history)
{
	cr_expect(eq(u64, history(5), history(5)));
	cr_expect(ne(u64, history(5), history(6)));
}
