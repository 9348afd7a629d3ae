/* SPDX-License-Identifier: MIT */
/* Outflows worked on by who has no memory for runs. */
#include "dataplane/kick.h"
#include "outflow_rig.h"

TestSuite(kick, .init = outflow_setup, .fini = outflow_teardown, .timeout = 60);

static struct dispatcher *home(void)
{
	return &end.engine->dispatcher[dp_peer_queue(peer)];
}

static void expect_role_at_home(void)
{
	cr_assert(eq(ptr, dispatcher_take_role(home()), peer));
	cr_expect(eq(ptr, dispatcher_take_role(home()), NULL));
	cr_expect(not(outflow_ask(out)), "the role is taken");
	expect_run(0, OUTFLOW_DONE);
	dp_peer_put(peer);
}

Test(kick, what_needs_no_memory_is_done_at_once)
{
	cr_assert(outflow_put(out, chain_of(0, 0, 3)));
	kick_outflow(&end.engine->control, peer, clock_boot_ns());
	cr_expect(eq(ptr, dispatcher_take_role(home()), NULL));
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
	cr_expect(eq(u64, engine_staged(peer), 3));
}

Test(kick, what_needs_memory_is_left_to_the_dispatcher)
{
	begin_session(BONDING_AGGREGATE, 1);
	cr_assert(outflow_put(out, chain_of(0, 0, 1)));
	kick_outflow(&end.engine->control, peer, clock_boot_ns());
	cr_expect(not(rig_is_readable(far[0], 0)));
	expect_role_at_home();
	expect_on(0, 0, 0);
}

/* What the worker that keeps the alarms does. */
static void ring_alarms(uint64_t now_ns)
{
	struct alarms *alarms = &end.engine->work.worker[0].alarms;

	alarms_take(alarms);
	alarms_run(alarms, now_ns);
}

Test(kick, alarm_has_what_is_too_old_dropped)
{
	send_chain(0, 2);
	ring_alarms(clock_boot_ns() + SENDER_AGE_NS);
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 2));
	cr_expect(eq(u64, engine_staged(peer), 0));
	cr_expect(eq(ptr, dispatcher_take_role(home()), NULL));
}

/* Whoever has it looks again: nobody waits for the role. */
Test(kick, alarm_leaves_it_to_who_has_the_role)
{
	uint64_t now_ns;

	send_chain(0, 2);
	now_ns = clock_boot_ns() + SENDER_AGE_NS;
	cr_assert(outflow_ask(out));
	ring_alarms(now_ns);
	cr_expect(eq(u64, engine_staged(peer), 2));
	cr_expect(eq(uint, atomic_load(&out->role.asked), 2));
	kick_outflow(&end.engine->control, peer, now_ns);
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 2));
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
}

/* Nobody told that there is a session: what is young enough goes. */
Test(kick, alarm_finds_a_session_that_came)
{
	send_chain(0, 1);
	begin_session(BONDING_AGGREGATE, 1);
	ring_alarms(alarm_at_ns(&out->expiry) - 1);
	cr_expect(eq(ptr, dispatcher_take_role(home()), NULL), "it is not time");
	out->runs.sender.waiting.first->since_ns += NS_PER_S;
	ring_alarms(alarm_at_ns(&out->expiry));
	expect_role_at_home();
	expect_on(0, 0, 0);
}

Test(kick, news_are_left_to_who_has_the_role)
{
	cr_assert(outflow_ask(out));
	kick_idle_outflow(&end.engine->control, peer);
	cr_expect(eq(uint, atomic_load(&out->role.asked), 2));
	kick_outflow(&end.engine->control, peer, clock_boot_ns());
	kick_idle_outflow(&end.engine->control, peer);
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
}

/* Of a peer that reports, what was sent is kept in mind for a while. */
Test(kick, alarm_gives_back_memory_of_records)
{
	const struct send_numbers numbers = {.key = 1};
	const struct sender_facts facts = {.is_reporting = true};
	const struct send_run run = {.path_mask = 1, .bytes = 100, .packets = 1};
	struct sender *sender = &out->runs.sender;

	for (unsigned i = 0; i <= SENDLOG_RUNS_MIN; i++)
		sender_record(sender, &facts, &run, &numbers, clock_boot_ns());
	kick_idle_outflow(&end.engine->control, peer);
	cr_expect(sendlog_is_large(sender->log[0]));
	cr_assert(ne(u64, alarm_at_ns(&out->expiry), NEVER_NS));
	ring_alarms(clock_boot_ns() + 2 * SENDER_REST_NS);
	cr_expect(not(sendlog_is_large(sender->log[0])));
	cr_expect(eq(u64, alarm_at_ns(&out->expiry), NEVER_NS));
	cr_expect(eq(uint, atomic_load(&out->role.asked), 0));
}
