/* SPDX-License-Identifier: MIT */
/* What a dispatcher does with what it reads: runs of several peers, packets that wait, sessions
 * that are asked for.
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "outbound_rig.h"

enum {
	MANY_PEERS = 140,
	TOO_MANY = 6000, /* packets beyond those that may be staged */
};

TestSuite(dispatcher, .init = outbound_setup, .fini = outbound_teardown, .timeout = 60);

/* ---- what goes on the wire ---- */

/* More than one batch holds, read in one go: they are there before the engine runs. */
Test(dispatcher, long_run_is_cut_into_batches_and_stays_in_order)
{
	begin_session(true, 0);
	for (uint32_t i = 0; i < 200; i++)
		write_seq(i);
	rig_start(&ours);
	for (uint32_t i = 0; i < 200; i++)
		cr_expect(eq(u64, expect_seq(0, i), i));
}

/* In one round, each to its own place in its own order. */
Test(dispatcher, packets_of_several_peers_are_kept_apart)
{
	struct dp_peer *both[2] = {peer, engine_create_peer(ours.engine, NULL)};
	struct keypair *other = rig_keypair(&ours, both[1], true, 0x33, 0x44, clock_boot_ns());
	uint8_t packet[RIG_MTU], payload[RIG_DATAGRAM];
	uint64_t counter;

	begin_session(true, 0);
	rig_use_keypair(both[1], other);
	rig_publish_target(&ours, both[1], 0, 1, &far_at[1]);
	rig_publish_paths(both[1], BONDING_AGGREGATE, 1, NULL);
	rig_publish_allowedips(&ours, both, THERE, 2);
	for (uint32_t i = 0; i < 60; i++)
		cr_assert(rig_write(&ours, packet,
		                    rig_packet(packet, 4, HERE, THERE + i % 2, i, 100)));
	rig_start(&ours);
	for (uint32_t i = 0; i < 60; i++) {
		rig_unseal(far[i % 2], i % 2 ? 0x44 : INDEX_THERE, &counter, payload);
		rig_packet(packet, 4, HERE, THERE + i % 2, i, 100);
		ASSERT_BYTES(payload, packet, 100);
		cr_expect(eq(u64, counter, i / 2));
	}
	engine_stop(ours.engine);
	rig_take_events(&ours);
	rig_publish_allowedips(&ours, &peer, THERE, 1);
	rig_strip_peer(&ours, both[1], other);
	rig_put_peer(both[1]);
}

/* ---- packets that wait ---- */

/* Much more than the memory holds: what gives way must be given back as well. */
Test(dispatcher, packets_wait_for_a_session_the_oldest_give_way)
{
	rig_start(&ours);
	for (uint32_t i = 0; i < STAGED_MAX + TOO_MANY; i++)
		write_seq(i);
	rig_until(drops(DROP_STAGED_FULL) == TOO_MANY);
	cr_expect(eq(u64, staged(), STAGED_MAX));
	rig_await_event(&ours, PEER_EVENT_WANT_SESSION);
	rig_take_events(&ours);
	cr_expect(eq(uint, ours.events, 0)); /* asked once */

	begin_session(true, 0);
	engine_kick(peer);
	for (uint32_t i = 0; i < STAGED_MAX; i++)
		cr_expect(eq(u64, expect_seq(0, TOO_MANY + i), i));
	cr_expect(eq(u64, staged(), 0));
	write_seq(TOO_MANY);
	expect_seq(0, TOO_MANY);
	cr_expect(eq(u64, drops(DROP_STAGED_FULL), TOO_MANY));
}

Test(dispatcher, session_is_asked_for_again_when_the_wish_was_cleared)
{
	rig_start(&ours);
	write_seq(0);
	rig_await_event(&ours, PEER_EVENT_WANT_SESSION);
	write_seq(1);
	rig_until(staged() == 2);
	rig_take_events(&ours);
	cr_expect(eq(uint, ours.events, 0));
	atomic_store(&peer->session_wanted, false); /* control gave up */
	write_seq(2);
	rig_await_event(&ours, PEER_EVENT_WANT_SESSION);
}

/* No path at all, none usable, a session too old: each is a reason to wait. */
Test(dispatcher, packets_wait_for_a_path_and_for_a_young_session)
{
	engine_publish_paths(peer, NULL);
	begin_session(true, 0);
	rig_start(&ours);
	write_seq(0);
	rig_until(staged() == 1);
	rig_publish_paths(peer, BONDING_AGGREGATE, 0, NULL);
	write_seq(1);
	rig_until(staged() == 2);
	end_session();
	begin_session(true, REJECT_AFTER_TIME);
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	write_seq(2);
	rig_until(staged() == 3);
	engine_kick(peer); /* in vain */
	end_session();
	begin_session(true, 0);
	engine_kick(peer);
	for (uint32_t i = 0; i < 3; i++)
		expect_seq(0, i);
}

Test(dispatcher, staged_packets_go_before_the_next_one_without_a_kick)
{
	rig_start(&ours);
	for (uint32_t i = 0; i < 50; i++)
		write_seq(i);
	rig_until(staged() == 50);
	begin_session(true, 0);
	write_seq(50);
	for (uint32_t i = 0; i < 51; i++)
		cr_expect(eq(u64, expect_seq(0, i), i));
}

Test(dispatcher, kick_without_anything_staged_is_harmless)
{
	rig_start(&ours);
	begin_session(true, 0);
	for (uint32_t i = 0; i < 20; i++) {
		engine_kick(peer);
		engine_kick(peer);
		write_seq(i);
		expect_seq(0, i);
	}
	rig_until(!atomic_load(&peer->outflow->role.asked));
}

/* Before the engine runs the dispatcher's pool is ours: all but @count batches are taken out of
 * it.
 */
static struct batch *leave_batches(unsigned count)
{
	struct batch_pool *pool = &ours.engine->dispatcher[0].self.pool;
	struct batch *taken = NULL;

	for (unsigned i = pool->count; i > count; i--) {
		struct batch *b = batch_get(pool);

		b->next = taken;
		taken = b;
	}
	return taken;
}

static void give_batches(struct batch *taken)
{
	while (taken) {
		struct batch *b = taken;

		taken = b->next;
		batch_free(b);
	}
}

/* A packet for each of four paths needs four batches; there are two. No further packet comes that
 * would make the dispatcher look again.
 */
Test(dispatcher, kick_releases_everything_even_when_memory_is_short)
{
	struct batch *taken = leave_batches(2);
	unsigned left = STAGED_MAX;

	rig_publish_paths(peer, BONDING_AGGREGATE, PATHS, NULL);
	rig_start(&ours);
	for (uint32_t i = 0; i < STAGED_MAX; i++)
		write_seq(i);
	rig_until(staged() == STAGED_MAX);
	begin_session(true, 0);
	engine_kick(peer);
	while (left) {
		struct pollfd p[PATHS];
		uint8_t datagram[RIG_DATAGRAM];

		for (unsigned i = 0; i < PATHS; i++)
			p[i] = (struct pollfd){.fd = far[i], .events = POLLIN};
		rcu_thread_offline();
		cr_assert(lt(int, 0, poll(p, PATHS, RIG_WAIT_MS)), "%u are still staged", left);
		rcu_thread_online();
		for (unsigned i = 0; i < PATHS; i++)
			while (recv(far[i], datagram, sizeof datagram, 0) > 0)
				left--;
	}
	give_batches(taken);
}

/* Nobody writes, nobody kicks. Only the packet that came later is sent when there is a session. */
Test(dispatcher, packets_that_waited_too_long_are_dropped)
{
	uint64_t begin_ns = clock_boot_ns();

	rig_start(&ours);
	for (uint32_t i = 0; i < 3; i++)
		write_seq(i);
	rig_until(staged() == 3);
	rig_until(drops(DROP_STAGED_EXPIRED) == 3);
	cr_expect(le(u64, begin_ns + SENDER_AGE_NS, clock_boot_ns()));
	cr_expect(eq(u64, staged(), 0));
	write_seq(3);
	rig_until(staged() == 1);
	begin_session(true, 0);
	engine_kick(peer);
	cr_expect(eq(u64, expect_seq(0, 3), 0));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 3));
}

/* A packet that comes afterwards waits for the next attempt. */
Test(dispatcher, packets_of_a_failed_attempt_are_dropped)
{
	rig_start(&ours);
	for (uint32_t i = 0; i < 5; i++)
		write_seq(i);
	rig_until(staged() == 5);
	engine_drop_staged(peer);
	rig_until(drops(DROP_STAGED_EXPIRED) == 5);
	cr_expect(eq(u64, staged(), 0));
	write_seq(5);
	rig_until(staged() == 1);
	begin_session(true, 0);
	engine_kick(peer);
	cr_expect(eq(u64, expect_seq(0, 5), 0));
	cr_expect(eq(u64, drops(DROP_STAGED_EXPIRED), 5));
}

/* /dev/zero takes the device's place under the dispatcher: it always holds more than a round takes.
 * Meanwhile kicks are heeded, grace periods pass, and the engine stops (in the suite's end).
 */
Test(dispatcher, device_that_never_runs_dry_keeps_nobody_waiting)
{
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);

	cr_assert(le(int, 0, zero));
	rig_start(&ours);
	write_seq(0);
	rig_until(staged() == 1);
	cr_assert(eq(int, dup2(zero, ours.tun_fd), ours.tun_fd));
	close(zero);
	eventfd_write(ours.engine->dispatcher[0].kick_fd, 1); /* now it reads from there */
	rig_until(drops(DROP_INNER_MALFORMED) > 1000);
	synchronize_rcu();
	begin_session(true, 0);
	engine_kick(peer);
	expect_seq(0, 0);
}

/* Peers whose sessions never come must not take the memory that the others send with. */
Test(dispatcher, staged_packets_take_nothing_of_the_pool)
{
	static struct dp_peer *silent[MANY_PEERS];
	static struct allowedips_entry entry[MANY_PEERS + 1];
	struct batch *taken = leave_batches(2);
	uint8_t packet[RIG_MTU];

	begin_session(true, 0);
	for (unsigned i = 0; i < MANY_PEERS; i++) {
		silent[i] = engine_create_peer(ours.engine, NULL);
		entry[i] = (struct allowedips_entry){{AF_INET, 32, {10, 0, 0, 50 + i}}, silent[i]};
	}
	entry[MANY_PEERS] = (struct allowedips_entry){{AF_INET, 32, {10, 0, 0, THERE}}, peer};
	engine_publish_allowedips(ours.engine, allowedips_build(entry, MANY_PEERS + 1));
	rig_start(&ours);
	for (unsigned i = 0; i < MANY_PEERS; i++)
		cr_assert(rig_write(&ours, packet, rig_packet(packet, 4, HERE, 50 + i, i, 60)));
	for (unsigned i = 0; i < MANY_PEERS; i++)
		rig_until(engine_staged(silent[i]) == 1);
	cr_expect(eq(u64, drops(DROP_STAGED_FULL), 0));
	for (unsigned i = 0; i < 100; i++) {
		uint64_t counter;
		uint8_t payload[RIG_DATAGRAM];

		cr_assert(rig_write(&ours, packet, rig_packet(packet, 4, HERE, THERE, i, 60)));
		rig_unseal(far[0], INDEX_THERE, &counter, payload);
		cr_expect(eq(u64, counter, i));
	}
	engine_stop(ours.engine);
	give_batches(taken);
	rig_publish_allowedips(&ours, &peer, THERE, 1);
	rig_expect_all_home(&ours); /* takes events, which hold references */
	for (unsigned i = 0; i < MANY_PEERS; i++)
		rig_put_peer(silent[i]);
}

Test(dispatcher, counters_used_up_are_never_used_twice)
{
	begin_session(false, 0);
	atomic_store(&kp->sent[LANE_ORDERED], REJECT_AFTER_MESSAGES - 2);
	rig_start(&ours);
	write_seq(0);
	cr_expect(eq(u64, expect_seq(0, 0), REJECT_AFTER_MESSAGES - 2));
	rig_await_event(&ours, PEER_EVENT_WANT_SESSION);
	write_seq(1);
	rig_until(drops(DROP_COUNTER_LIMIT) == 1);
	write_seq(2); /* waits for the next session */
	rig_until(staged() == 1);
	expect_only(DROP_COUNTER_LIMIT, 1);
	cr_expect(not(rig_is_readable(far[0], 0)));
}

/* ---- age and activity ---- */

static bool is_session_wanted(void)
{
	rig_take_events(&ours);
	return ours.events & PEER_EVENT_WANT_SESSION;
}

Test(dispatcher, initiator_asks_for_a_new_session_when_it_sends_with_an_old_one)
{
	begin_session(true, REKEY_AFTER_TIME - 60 * NS_PER_S);
	rig_start(&ours);
	flush();
	cr_expect(not(is_session_wanted()));
	end_session();
	begin_session(true, REKEY_AFTER_TIME);
	flush();
	rig_await_event(&ours, PEER_EVENT_WANT_SESSION);
}

Test(dispatcher, responder_does_not_mind_the_age_until_it_is_too_old)
{
	begin_session(false, REJECT_AFTER_TIME - 60 * NS_PER_S);
	rig_start(&ours);
	flush();
	flush(); /* the first one's submission has ended */
	cr_expect(not(is_session_wanted()));
}

Test(dispatcher, either_side_asks_for_a_new_session_after_enough_messages)
{
	begin_session(false, 0);
	atomic_store(&kp->sent[LANE_ORDERED], REKEY_AFTER_MESSAGES - 2);
	rig_start(&ours);
	flush();
	flush();
	cr_expect(not(is_session_wanted()));
	flush(); /* number 2^48 */
	rig_await_event(&ours, PEER_EVENT_WANT_SESSION);
}

Test(dispatcher, data_after_rest_is_told_once_until_it_was_answered)
{
	begin_session(true, 0);
	rig_start(&ours);
	flush();
	rig_await_event(&ours, PEER_EVENT_ACTIVE);
	cr_expect(ne(u64, counter_read(&peer->data_tx_since_ns), 0));
	flush();
	flush();
	rig_take_events(&ours);
	cr_expect(eq(uint, ours.events, 0));
}

/* ---- the alarms that it keeps ---- */

static struct {
	struct alarm alarm;
	_Atomic unsigned rung;
	_Atomic uint64_t rung_ns;
	void *self;
	enum thread_role role;
} pump;

static void ring_pump(struct alarm *alarm, void *self, uint64_t now_ns)
{
	pumps_set(&ours.engine->dispatcher[0].pumps, self, alarm, NEVER_NS);
	pump.self = self;
	pump.role = thread_role();
	atomic_store(&pump.rung_ns, now_ns);
	atomic_fetch_add(&pump.rung, 1);
}

static bool hold_pump(struct alarm *alarm)
{
	(void)alarm;
	return true;
}

static void release_pump(struct alarm *alarm)
{
	(void)alarm;
}

static const struct alarm_kind pump_of_test = {ring_pump, hold_pump, release_pump};

static void set_pump(uint64_t at_ns)
{
	pumps_set(&ours.engine->dispatcher[0].pumps, &ours.engine->control, &pump.alarm, at_ns);
}

/* Nothing is read meanwhile: it sleeps until then. */
Test(dispatcher, an_alarm_ends_its_sleep_in_time)
{
	uint64_t at_ns;

	alarm_init(&pump.alarm, &pump_of_test);
	rig_start(&ours);
	for (unsigned i = 1; i <= 20; i++) {
		at_ns = clock_boot_ns() + i * NS_PER_MS;
		set_pump(at_ns);
		rig_until(atomic_load(&pump.rung) == i);
		cr_expect(ge(u64, atomic_load(&pump.rung_ns), at_ns));
		cr_expect(eq(ptr, pump.self, &ours.engine->dispatcher[0].self));
		cr_expect(eq(int, pump.role, THREAD_TUN));
	}
}

/* Though it sleeps until much later, and for good where there was none. */
Test(dispatcher, an_alarm_that_is_set_sooner_wakes_it)
{
	alarm_init(&pump.alarm, &pump_of_test);
	rig_start(&ours);
	for (unsigned i = 1; i <= 20; i++) {
		set_pump(clock_boot_ns() + 3600 * NS_PER_S);
		/* It has seen that, and knows how long to sleep. */
		rig_until(atomic_load(&pump.alarm.look_ns) != NEVER_NS);
		set_pump(clock_boot_ns());
		rig_until(atomic_load(&pump.rung) == i);
	}
}

/* 100 Mbit/s, and a way of 10 ms. */
static void know_path(void)
{
	struct path_model *m = stripe_model(&peer->outflow->runs.sender.stripe, 0);
	uint64_t now_ns = clock_boot_ns();

	path_model_answered(m, 20 * NS_PER_MS, now_ns);
	owd_sample(&m->delay, 10 * (int64_t)NS_PER_MS, true, now_ns);
	capacity_train(&m->capacity, 100 * 125000 * 10 / 9);
}

/* Much more at once than the path takes: nothing is read behind it that would end the sleep. */
Test(dispatcher, bulk_that_waits_for_a_path_goes_in_time)
{
	uint8_t packet[RIG_MTU], payload[RIG_DATAGRAM];

	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	begin_session(true, 0);
	atomic_store(&kp->send_lanes, true);
	know_path();
	for (uint32_t i = 0; i < 300; i++)
		cr_assert(rig_write(&ours, packet, rig_packet(packet, 4, HERE, THERE, i, 1000)));
	rig_start(&ours);
	for (uint32_t i = 0; i < 300;) {
		uint64_t counter;

		rig_unseal(far[0], INDEX_THERE, &counter, payload);
		if (counter >> LANE_SHIFT >= LANE_CONTROL)
			continue; /* a probe */
		cr_assert(eq(u64, counter, i));
		cr_assert(eq(u32, load_be32(payload + 20), i++));
	}
	rig_until(staged() == 0);
	expect_only(DROP_REASON_COUNT, 0);
}
