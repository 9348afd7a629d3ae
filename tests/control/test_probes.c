/* SPDX-License-Identifier: MIT */
/* Probes, their answers and other frames of many peers at once: control without memory for them,
 * and what a peer's own frames may cause. The engine is real; until a test starts it nobody takes
 * what is handed over, so that memory runs out.
 */
#include "../dataplane/engine_rig.h"

#include "control/conductor.h"
#include "control/control.h"
#include "control/peer_frames.h"
#include "control/peer_paths.h"
#include "control/peer_probes.h"
#include "control/peer_told.h"
#include "control/peer_verdict.h"

enum {
	PEERS = 24
};

static struct rig_end end;
static struct control control;
static struct peer peer[PEERS], *peers[PEERS];
static struct endpoint far_at[PATHS_MAX];
static int far[PATHS_MAX];

static void add_paths(struct peer *p, unsigned count, uint64_t now_ns)
{
	for (unsigned i = 0; i < count; i++) {
		struct route route = {.link = engine_link(end.engine, 0), .remote = far_at[i]};
		struct path *path = peer_add_path(p, &route, -1, now_ns);

		cr_assert(ne(ptr, path, NULL));
		peer_set_route(p, path, &route, now_ns);
	}
	p->paths.followed = 0;
}

static void init_peer(unsigned i, uint64_t now_ns)
{
	struct peer *p = &peer[i];

	peers[i] = p;
	*p = (struct peer){
		.conduct = peer_conduct,
		.fx = control.fx,
		.name = "office",
		.uplinks = &control.uplinks,
		.verdict = {.is = VERDICT_BONDED, .hello_ns = NEVER_NS, .due_ns = NEVER_NS},
		.health_settings = {.interval_ns = NS_PER_S,
	                            .timeout_ns = 5 * NS_PER_S,
	                            .busy_ns = 100 * NS_PER_MS,
	                            .slack_ns = 150 * NS_PER_MS},
		.log_limit = {.interval_ns = NS_PER_S, .burst = 10}};
	store_le32(p->set.public_key, i * 0x9e3779b1u + 1);
	p->dp = engine_create_peer(end.engine, p);
	frames_init(&p->frames, p->fx, p->dp, control.boot_id);
	p->session.current = rig_keypair(&end, p->dp, true, 0x100 + i, 0x200 + i, now_ns);
	add_paths(p, PATHS_MAX, now_ns);
}

static void setup(void)
{
	struct engine_settings set = rig_settings(1);

	rig_setup();
	log_set_level(LOG_LEVEL_ERROR);
	set.hand_over = true;
	rig_create_as(&end, set, 1, "127.0.0.1:0");
	control = (struct control){
		.engine = end.engine, .peers = {.at = peers, .count = PEERS}, .uplinks.count = 1};
	control_make_effects(&control);
	control.uplinks.uplink[0] = (struct uplink){.name = "wan", .wishes = {.weight = 1}};
	control.uplinks.uplink[0].pair[0] =
		(struct uplink_pair){.uplink = &control.uplinks.uplink[0],
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
		rig_strip_peer(&end, peer[i].dp, peer[i].session.current);
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
		sum += peer[i / PATHS_MAX].paths.slot[i % PATHS_MAX].health.next_seq;
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
	while (engine_send_late(end.engine, peer[0].dp, peer[0].session.current, 0, LANE_ORDERED,
	                        NULL, 0, NULL))
		;
}

Test(probes, what_could_not_be_sent_is_not_counted_and_stays_due)
{
	unsigned memory = end.engine->control.pool.count, all = PEERS * PATHS_MAX;
	uint64_t now_ns = clock_boot_ns(), next_ns = NEVER_NS;

	cr_assert(lt(uint, memory, all));
	for (unsigned i = 0; i < PEERS; i++)
		next_ns = peer_paths_service(&peer[i], now_ns);
	cr_expect(eq(uint, probes_sent(), memory));
	cr_expect(le(u64, next_ns, now_ns + 10 * NS_PER_MS), "the last peer waits for too long");
	cr_expect(lt(u64, now_ns, next_ns), "the last peer does not let others go on");

	rig_start(&end);
	while (probes_sent() < all) {
		rig_is_readable(-1, 1);
		now_ns += NS_PER_MS;
		for (unsigned i = 0; i < PEERS; i++)
			peer_paths_service(&peer[i], now_ns);
	}
	rig_until(count_arrived() == probes_sent()); /* more than all when it took long */
}

Test(probes, hello_goes_over_every_path_as_soon_as_there_is_memory)
{
	struct peer *p = &peer[1];
	uint64_t now_ns = clock_boot_ns();

	use_up_memory();
	p->verdict.hello_ns = now_ns;
	peer_verdict_service(p, now_ns);
	cr_expect(frames_owe(&p->frames));
	cr_expect(eq(uint, p->frames.owed_hellos, (1u << PATHS_MAX) - 1));
	rig_start(&end);
	while (frames_owe(&p->frames)) {
		rig_is_readable(-1, 1);
		peer_verdict_service(p, now_ns);
	}
	rig_until(count_arrived() == end.engine->control.pool.count + PATHS_MAX);
	cr_expect(eq(uint, p->verdict.hellos, 1));
}

/* The first packet of an initiator proves that it has the key: it comes a little later. */
Test(probes, keepalive_without_memory_is_owed)
{
	struct peer *p = &peer[1];

	use_up_memory();
	peer_send_keepalive(p);
	cr_expect(frames_owe(&p->frames));
	rig_start(&end);
	while (frames_owe(&p->frames)) {
		rig_is_readable(-1, 1);
		peer_verdict_service(p, clock_boot_ns());
	}
	rig_until(count_arrived() == end.engine->control.pool.count + 1);
}

Test(probes, goodbye_waits_for_memory)
{
	use_up_memory();
	rig_start(&end);
	peer_say_goodbye(&peer[1]);
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
	struct path *path = &peer[0].paths.slot[2];
	uint64_t now_ns = clock_boot_ns();
	uint32_t key = peer[0].session.current->local_index;

	health_probe_sent(&path->health, &peer[0].health_settings, now_ns);
	answer(2, key, 0);
	peer_take_signs(&peer[0], now_ns);
	cr_assert(eq(int, path->health.state, PATH_UP));
	health_fail(&path->health, "test", now_ns);
	now_ns += NS_PER_S; /* the hold-down is over */
	for (uint16_t seq = 1; seq <= 30; seq++)
		health_probe_sent(&path->health, &peer[0].health_settings,
		                  now_ns + seq * NS_PER_MS);
	for (uint16_t seq = 1; seq <= 30; seq++)
		answer(2, key, seq);
	peer_take_signs(&peer[0], now_ns + 40 * NS_PER_MS);
	cr_expect(eq(int, path->health.state, PATH_UP));
	cr_expect(eq(uint, path->health.answered_seq, 30));
}

Test(probes, answers_under_a_key_that_is_no_more_prove_nothing)
{
	struct path *path = &peer[0].paths.slot[2];
	uint64_t now_ns = clock_boot_ns();

	health_probe_sent(&path->health, &peer[0].health_settings, now_ns);
	answer(2, 0xdead, 0);
	peer_take_signs(&peer[0], now_ns);
	cr_expect(eq(int, path->health.state, PATH_UNPROVEN));
	answer(2, peer[0].session.current->local_index, 0);
	peer_take_signs(&peer[0], now_ns);
	cr_expect(eq(int, path->health.state, PATH_UP));
}

/* ---- when ---- */

Test(probes, paths_of_a_peer_and_peers_have_parts_of_the_interval_of_their_own)
{
	for (unsigned i = 0; i < PEERS; i++) {
		uint16_t parts = 0;

		for (unsigned k = 0; k < PATHS_MAX; k++)
			parts |= (uint16_t)(1u << (peer[i].paths.slot[k].health.phase >> 28));
		cr_expect(ge(int, __builtin_popcount(parts), PATHS_MAX - 1), "peer %u: %#x", i,
		          parts);
		for (unsigned k = 0; k < i; k++)
			cr_expect(ne(u32, peer[i].paths.slot[0].health.phase,
			             peer[k].paths.slot[0].health.phase));
	}
}

/* ---- what frames of a peer may cause ---- */

/* A notice of frames of types @first and @second in turn, @count in all, in a datagram over path 0
 * or, without path, from elsewhere.
 */
static void take_mixed(struct peer *p, enum frame_type first, enum frame_type second,
                       unsigned count, bool is_on_path, unsigned answer_bytes, uint64_t now_ns)
{
	static struct batch_pool pool;
	uint8_t body[20] = {1};
	struct batch *r;
	struct segment *seg;

	cr_assert(eq(int, batch_pool_init(&pool, 1, 2048, 2048), 0));
	r = batch_get(&pool);
	seg = batch_append(r, pool.stride);
	for (unsigned i = 0; i < count; i++) {
		enum frame_type type = i % 2 ? second : first;

		seg->len = (uint16_t)frame_append(segment_payload(r, seg), seg->len, 1504, type,
		                                  body, frame_body_len(type));
	}
	r->path_id = is_on_path ? 0 : PATH_NONE;
	r->route = (struct route){.link = engine_link(end.engine, 0), .remote = far_at[0]};
	r->answer_bytes = answer_bytes;
	cr_assert(keypair_get(p->session.current));
	r->keypair = p->session.current;
	peer_take_notice(p, r, now_ns);
	batch_free(r);
	batch_pool_fini(&pool);
}

static void take_frames_of(struct peer *p, enum frame_type type, unsigned count, bool is_on_path,
                           unsigned answer_bytes, uint64_t now_ns)
{
	take_mixed(p, type, type, count, is_on_path, answer_bytes, now_ns);
}

static void expect_answers(unsigned count)
{
	static unsigned expected;

	expected += count;
	engine_stop(end.engine); /* and so all is sent */
	cr_expect(eq(uint, count_arrived(), expected));
}

Test(probes, many_frames_of_a_type_in_one_datagram_get_one_answer)
{
	uint64_t now_ns = clock_boot_ns();

	take_frames_of(&peer[0], FRAME_PATH_CHALLENGE, 60, true, 1504, now_ns);
	take_frames_of(&peer[0], FRAME_PATH_CHALLENGE, 60, false, 1504, now_ns);
	take_frames_of(&peer[0], FRAME_HELLO, 60, true, 1504, now_ns);
	take_frames_of(&peer[0], FRAME_PROBE, 60, false, 1504, now_ns);
	rig_start(&end);
	expect_answers(4);
	cr_expect(eq(u64, engine_drops(end.engine, DROP_ANSWER_LIMITED), 3 * 59));
}

/* A greeting asks for two things in one datagram, and gets them in one that is as long. */
Test(probes, greeting_is_answered_whole_and_by_no_more_than_it_weighs)
{
	uint8_t payload[RIG_DATAGRAM];
	uint64_t counter;
	struct frame f;
	size_t len, offset = 0;

	take_mixed(&peer[0], FRAME_HELLO, FRAME_PATH_CHALLENGE, 2, true, 80, clock_boot_ns());
	rig_start(&end);
	len = rig_unseal(far[0], peer[0].session.current->remote_index, &counter, payload);
	cr_expect(eq(sz, len + TRANSPORT_OVERHEAD, 80));
	cr_assert(eq(int, frame_next(payload, len, &offset, &f), FRAME_FOUND));
	cr_expect(eq(int, f.type, FRAME_HELLO_ACK));
	cr_assert(eq(int, frame_next(payload, len, &offset, &f), FRAME_FOUND));
	cr_expect(eq(int, f.type, FRAME_PATH_RESPONSE));
	cr_expect(eq(int, f.body[0], 1));
	expect_answers(0);
}

Test(probes, answer_longer_than_its_cause_is_not_sent)
{
	uint64_t now_ns = clock_boot_ns();

	take_frames_of(&peer[0], FRAME_PATH_CHALLENGE, 1, true, 63, now_ns);
	take_frames_of(&peer[0], FRAME_PATH_CHALLENGE, 1, false, 63, now_ns);
	take_frames_of(&peer[0], FRAME_HELLO, 1, true, 63, now_ns);
	take_frames_of(&peer[0], FRAME_PROBE, 1, false, 63, now_ns);
	take_frames_of(&peer[0], FRAME_PATH_CHALLENGE, 1, true, 64, now_ns);
	rig_start(&end);
	expect_answers(1);
}

Test(probes, answers_of_one_peer_have_a_rate_and_others_do_not_suffer)
{
	uint64_t now_ns = clock_boot_ns();

	for (unsigned i = 0; i < 100; i++)
		take_frames_of(&peer[0], FRAME_PATH_CHALLENGE, 1, true, 64, now_ns);
	take_frames_of(&peer[1], FRAME_PATH_CHALLENGE, 1, true, 64, now_ns);
	for (unsigned i = 0; i < 100; i++)
		take_frames_of(&peer[0], FRAME_PATH_CHALLENGE, 1, true, 64, now_ns + NS_PER_S);
	rig_start(&end);
	expect_answers(40 + 1 + 40);
}

/* ---- what a peer may cause in the log ---- */

Test(probes, lines_of_one_peer_have_a_rate)
{
	int out[2], saved = dup(STDERR_FILENO);
	char text[16384];
	uint64_t now_ns = clock_boot_ns();
	unsigned lines = 0;
	ssize_t n;

	cr_assert(eq(int, pipe(out), 0));
	log_set_level(LOG_LEVEL_INFO);
	dup2(out[1], STDERR_FILENO);
	for (unsigned i = 0; i < 300; i++)
		peer_log(&peer[0], now_ns, "peer=office: number %u", i);
	peer_log(&peer[0], now_ns + NS_PER_S, "peer=office: the next");
	dup2(saved, STDERR_FILENO);
	close(out[1]);
	n = read(out[0], text, sizeof text - 1);
	cr_assert(lt(int, 0, (int)n));
	text[n] = 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	cr_expect(eq(uint, lines, 10 + 1)); /* as the rig's limit says */
	cr_expect(ne(ptr, strstr(text, "the next (290 lines held back before)"), NULL));
	close(out[0]);
	close(saved);
}

/* Its address is still to be proved, and so is ours at the other end. */
Test(probes, challenge_of_a_candidate_is_answered)
{
	peer[0].paths.followed = PATH_NONE;
	take_frames_of(&peer[0], FRAME_PATH_CHALLENGE, 1, false, 64, clock_boot_ns());
	rig_start(&end);
	expect_answers(1);
}
