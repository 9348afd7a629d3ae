/* SPDX-License-Identifier: MIT */
/* The thread as it runs; the test is control, and the stranger. */
#include "control/gate.h"

#include <netinet/udp.h>

#include "../dataplane/engine_rig.h"
#include "base/log.h"
#include "control/budget.h"
#include "crypto/cookie.h"
#include "dataplane/inject.h"

#define MESSAGE_LEN sizeof(struct message_initiation)

static struct rig_end end;
static struct gate *gate;
static struct visitors *visitors;
static struct link *link_a;
static struct endpoint stranger_at;
static int stranger;
static struct noise_identity us, other;
static struct cookie_keys keys; /* to us */
static struct cookie_jar jar;

static void make_identity(struct noise_identity *who)
{
	uint8_t private[KEY_LEN];

	random_bytes(private, sizeof private);
	noise_identity_init(who, private);
}

static void setup(void)
{
	rig_setup();
	log_set_level(LOG_LEVEL_ERROR);
	rig_create(&end, 1, 1, "127.0.0.1:0");
	link_a = engine_link(end.engine, 0);
	stranger = rig_far_socket("127.0.0.1:0", &stranger_at);
	make_identity(&us);
	make_identity(&other);
	cookie_keys_init(&keys, us.public_key);
	cr_assert(eq(int, gate_create(end.engine, &us, &gate), 0));
	visitors = gate_visitors(gate);
	cr_assert(eq(int, doors_open(gate_doors(gate), link_a), 0));
	cr_assert(eq(int, gate_start(gate), 0));
}

static void teardown(void)
{
	gate_destroy(gate);
	engine_stop(end.engine);
	rig_expect_all_home(&end);
	rig_destroy(&end);
	close(stranger);
	rig_teardown();
}

TestSuite(gate, .init = setup, .fini = teardown, .timeout = 60);

/* ---- the stranger ---- */

static void make_initiation(struct message_initiation *msg, uint32_t index)
{
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN] = {0};
	struct noise_remote to_us;
	struct noise_handshake hs;

	noise_remote_init(&to_us, &other, us.public_key, NULL);
	random_bytes(ephemeral, sizeof ephemeral);
	cr_assert(eq(int,
	             noise_create_initiation(&hs, &other, &to_us, ephemeral, timestamp, index, msg),
	             0));
	cookie_add_macs(&keys, &jar, msg, sizeof *msg, clock_boot_ns());
}

static void initiate(uint32_t index)
{
	struct message_initiation msg;

	make_initiation(&msg, index);
	rig_send(stranger, &link_a->bound, (uint8_t *)&msg, sizeof msg);
}

/* By the other way, which knows no load. */
static void initiate_among_data(uint32_t index)
{
	struct route route = {.link = link_a, .remote = stranger_at};
	struct message_initiation msg;

	make_initiation(&msg, index);
	inject_handshake(&end.engine->control, &route, (uint8_t *)&msg, sizeof msg);
}

static void initiate_many(uint32_t first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		initiate(first + i);
}

static struct message_cookie_reply await_cookie(void)
{
	struct message_cookie_reply reply;

	cr_assert(rig_is_readable(stranger, RIG_WAIT_MS), "no cookie reply");
	cr_assert(eq(long, recv(stranger, &reply, sizeof reply, 0), sizeof reply));
	cr_assert(eq(u8, reply.type[0], MESSAGE_COOKIE_REPLY));
	return reply;
}

/* ---- control ---- */

static struct visitor *await_visitor(void)
{
	struct visitor *visitor;

	while (!(visitor = visitors_next(visitors))) {
		cr_assert(rig_is_readable(visitors->arrived.fd, RIG_WAIT_MS), "nobody comes");
		bell_heard(&visitors->arrived);
	}
	return visitor;
}

static void expect_initiation(uint32_t index)
{
	struct visitor *visitor = await_visitor();

	cr_assert(eq(uint, visitor->kind, MESSAGE_INITIATION));
	cr_expect(eq(u32, visitor->opened->handshake.remote_index, index));
	cr_expect(eq(int, memcmp(visitor->opened->public_key, other.public_key, KEY_LEN), 0));
	cr_expect(eq(ptr, visitor->route.link, link_a));
	cr_expect(endpoint_equal(&visitor->route.remote, &stranger_at));
	visitors_dismiss(visitors);
}

static uint64_t dropped(enum drop_reason reason)
{
	return engine_drops(end.engine, reason);
}

/* Far more than the budget holds when it is full, so that it is shut for longer than the machine
 * takes for what a test does meanwhile; it is looked at behind the next message.
 */
static void use_up(void)
{
	gate_charge(gate, 5 * BUDGET_ROOM_NS * BUDGET_PERCENT / 100);
	initiate(1);
	expect_initiation(1);
	rig_until(gate_shut_count(gate) == 1);
}

/* Works until the thread has used @cpu_ns more. */
static void toil(uint64_t cpu_ns)
{
	uint64_t end_ns = clock_thread_cpu_ns() + cpu_ns;

	while (clock_thread_cpu_ns() < end_ns)
		;
}

Test(gate, initiation_comes_through_opened)
{
	initiate(4711);
	expect_initiation(4711);
}

Test(gate, message_among_data_comes_through_too)
{
	initiate_among_data(4712);
	expect_initiation(4712);
}

Test(gate, what_proves_nothing_is_counted_and_bothers_nobody)
{
	struct message_initiation msg;

	make_initiation(&msg, 1);
	msg.static_sealed[0] ^= 1; /* and so MAC1 is wrong */
	rig_send(stranger, &link_a->bound, (uint8_t *)&msg, sizeof msg);
	cookie_add_macs(&keys, &jar, &msg, sizeof msg, clock_boot_ns());
	rig_send(stranger, &link_a->bound, (uint8_t *)&msg, sizeof msg);
	rig_send(stranger, &link_a->bound, (uint8_t *)&msg, sizeof msg - 1);
	rig_until(dropped(DROP_HANDSHAKE_INVALID) == 2 && dropped(DROP_MALFORMED) == 1);
	cr_expect(eq(ptr, visitors_next(visitors), NULL));
	cr_expect(not(rig_is_readable(visitors->arrived.fd, 0)));
}

Test(gate, little_work_leaves_it_open)
{
	for (unsigned i = 0; i < 10; i++) {
		initiate(i);
		expect_initiation(i);
	}
	cr_expect(eq(u64, gate_shut_count(gate), 0));
	cr_expect(not(rig_is_readable(stranger, 0)), "nobody is asked for a cookie");
}

Test(gate, used_up_budget_shuts_it_and_asks_for_cookies)
{
	struct message_cookie_reply reply;
	uint64_t begin_ns = clock_boot_ns();

	use_up();
	initiate(2);
	reply = await_cookie();
	cr_assert(cookie_reply_consume(&keys, &jar, &reply, clock_boot_ns()));
	cr_expect(ge(u64, clock_boot_ns(), begin_ns + 4 * BUDGET_ROOM_NS));
	cr_expect(eq(u64, dropped(DROP_HANDSHAKE_LIMITED), 1));
	initiate(3);
	expect_initiation(3);
}

/* What control does between two messages is not charged. */
Test(gate, only_what_is_done_for_strangers_is_charged)
{
	toil(3 * BUDGET_ROOM_NS * BUDGET_PERCENT / 100);
	initiate_many(0, 2);
	expect_initiation(0);
	expect_initiation(1);
	cr_expect(eq(u64, gate_shut_count(gate), 0));
}

/* The messages wait in socket and engine; the thread sleeps until the budget is back, and then
 * hears of them.
 */
Test(gate, shut_it_leaves_messages_where_they_are_until_there_is_budget)
{
	use_up();
	initiate(2);
	initiate_among_data(3);
	cr_expect(rig_is_readable(link_a->handshake_fd, RIG_WAIT_MS));
	cr_expect(eq(u64, dropped(DROP_HANDSHAKE_LIMITED), 0), "not yet");
	await_cookie();
	await_cookie();
	cr_expect(eq(u64, gate_shut_count(gate), 1));
}

Test(gate, shut_for_want_of_room_it_drops_nothing)
{
	enum {
		BEFORE = VISITORS_MAX - 4
	};

	for (unsigned i = 0; i < BEFORE; i++) {
		initiate_among_data(i);
		rig_until(atomic_load(&visitors->in) == i + 1);
	}
	initiate_many(BEFORE, 10);
	rig_until(atomic_load(&visitors->is_room_wanted));
	cr_expect(rig_is_readable(link_a->handshake_fd, 0));
	for (uint32_t i = 0; i < BEFORE + 10; i++)
		expect_initiation(i);
	cr_expect(eq(u64, dropped(DROP_CONTROL_BUSY), 0));
	cr_expect(not(rig_is_readable(stranger, 0)), "so few are no load");
}

Test(gate, many_in_a_row_are_load)
{
	doors_close(gate_doors(gate), link_a);
	initiate_many(0, VISITORS_MAX + 10);
	cr_assert(eq(int, doors_open(gate_doors(gate), link_a), 0));
	for (uint32_t i = 0; i < VISITORS_MAX; i++)
		expect_initiation(i);
	await_cookie();
	rig_until(dropped(DROP_HANDSHAKE_LIMITED) == 10);
	cr_expect(eq(ptr, visitors_next(visitors), NULL));
}

/* Of a train no more is taken than has room; what is data of it goes its own way. */
Test(gate, trains_are_taken_apart)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
	uint8_t train[2 * MESSAGE_LEN + TRANSPORT_OVERHEAD] = {0};
	struct iovec iov = {train, sizeof train};
	struct msghdr m = {.msg_name = &link_a->bound.sa,
	                   .msg_namelen = endpoint_len(&link_a->bound),
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof control};
	struct cmsghdr *c = (void *)control;
	uint16_t each = MESSAGE_LEN;

	make_initiation((void *)train, 1);
	make_initiation((void *)(train + MESSAGE_LEN), 2);
	train[2 * MESSAGE_LEN] = MESSAGE_TRANSPORT;
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof each);
	memcpy(CMSG_DATA(c), &each, sizeof each);
	cr_assert(eq(int, (int)sendmsg(stranger, &m, 0), (int)sizeof train), "%s", strerror(errno));
	expect_initiation(1);
	expect_initiation(2);
	rig_until(dropped(DROP_UNKNOWN_INDEX) == 1);
}

Test(gate, link_that_is_closed_to_it_is_not_read)
{
	doors_close(gate_doors(gate), link_a);
	initiate(1);
	cr_expect(rig_is_readable(link_a->handshake_fd, RIG_WAIT_MS));
	cr_assert(eq(int, doors_open(gate_doors(gate), link_a), 0));
	expect_initiation(1);
}

Test(gate, another_key_of_ours_is_used_from_then_on)
{
	struct message_initiation old;

	make_initiation(&old, 1);
	make_identity(&us);
	cr_assert(eq(int, gate_renew(gate, &us), 0));
	make_identity(&us);
	cr_assert(eq(int, gate_renew(gate, &us), 0));
	rig_send(stranger, &link_a->bound, (uint8_t *)&old, sizeof old);
	rig_until(dropped(DROP_HANDSHAKE_INVALID) == 1);
	cookie_keys_init(&keys, us.public_key);
	initiate(2);
	expect_initiation(2);
}

Test(gate, its_end_lets_go_of_who_waits_and_of_what_is_shut)
{
	initiate(1);
	await_visitor();
	gate_charge(gate, BUDGET_ROOM_NS);
	initiate(2);
	rig_until(gate_shut_count(gate) == 1);
	initiate(3);
}

Test(gate, one_that_never_ran_ends_too)
{
	struct gate *never;

	cr_assert(eq(int, gate_create(end.engine, &us, &never), 0));
	cr_assert(eq(int, gate_renew(never, &other), 0));
	gate_destroy(never);
	gate_destroy(NULL);
}
