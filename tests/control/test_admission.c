/* SPDX-License-Identifier: MIT */
/* The test is the gate, whose thread does not run. */
#include "control/admission.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../dataplane/engine_rig.h"
#include "control/gate.h"
#include "control/messages.h"

static struct rig_end end;
static struct gate *gate;
static struct loop loop;
static struct messages messages;
static struct admission admission;
static struct effects fx;
static unsigned taken, dropped;
static uint64_t each_ns; /* of processor time that a message takes */

/* Nobody is known: that ends it. */
static struct peer *find_peer(void *arg, const uint8_t key[static KEY_LEN])
{
	uint64_t end_ns = clock_thread_cpu_ns() + each_ns;

	(void)arg, (void)key;
	taken++;
	while (clock_thread_cpu_ns() < end_ns)
		;
	return NULL;
}

static void count_drop(struct effects *effects, enum drop_reason reason)
{
	(void)effects;
	dropped += reason == DROP_HANDSHAKE_INVALID;
}

static void tell(struct effects *effects, enum log_level level, const char *line)
{
	(void)effects, (void)level, (void)line;
}

static void setup(void)
{
	static struct noise_identity identity;

	rig_setup();
	rig_create(&end, 1, 1, "127.0.0.1:0");
	fx = (struct effects){.count_drop = count_drop, .log = tell};
	messages_init(&messages, &fx, find_peer, NULL);
	cr_assert(eq(int, gate_create(end.engine, &identity, &gate), 0));
	cr_assert(eq(int, loop_init(&loop), 0));
	cr_assert(eq(int, admission_init(&admission, &loop, gate, &messages), 0));
}

static void teardown(void)
{
	gate_destroy(gate);
	loop_fini(&loop);
	engine_stop(end.engine);
	rig_destroy(&end);
	rig_teardown();
}

TestSuite(admission, .init = setup, .fini = teardown, .timeout = 60);

static void let_in(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct visitor *visitor = visitors_room(gate_visitors(gate));

		cr_assert(ne(ptr, visitor, NULL));
		visitor->kind = MESSAGE_INITIATION;
		visitor->route.link = engine_link(end.engine, 0);
		visitors_let_in(gate_visitors(gate));
	}
}

Test(admission, who_was_let_in_is_taken_in_the_next_turn)
{
	let_in(3);
	cr_assert(eq(int, loop_turn(&loop), 0));
	cr_expect(eq(uint, taken, 3));
	cr_expect(eq(uint, dropped, 3));
	cr_expect(eq(ptr, visitors_next(gate_visitors(gate)), NULL));
}

/* Others have their turn between any two that take long. */
Test(admission, what_takes_long_is_spread_over_turns)
{
	each_ns = NS_PER_MS;
	let_in(3);
	for (unsigned turn = 1; turn <= 3; turn++) {
		cr_assert(eq(int, loop_turn(&loop), 0));
		cr_expect(eq(uint, taken, turn));
	}
	cr_expect(eq(ptr, visitors_next(gate_visitors(gate)), NULL));
}

Test(admission, one_who_comes_later_wakes_it_again)
{
	for (unsigned i = 1; i <= 2; i++) {
		let_in(1);
		cr_assert(eq(int, loop_turn(&loop), 0));
		cr_expect(eq(uint, taken, i));
	}
}
