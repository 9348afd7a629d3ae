/* SPDX-License-Identifier: MIT */
/* Probes, their answers and other frames of many peers at once, and control without memory for them. The
 * engine is real; until a test starts it nobody takes what is handed over, so that memory runs out.
 */
#include "../dataplane/engine_rig.h"

#include "control/control.h"

enum {
	PEERS = 24
};

static struct rig_end end;
static struct control control;
static struct config config;
static struct config_link config_link = {.name = "wan", .weight = 1};
static struct config_peer config_peer[PEERS];
static struct peer peer[PEERS], *peers[PEERS];
static struct endpoint far_at[PATHS_MAX];
static int far[PATHS_MAX];

static void add_paths(struct peer *p, unsigned count, uint64_t now_ns)
{
	for (unsigned i = 0; i < count; i++) {
		struct route route = {.link = engine_link(end.engine, 0), .remote = far_at[i]};
		struct path *path = path_add(p, &control.uplink[0], &route, -1, now_ns);

		cr_assert(ne(ptr, path, NULL));
		path_set_route(p, path, &route, now_ns);
	}
	p->active = 0;
}

static void init_peer(unsigned i, uint64_t now_ns)
{
	struct peer *p = &peer[i];

	peers[i] = p;
	store_le32(config_peer[i].public_key, i * 0x9e3779b1u + 1);
	*p = (struct peer){.control = &control,
	                   .config = &config_peer[i],
	                   .name = "office",
	                   .verdict = VERDICT_BONDED,
	                   .hello_ns = NEVER_NS,
	                   .verdict_ns = NEVER_NS,
	                   .health_settings = {.interval_ns = NS_PER_S,
	                                       .timeout_ns = 5 * NS_PER_S,
	                                       .busy_ns = 100 * NS_PER_MS,
	                                       .slack_ns = 150 * NS_PER_MS},
	                   .log_limit = {.interval_ns = NS_PER_S, .burst = 10}};
	p->dp = dp_peer_create(end.engine, p);
	p->current = rig_keypair(&end, p->dp, true, 0x100 + i, 0x200 + i, now_ns);
	add_paths(p, PATHS_MAX, now_ns);
}

static void setup(void)
{
	struct engine_settings set = rig_settings(1);

	rig_setup();
	log_set_level(LOG_LEVEL_ERROR);
	set.hand_over = true;
	rig_create_as(&end, set, 1, "127.0.0.1:0");
	control = (struct control){.config = &config,
	                           .engine = end.engine,
	                           .peers = peers,
	                           .peer_count = PEERS,
	                           .uplink_count = 1};
	control.uplink[0] = (struct uplink){.control = &control, .config = &config_link};
	control.uplink[0].pair[0] = (struct uplink_pair){.uplink = &control.uplink[0],
	                                                 .link = engine_link(end.engine, 0),
	                                                 .family = AF_INET,
	                                                 .state = UPLINK_UP};
	for (unsigned i = 0; i < PATHS_MAX; i++)
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
	for (unsigned i = 0; i < PEERS; i++)
		init_peer(i, clock_boot_ns());
}

static void teardown(void)
{
	engine_stop(end.engine);
	rig_expect_all_home(&end);
	for (unsigned i = 0; i < PEERS; i++)
		rig_strip_peer(&end, peer[i].dp, peer[i].current);
	rig_destroy(&end);
	for (unsigned i = 0; i < PEERS; i++)
		rig_put_peer(peer[i].dp);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		close(far[i]);
	rig_teardown();
}

TestSuite(probes, .init = setup, .fini = teardown, .timeout = 60);

static unsigned probes_sent(void)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < PEERS * PATHS_MAX; i++)
		sum += peer[i / PATHS_MAX].path[i % PATHS_MAX].health.next_seq;
	return sum;
}

/* Datagrams that came to all far ends so far; none is left there. */
static unsigned arrived;

static unsigned count_arrived(void)
{
	uint8_t datagram[RIG_DATAGRAM];

	for (unsigned i = 0; i < PATHS_MAX; i++)
		while (recv(far[i], datagram, sizeof datagram, 0) > 0)
			arrived++;
	return arrived;
}

static void use_up_memory(void)
{
	while (engine_send_late(end.engine, peer[0].dp, peer[0].current, 0, LANE_ORDERED, NULL, 0,
	                        NULL))
		;
}

Test(probes, what_could_not_be_sent_is_not_counted_and_stays_due)
{
	unsigned memory = end.engine->control.pool.count, all = PEERS * PATHS_MAX;
	uint64_t now_ns = clock_boot_ns(), next_ns = NEVER_NS;

	cr_assert(lt(uint, memory, all));
	for (unsigned i = 0; i < PEERS; i++)
		next_ns = path_service(&peer[i], now_ns);
	cr_expect(eq(uint, probes_sent(), memory));
	cr_expect(le(u64, next_ns, now_ns + 10 * NS_PER_MS), "the last peer waits for too long");
	cr_expect(gt(u64, next_ns, now_ns), "the last peer does not let others go on");

	rig_start(&end);
	while (probes_sent() < all) {
		rig_is_readable(-1, 1);
		now_ns += NS_PER_MS;
		for (unsigned i = 0; i < PEERS; i++)
			path_service(&peer[i], now_ns);
	}
	rig_until(count_arrived() == all);
}

Test(probes, hello_goes_over_every_path_as_soon_as_there_is_memory)
{
	struct peer *p = &peer[1];
	uint64_t now_ns = clock_boot_ns();

	use_up_memory();
	p->hello_ns = now_ns;
	bonding_service(p, now_ns);
	cr_expect(bonding_owes(p));
	cr_expect(eq(uint, p->owed_hellos, (1u << PATHS_MAX) - 1));
	rig_start(&end);
	while (bonding_owes(p)) {
		rig_is_readable(-1, 1);
		bonding_service(p, now_ns);
	}
	rig_until(count_arrived() == end.engine->control.pool.count + PATHS_MAX);
	cr_expect(eq(uint, p->hellos, 1));
}

/* The first packet of an initiator proves that it has the key: it comes a little later. */
Test(probes, keepalive_without_memory_is_owed)
{
	struct peer *p = &peer[1];

	use_up_memory();
	bonding_send_keepalive(p);
	cr_expect(bonding_owes(p));
	rig_start(&end);
	while (bonding_owes(p)) {
		rig_is_readable(-1, 1);
		bonding_service(p, clock_boot_ns());
	}
	rig_until(count_arrived() == end.engine->control.pool.count + 1);
}

Test(probes, goodbye_waits_for_memory)
{
	use_up_memory();
	rig_start(&end);
	bonding_say_goodbye(&peer[1]);
	rig_until(count_arrived() == end.engine->control.pool.count + PATHS_MAX);
}

/* ---- answers ---- */

static void answer(unsigned path, uint32_t key, uint16_t seq)
{
	struct life_sign sign = {.key = key, .number = seq, .rtt_us = 1000};

	signs_put(&peer[0].dp->path[path].answers, &sign);
}

/* On a slow path many probes are on their way, and all answers come while control stands still. */
Test(probes, path_is_up_after_answers_in_a_row_though_older_ones_were_overwritten)
{
	struct path *path = &peer[0].path[2];
	uint64_t now_ns = clock_boot_ns();
	uint32_t key = peer[0].current->local_index;

	health_probe_sent(&path->health, &peer[0].health_settings, now_ns);
	answer(2, key, 0);
	bonding_take_signs(&peer[0], now_ns);
	cr_assert(eq(int, path->health.state, PATH_UP));
	health_fail(&path->health, "test", now_ns);
	now_ns += NS_PER_S; /* the hold-down is over */
	for (uint16_t seq = 1; seq <= 30; seq++)
		health_probe_sent(&path->health, &peer[0].health_settings,
		                  now_ns + seq * NS_PER_MS);
	for (uint16_t seq = 1; seq <= 30; seq++)
		answer(2, key, seq);
	bonding_take_signs(&peer[0], now_ns + 40 * NS_PER_MS);
	cr_expect(eq(int, path->health.state, PATH_UP));
	cr_expect(eq(uint, path->health.answered_seq, 30));
}

Test(probes, answers_under_a_key_that_is_no_more_prove_nothing)
{
	struct path *path = &peer[0].path[2];
	uint64_t now_ns = clock_boot_ns();

	health_probe_sent(&path->health, &peer[0].health_settings, now_ns);
	answer(2, 0xdead, 0);
	bonding_take_signs(&peer[0], now_ns);
	cr_expect(eq(int, path->health.state, PATH_UNPROVEN));
	answer(2, peer[0].current->local_index, 0);
	bonding_take_signs(&peer[0], now_ns);
	cr_expect(eq(int, path->health.state, PATH_UP));
}

/* ---- when ---- */

Test(probes, paths_of_a_peer_and_peers_have_parts_of_the_interval_of_their_own)
{
	for (unsigned i = 0; i < PEERS; i++) {
		uint16_t parts = 0;

		for (unsigned k = 0; k < PATHS_MAX; k++)
			parts |= (uint16_t)(1u << (peer[i].path[k].health.phase >> 28));
		cr_expect(ge(int, __builtin_popcount(parts), PATHS_MAX - 1), "peer %u: %#x", i,
		          parts);
		for (unsigned k = 0; k < i; k++)
			cr_expect(ne(u32, peer[i].path[0].health.phase,
			             peer[k].path[0].health.phase));
	}
}
