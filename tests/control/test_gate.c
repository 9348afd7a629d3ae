/* SPDX-License-Identifier: MIT */
#include "../dataplane/engine_rig.h"

#include "control/control.h"

#include <sys/epoll.h>

static struct rig_end end;
static struct control control;
static struct endpoint stranger_at;
static int stranger;
static unsigned calls; /* of the handshake socket's source */

static void on_message(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	(void)source, (void)events, (void)now_ns;
	calls++;
}

static void setup(void)
{
	rig_setup();
	log_set_level(LOG_LEVEL_ERROR);
	rig_create(&end, 1, 1, "127.0.0.1:0");
	control = (struct control){.engine = end.engine,
	                           .messages.log_limit = {.interval_ns = NS_PER_S, .burst = 10},
	                           .uplinks.count = 1};
	for (unsigned k = 0; k < LINK_FAMILIES; k++)
		control.uplinks.uplink[0].pair[k].link = engine_link(end.engine, k);
	cr_assert(eq(int, loop_init(&control.loop), 0));
	gate_init(&control.gate);
	control.handshakes[0].source = (struct event_source){
		.fd = control.uplinks.uplink[0].pair[0].link->handshake_fd, .ready = on_message};
	cr_assert(eq(int, loop_watch(&control.loop, &control.handshakes[0].source, EPOLLIN), 0));
	stranger = rig_far_socket("127.0.0.1:0", &stranger_at);
}

static void teardown(void)
{
	loop_fini(&control.loop);
	engine_stop(end.engine);
	rig_destroy(&end);
	close(stranger);
	rig_teardown();
}

TestSuite(gate, .init = setup, .fini = teardown);

/* Works until the thread has used @cpu_ns more. */
static void toil(uint64_t cpu_ns)
{
	uint64_t end_ns = clock_thread_cpu_ns() + cpu_ns;

	while (clock_thread_cpu_ns() < end_ns)
		;
}

/* More than the budget holds when it is full. */
static void use_up(uint64_t now_ns)
{
	cr_assert(gate_enter(&control, now_ns));
	toil(BUDGET_ROOM_NS * BUDGET_PERCENT / 100 + NS_PER_MS);
	gate_leave(&control, now_ns);
}

Test(gate, little_work_leaves_it_open)
{
	uint64_t now_ns = clock_boot_ns();

	for (unsigned i = 0; i < 10; i++) {
		cr_assert(gate_enter(&control, now_ns));
		cr_expect(gate_may_go_on(&control, now_ns));
		gate_leave(&control, now_ns);
	}
	cr_expect(not(gate_is_shut(&control.gate)));
	cr_expect(eq(u64, control.messages.strangers.loaded_until_ns, 0));
}

Test(gate, used_up_budget_shuts_it_and_asks_for_cookies)
{
	uint64_t now_ns = clock_boot_ns();

	cr_assert(gate_enter(&control, now_ns));
	toil(BUDGET_ROOM_NS * BUDGET_PERCENT / 100 + NS_PER_MS);
	cr_expect(not(gate_may_go_on(&control, now_ns)));
	gate_leave(&control, now_ns);
	cr_expect(gate_is_shut(&control.gate));
	cr_expect(gt(u64, control.messages.strangers.loaded_until_ns, now_ns));
	cr_expect(not(gate_enter(&control, now_ns)));
	cr_expect(ge(u64, deadline_next_ns(&control.loop.deadlines), now_ns + BUDGET_ROOM_NS / 2));
}

/* What others cost between two pieces of work is not charged. */
Test(gate, only_what_is_done_inside_is_charged)
{
	uint64_t now_ns = clock_boot_ns();

	toil(3 * BUDGET_ROOM_NS * BUDGET_PERCENT / 100);
	cr_assert(gate_enter(&control, now_ns));
	gate_leave(&control, now_ns);
	cr_expect(not(gate_is_shut(&control.gate)));
}

/* The message waits in the socket; the loop sleeps until the budget is back, and then hears of it. */
Test(gate, shut_it_leaves_messages_where_they_are_until_there_is_budget)
{
	uint8_t message[148] = {MESSAGE_INITIATION};
	uint64_t now_ns = clock_boot_ns();

	use_up(now_ns);
	rig_send(stranger, &control.uplinks.uplink[0].pair[0].link->bound, message, sizeof message);
	while (gate_is_shut(&control.gate)) {
		loop_turn(&control.loop);
		cr_expect(eq(uint, calls, 0));
	}
	cr_expect(ge(u64, control.loop.now_ns, now_ns + BUDGET_ROOM_NS / 2));
	loop_turn(&control.loop);
	cr_expect(eq(uint, calls, 1));
	cr_expect(gate_enter(&control, control.loop.now_ns));
	cr_expect(eq(u64, control.gate.shut_count, 1));
}

/* For messages that came among data and were left there. */
Test(gate, opening_wakes_control_for_what_the_engine_holds)
{
	use_up(clock_boot_ns());
	while (gate_is_shut(&control.gate))
		loop_turn(&control.loop);
	cr_expect(rig_is_readable(engine_event_fd(end.engine), 0));
}
