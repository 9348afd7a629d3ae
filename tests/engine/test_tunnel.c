/* SPDX-License-Identifier: MIT */
/* Two engines in one process, joined by links over loopback: what goes into the one comes out of
 * the other.
 */
#include "../dataplane/engine_rig.h"

enum {
	FLOW_MAX = 4000,
	WINDOW = 48,    /* packets on their way: no socket buffer overflows, so none may be lost */
	HELD_MS = 25,   /* the resequencer waits so long for a packet at least */
	STALL_MS = 200, /* after a pause near that of a path at rest it may not wait at all */
	STOP_ROUNDS = 6,
};

TestSuite(tunnel, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

/* Host 1 behind a, host 2 behind b. */
struct tunnel {
	struct rig_end a, b;
	struct dp_peer *to_b, *to_a; /* as a and b see each other */
	struct keypair *kp_a, *kp_b;
};

static void bond(struct dp_peer *peer, struct keypair *kp)
{
	atomic_store(&peer->frames_allowed, true);
	atomic_store(&peer->followed_path, PATH_ANY);
	atomic_store(&kp->send_lanes, true);
}

static void lead(struct rig_end *from, struct dp_peer *peer, struct rig_end *to, unsigned links,
                 enum bonding_mode mode, const uint32_t *weight)
{
	for (unsigned i = 0; i < links; i++)
		rig_publish_target(from, peer, i, i, &engine_link(to->engine, i)->bound);
	rig_publish_paths(peer, mode, links, weight);
}

static void tunnel_open(struct tunnel *t, unsigned workers, unsigned links, enum bonding_mode mode,
                        const uint32_t *weight)
{
	uint64_t now_ns = clock_boot_ns();

	rig_create(&t->a, workers, links, "127.0.0.1:0");
	rig_create(&t->b, workers, links, "127.0.0.1:0");
	t->to_b = engine_create_peer(t->a.engine, NULL);
	t->to_a = engine_create_peer(t->b.engine, NULL);
	t->kp_a = rig_keypair(&t->a, t->to_b, true, 0xa1, 0xb1, now_ns);
	t->kp_b = rig_keypair(&t->b, t->to_a, false, 0xb1, 0xa1, now_ns);
	bond(t->to_b, t->kp_a);
	bond(t->to_a, t->kp_b);
	lead(&t->a, t->to_b, &t->b, links, mode, weight);
	lead(&t->b, t->to_a, &t->a, links, mode, weight);
	rig_publish_allowedips(&t->a, &t->to_b, 2, 1);
	rig_publish_allowedips(&t->b, &t->to_a, 1, 1);
	rig_use_keypair(t->to_b, t->kp_a);
	rig_use_keypair(t->to_a, t->kp_b);
	rig_start(&t->a);
	rig_start(&t->b);
}

static void tunnel_close(struct tunnel *t)
{
	engine_stop(t->a.engine);
	engine_stop(t->b.engine);
	rig_expect_all_home(&t->a);
	rig_expect_all_home(&t->b);
	rig_strip_peer(&t->a, t->to_b, t->kp_a);
	rig_strip_peer(&t->b, t->to_a, t->kp_b);
	rig_destroy(&t->a);
	rig_destroy(&t->b);
	rig_put_peer(t->to_b);
	rig_put_peer(t->to_a);
}

/* ---- flows ---- */

/* Packets 0 .. count - 1, a few on their way at a time. */
struct flow {
	struct rig_end *from, *to;
	unsigned from_host, to_host;
	uint32_t count, sent, received, top;
	uint64_t paused_ns; /* end of the latest pause of the test itself */
	uint64_t sent_ns[FLOW_MAX];
	bool is_seen[FLOW_MAX];
	unsigned disordered; /* behind a later one without having been long on its way */
};

static void flow_send(struct flow *f)
{
	uint8_t packet[RIG_MTU];

	while (f->sent < f->count && f->sent - f->received < WINDOW) {
		uint64_t now_ns = clock_boot_ns();
		size_t len = rig_flow_packet(packet, f->from_host, f->to_host, f->sent);

		if (!rig_write(f->from, packet, len))
			return;
		if (f->sent && now_ns - f->sent_ns[f->sent - 1] > STALL_MS * NS_PER_MS)
			f->paused_ns = now_ns;
		f->sent_ns[f->sent++] = now_ns;
	}
}

static void flow_take(struct flow *f, const uint8_t *packet, size_t len)
{
	uint32_t seq = rig_flow_seq(packet, len, f->from_host, f->to_host);
	uint64_t now_ns = clock_boot_ns();

	cr_assert(lt(u32, seq, f->sent));
	cr_assert(not(f->is_seen[seq]), "packet %u came twice", seq);
	f->is_seen[seq] = true;
	f->received++;
	if (seq >= f->top)
		f->top = seq + 1;
	else if (now_ns - f->sent_ns[seq] < HELD_MS * NS_PER_MS &&
	         f->sent_ns[seq] > f->paused_ns + STALL_MS * NS_PER_MS)
		f->disordered++;
}

static void flow_receive(struct flow *f)
{
	uint8_t packet[RIG_DATAGRAM];
	ssize_t n;

	while ((n = read(f->to->tun, packet, sizeof packet)) > 0)
		flow_take(f, packet, (size_t)n);
	cr_assert(eq(int, errno, EAGAIN));
}

static struct flow *flow_between(struct rig_end *from, unsigned from_host, struct rig_end *to,
                                 unsigned to_host, uint32_t count)
{
	struct flow *f = calloc(1, sizeof *f);

	cr_assert(le(u32, count, FLOW_MAX));
	*f = (struct flow){
		.from = from, .to = to, .from_host = from_host, .to_host = to_host, .count = count};
	return f;
}

static bool flow_is_over(const struct flow *f)
{
	return f->received == f->count;
}

/* Until all of @there and, unless it is NULL, of @back were received. */
static void run_flows(struct flow *there, struct flow *back)
{
	while (!flow_is_over(there) || (back && !flow_is_over(back))) {
		struct pollfd p[2] = {{.fd = there->to->tun, .events = POLLIN},
		                      {.fd = back ? back->to->tun : -1, .events = POLLIN}};
		int n;

		flow_send(there);
		if (back)
			flow_send(back);
		rcu_thread_offline();
		n = poll(p, 2, RIG_WAIT_MS);
		rcu_thread_online();
		cr_assert(lt(int, 0, n), "lost: %u of %u came", there->received, there->sent);
		flow_receive(there);
		if (back)
			flow_receive(back);
	}
}

/* Sends @count packets from a to b and returns how many came out of order. */
static unsigned run_there(struct tunnel *t, uint32_t count)
{
	struct flow *f = flow_between(&t->a, 1, &t->b, 2, count);
	unsigned disordered;

	run_flows(f, NULL);
	disordered = f->disordered;
	free(f);
	return disordered;
}

/* @but DROP_REASON_COUNT: none at all. */
static void expect_no_drops(struct tunnel *t, enum drop_reason but)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		cr_expect(eq(u64, engine_drops(t->a.engine, i), 0), "%s", drop_name(i));
		if (i != but)
			cr_expect(eq(u64, engine_drops(t->b.engine, i), 0), "%s", drop_name(i));
	}
}

static uint64_t sent_on(const struct dp_peer *peer, unsigned path_id)
{
	return counter_read(&peer->path[path_id].tx_packets);
}

static uint64_t heard_on(const struct dp_peer *peer, unsigned path_id)
{
	return counter_read(&peer->path[path_id].rx_packets);
}

/* One link keeps order, so not one packet may be out of it, however slow the machine. */
static void expect_one_link(unsigned workers)
{
	struct tunnel t;
	struct flow *there, *back;

	tunnel_open(&t, workers, 1, BONDING_AGGREGATE, NULL);
	there = flow_between(&t.a, 1, &t.b, 2, FLOW_MAX);
	back = flow_between(&t.b, 2, &t.a, 1, FLOW_MAX);
	run_flows(there, back);
	cr_expect(eq(uint, there->disordered, 0));
	cr_expect(eq(uint, back->disordered, 0));
	expect_no_drops(&t, DROP_REASON_COUNT);
	rig_until(sent_on(t.to_b, 0) == FLOW_MAX);
	rig_until(heard_on(t.to_a, 0) == FLOW_MAX);
	cr_expect(eq(u64, counter_read(&engine_link(t.b.engine, 0)->rx_packets), FLOW_MAX));
	free(there);
	free(back);
	tunnel_close(&t);
}

Test(tunnel, packets_come_out_unchanged_and_in_order_with_1_worker)
{
	expect_one_link(1);
}

Test(tunnel, packets_come_out_unchanged_and_in_order_with_2_workers)
{
	expect_one_link(2);
}

Test(tunnel, packets_come_out_unchanged_and_in_order_with_4_workers)
{
	expect_one_link(4);
}

/* One at a time over all paths: then order begins with every path known to carry data. */
static void warm_up(struct tunnel *t)
{
	for (unsigned i = 0; i < 8; i++)
		run_there(t, 1);
}

static void expect_two_links(unsigned workers)
{
	struct tunnel t;

	tunnel_open(&t, workers, 2, BONDING_AGGREGATE, (const uint32_t[]){1, 3});
	cr_assert(eq(int, engine_enable_reorder(t.to_a), 0));
	warm_up(&t);
	cr_expect(eq(uint, run_there(&t, FLOW_MAX), 0));
	expect_no_drops(&t, DROP_REASON_COUNT);
	/* Shared by weight in bytes; the lengths are as random on the one as on the other. */
	rig_until(sent_on(t.to_b, 0) + sent_on(t.to_b, 1) == FLOW_MAX + 8);
	cr_expect(lt(u64, FLOW_MAX / 5, sent_on(t.to_b, 0)));
	cr_expect(lt(u64, FLOW_MAX * 3 / 5, sent_on(t.to_b, 1)));
	tunnel_close(&t);
}

Test(tunnel, two_links_together_keep_order_with_1_worker)
{
	expect_two_links(1);
}

Test(tunnel, two_links_together_keep_order_with_2_workers)
{
	expect_two_links(2);
}

Test(tunnel, two_links_together_keep_order_with_4_workers)
{
	expect_two_links(4);
}

Test(tunnel, without_resequencer_two_links_bring_each_once)
{
	struct tunnel t;

	tunnel_open(&t, 2, 2, BONDING_AGGREGATE, NULL);
	run_there(&t, FLOW_MAX); /* fails by itself when one comes twice, changed or not at all */
	expect_no_drops(&t, DROP_REASON_COUNT);
	tunnel_close(&t);
}

/* Whichever copy is first: each link keeps order, so the first copies are in order as well. */
static void expect_redundant(unsigned workers)
{
	struct tunnel t;

	tunnel_open(&t, workers, 3, BONDING_REDUNDANT, NULL);
	cr_expect(eq(uint, run_there(&t, FLOW_MAX), 0));
	for (unsigned i = 0; i < 3; i++) {
		rig_until(sent_on(t.to_b, i) == FLOW_MAX);
		cr_expect(eq(u64, sent_on(t.to_a, i), 0));
	}
	rig_until(engine_drops(t.b.engine, DROP_REPLAY) == 2 * FLOW_MAX);
	expect_no_drops(&t, DROP_REPLAY);
	cr_expect(eq(u64, atomic_load(&t.kp_a->sent[LANE_UNORDERED]), FLOW_MAX));
	cr_expect(eq(u64, atomic_load(&t.kp_a->sent[LANE_ORDERED]), 0));
	tunnel_close(&t);
}

Test(tunnel, redundant_packets_go_everywhere_and_come_out_once)
{
	expect_redundant(1);
	expect_redundant(4);
}

Test(tunnel, failover_uses_the_heaviest_path_and_then_the_other)
{
	struct tunnel t;

	tunnel_open(&t, 2, 2, BONDING_FAILOVER, (const uint32_t[]){1, 3});
	cr_expect(eq(uint, run_there(&t, 500), 0));
	rig_until(sent_on(t.to_b, 1) == 500);
	cr_expect(eq(u64, sent_on(t.to_b, 0), 0));
	rig_publish_paths(t.to_b, BONDING_FAILOVER, 1, NULL); /* path 1 is down */
	cr_expect(eq(uint, run_there(&t, 300), 0));
	rig_until(sent_on(t.to_b, 0) == 300);
	cr_expect(eq(u64, sent_on(t.to_b, 1), 500));
	cr_expect(eq(u64, atomic_load(&t.kp_a->sent[LANE_UNORDERED]), 800));
	expect_no_drops(&t, DROP_REASON_COUNT);
	tunnel_close(&t);
}

/* Nothing tells a plain peer of lanes: the first one carries everything. */
Test(tunnel, peer_that_takes_no_lanes_gets_lane_0_in_every_mode)
{
	static const enum bonding_mode modes[] = {BONDING_AGGREGATE, BONDING_REDUNDANT,
	                                          BONDING_FAILOVER};

	for (unsigned i = 0; i < 3; i++) {
		struct tunnel t;

		tunnel_open(&t, 1, 1, modes[i], NULL);
		atomic_store(&t.kp_a->send_lanes, false);
		t.kp_b->accepts_lanes = false;
		cr_expect(eq(uint, run_there(&t, 100), 0));
		cr_expect(eq(u64, atomic_load(&t.kp_a->sent[LANE_ORDERED]), 100));
		tunnel_close(&t);
	}
}

Test(tunnel, modes_change_under_load_and_nothing_is_lost_or_doubled)
{
	struct tunnel t;
	struct flow *f;

	tunnel_open(&t, 4, 2, BONDING_AGGREGATE, NULL);
	f = flow_between(&t.a, 1, &t.b, 2, 0);
	for (unsigned i = 0; i < 60; i++) {
		f->count += FLOW_MAX / 60;
		rig_publish_paths(t.to_b, (enum bonding_mode)(i % 3), 2, NULL);
		flow_send(f);
		/* The mode changes while a window of packets is on its way. */
		rig_publish_paths(t.to_b, (enum bonding_mode)((i + 1) % 3), 2, NULL);
		run_flows(f, NULL);
	}
	expect_no_drops(&t, DROP_REPLAY);
	free(f);
	tunnel_close(&t);
}

/* One link, so the order of the old session's packets and the new one's is that of sending. */
Test(tunnel, session_is_renewed_under_load_without_loss_or_disorder)
{
	struct tunnel t;
	struct keypair *old_a, *old_b;
	struct flow *f;

	tunnel_open(&t, 2, 1, BONDING_AGGREGATE, NULL);
	cr_assert(eq(int, engine_enable_reorder(t.to_a), 0));
	f = flow_between(&t.a, 1, &t.b, 2, 0);
	for (unsigned i = 0; i < 10; i++) {
		uint64_t now_ns = clock_boot_ns();

		f->count += FLOW_MAX / 10;
		flow_send(f);
		old_a = t.kp_a;
		old_b = t.kp_b;
		t.kp_b = rig_keypair(&t.b, t.to_a, false, 0xc0 + i, 0xd0 + i, now_ns);
		t.kp_a = rig_keypair(&t.a, t.to_b, true, 0xd0 + i, 0xc0 + i, now_ns);
		rig_use_keypair(t.to_b, t.kp_a);
		rig_use_keypair(t.to_a, t.kp_b);
		run_flows(f, NULL);
		/* Here the session before goes; batches may still hold it. */
		cr_expect(index_remove(engine_index(t.a.engine), old_a));
		cr_expect(index_remove(engine_index(t.b.engine), old_b));
		keypair_put(old_a);
		keypair_put(old_b);
	}
	cr_expect(eq(uint, f->disordered, 0));
	expect_no_drops(&t, DROP_REASON_COUNT);
	rig_await_event(&t.b, PEER_EVENT_CONFIRMED);
	free(f);
	tunnel_close(&t);
}

/* ---- frames ---- */

static size_t hello(uint8_t payload[static 64])
{
	struct frame_hello body = {.version = 1, .path_limit = 3};

	return frame_append(payload, 0, 64, FRAME_HELLO, &body, sizeof body);
}

Test(tunnel, late_batch_arrives_as_notice_with_its_path)
{
	struct tunnel t;
	uint8_t payload[64] = {0};
	size_t len = hello(payload);

	tunnel_open(&t, 2, 3, BONDING_AGGREGATE, NULL);
	for (unsigned i = 0; i < 12; i++) {
		unsigned path = i % 3;
		struct batch *r;

		payload[4 + 8] = (uint8_t)i;
		cr_assert(engine_send_late(t.a.engine, t.to_b, t.kp_a, path, LANE_CONTROL + path,
		                           payload, len, NULL));
		r = rig_await_notice(&t.b);
		cr_expect(eq(int, r->kind, BATCH_NOTICE));
		cr_expect(eq(uint, r->path_id, path));
		cr_expect(eq(ptr, r->peer, t.to_a));
		cr_expect(eq(ptr, r->keypair, t.kp_b));
		cr_expect(eq(ptr, r->route.link, engine_link(t.b.engine, path)));
		cr_expect(endpoint_equal(&r->route.remote, &engine_link(t.a.engine, path)->bound));
		cr_expect(eq(u64, r->first_counter,
		             (uint64_t)(LANE_CONTROL + path) << LANE_SHIFT | i / 3));
		cr_expect(eq(u64, r->rx_packets, i / 3));
		cr_assert(eq(uint, r->len, 1));
		cr_assert(eq(uint, r->segment[0].len, 32)); /* padded */
		ASSERT_BYTES(segment_payload(r, &r->segment[0]), payload, 32);
		batch_free(r);
	}
	tunnel_close(&t);
}

/* Sends a probe on @path; returns what the other side hears of it, and in @ret_answer what comes back. */
static struct life_sign probe(struct tunnel *t, unsigned path, uint16_t seq, uint32_t taken,
                              struct life_sign *ret_answer)
{
	struct frame_probe body = {.path_id = (uint8_t)path};
	struct life_sign heard;
	uint32_t probes_taken = taken;
	uint8_t payload[64];
	size_t len;

	store_le16(body.seq, seq);
	len = frame_append(payload, 0, sizeof payload, FRAME_PROBE, &body, sizeof body);
	cr_assert(engine_send_late(t->a.engine, t->to_b, t->kp_a, path, LANE_CONTROL + path,
	                           payload, len, NULL));
	heard = rig_await_sign(&t->to_a->path[path].probes, &probes_taken);
	rig_await_event(&t->b, PEER_EVENT_SIGNS);
	*ret_answer = rig_await_sign(&t->to_b->path[path].answers, &taken);
	rig_await_event(&t->a, PEER_EVENT_SIGNS);
	return heard;
}

/* Also that it is answered where it came in: the answer is found on the same path. */
Test(tunnel, probe_is_answered_by_echo_on_its_path_with_time_and_counts)
{
	struct tunnel t;

	tunnel_open(&t, 2, 2, BONDING_FAILOVER, (const uint32_t[]){2, 1});
	run_there(&t, 100); /* all on path 0 */
	for (unsigned i = 0; i < 4; i++) {
		unsigned path = i % 2, before = (path == 0 ? 100 : 0) + i / 2;
		uint32_t begin_us = (uint32_t)(clock_boot_ns() / NS_PER_US), spent_us;
		struct life_sign echo, heard;

		heard = probe(&t, path, (uint16_t)(0x1230 + i), i / 2, &echo);
		spent_us = (uint32_t)(clock_boot_ns() / NS_PER_US) - begin_us;
		cr_expect(eq(u32, heard.key, t.kp_b->local_index));
		cr_expect(eq(u32, heard.number, path));
		cr_expect(eq(u32, heard.sent, before));
		cr_expect(eq(u32, heard.heard, before)); /* no loss */
		cr_expect(eq(u32, echo.key, t.kp_a->local_index));
		cr_expect(eq(u32, echo.number, 0x1230 + i));
		cr_expect(le(u32, echo.rtt_us, spent_us));
		cr_expect(eq(u32, echo.heard, before));
		cr_expect(eq(u32, echo.sent, before));
	}
	cr_expect(eq(ptr, engine_take_notice(t.a.engine), NULL));
	cr_expect(eq(ptr, engine_take_notice(t.b.engine), NULL));
	tunnel_close(&t);
}

Test(tunnel, keepalive_is_heard_and_nobody_is_told)
{
	struct tunnel t;

	tunnel_open(&t, 1, 1, BONDING_AGGREGATE, NULL);
	cr_assert(engine_send_late(t.a.engine, t.to_b, t.kp_a, 0, LANE_ORDERED, NULL, 0, NULL));
	rig_until(heard_on(t.to_a, 0) == 1);
	rig_until(counter_read(&t.to_a->heard_ns) != 0);
	cr_expect(eq(u64, counter_read(&t.to_a->data_rx_since_ns), 0));
	cr_expect(eq(ptr, engine_take_notice(t.b.engine), NULL));
	rig_until(counter_read(&t.to_b->path[0].tx_bytes) == TRANSPORT_OVERHEAD);
	cr_expect(eq(u64, counter_read(&t.to_a->path[0].rx_bytes), TRANSPORT_OVERHEAD));
	expect_no_drops(&t, DROP_REASON_COUNT);
	tunnel_close(&t);
}

Test(tunnel, late_batch_to_another_place_goes_there_and_not_along_the_path)
{
	struct tunnel t;
	struct route elsewhere;
	uint8_t payload[64] = {0};
	size_t len = hello(payload);
	struct batch *r;

	tunnel_open(&t, 1, 2, BONDING_AGGREGATE, NULL);
	elsewhere = (struct route){.link = engine_link(t.a.engine, 0),
	                           .remote = engine_link(t.b.engine, 1)->bound};
	cr_assert(engine_send_late(t.a.engine, t.to_b, t.kp_a, 0, LANE_CONTROL, payload, len,
	                           &elsewhere));
	r = rig_await_notice(&t.b);
	cr_expect(eq(ptr, r->route.link, engine_link(t.b.engine, 1)));
	cr_expect(eq(uint, r->path_id, PATH_NONE)); /* from link 0 of a to link 1: no path yet */
	cr_expect(eq(u64, r->rx_packets, 0));
	batch_free(r);
	tunnel_close(&t);
}

/* ---- creating, stopping ---- */

Test(tunnel, destroy_accepts_nothing_and_what_never_ran)
{
	struct rig_end end;

	engine_destroy(NULL);
	rig_create(&end, 2, 2, "127.0.0.1:0");
	engine_stop(end.engine);
	rig_expect_all_home(&end);
	rig_destroy(&end);
}

Test(tunnel, kick_that_nobody_heeded_is_let_go)
{
	struct rig_end end;
	struct dp_peer *peer;

	rig_create(&end, 1, 0, NULL);
	peer = engine_create_peer(end.engine, NULL);
	engine_kick(peer);
	engine_stop(end.engine);
	rig_destroy(&end);
	rig_put_peer(peer);
}

Test(tunnel, settings_and_workers_are_told)
{
	struct rig_end end;

	rig_create(&end, 3, 0, NULL);
	cr_expect(eq(uint, engine_settings(end.engine)->workers, 3));
	cr_expect(ge(uint, engine_auto_workers(), 1));
	cr_expect(le(uint, engine_auto_workers(), WORKERS_MAX));
	engine_stop(end.engine);
	rig_destroy(&end);
}

/* Writes packets as fast as the device takes them. */
struct flood {
	struct thread thread;
	int tun;
	unsigned from_host, to_host;
	atomic_bool is_over;
};

static void pour(void *arg)
{
	struct flood *f = arg;
	uint8_t packet[RIG_MTU];
	uint32_t seq = 0;

	while (!atomic_load(&f->is_over)) {
		size_t len = rig_flow_packet(packet, f->from_host, f->to_host, seq++);
		struct pollfd p = {.fd = f->tun, .events = POLLOUT};

		if (write(f->tun, packet, len) < 0)
			poll(&p, 1, 10); /* a stopped engine takes nothing any more */
	}
}

static void flood_start(struct flood *f, struct rig_end *end, unsigned from_host, unsigned to_host)
{
	*f = (struct flood){.tun = end->tun, .from_host = from_host, .to_host = to_host};
	cr_assert(eq(int, thread_start(&f->thread, "flood", THREAD_HELPER, -1, pour, f), 0));
}

static void flood_stop(struct flood *f)
{
	atomic_store(&f->is_over, true);
	thread_join(&f->thread);
}

/* What control does meanwhile: probes, kicks and new tables. */
static void stir(struct tunnel *t, unsigned i)
{
	uint8_t payload[64] = {0};
	size_t len = hello(payload);

	rig_publish_paths(t->to_b, (enum bonding_mode)(i % 3), 2, NULL);
	engine_send_late(t->a.engine, t->to_b, t->kp_a, i % 2, LANE_CONTROL + i % 2, payload, len,
	                 NULL);
	engine_kick(t->to_b);
	engine_kick(t->to_a);
	rcu_quiescent_state();
}

/* Stopping must return while packets pour in from both sides, and tunnel_close() sees to it that
 * neither batch nor reference is left. Events, notices and kicks are left waiting on purpose.
 */
Test(tunnel, stop_under_load_returns_and_leaks_nothing)
{
	for (unsigned round = 0; round < STOP_ROUNDS; round++) {
		struct flood there, back;
		struct tunnel t;

		tunnel_open(&t, 1u << round % 3, 2, BONDING_AGGREGATE, NULL);
		cr_assert(eq(int, engine_enable_reorder(t.to_a), 0));
		flood_start(&there, &t.a, 1, 2);
		flood_start(&back, &t.b, 2, 1);
		for (unsigned i = 0; i < 20 * round; i++) {
			rig_until(heard_on(t.to_a, 0) > 20 * i);
			stir(&t, i);
		}
		stir(&t, round);
		if (round % 2)
			engine_stop(t.b.engine); /* else the other one first, in tunnel_close() */
		engine_stop(t.a.engine);
		flood_stop(&there);
		flood_stop(&back);
		tunnel_close(&t);
	}
}
