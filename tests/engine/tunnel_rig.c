/* SPDX-License-Identifier: MIT */
#include "tunnel_rig.h"

enum {
	WINDOW = 48,    /* packets on their way: no socket buffer overflows, so none may be lost */
	HELD_MS = 25,   /* the resequencer waits so long for a packet at least */
	STALL_MS = 200, /* after a pause near that of a path at rest it may not wait at all */
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

void tunnel_open(struct tunnel *t, unsigned workers, unsigned links, enum bonding_mode mode,
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

void tunnel_close(struct tunnel *t)
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

void flow_send(struct flow *f)
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

struct flow *flow_between(struct rig_end *from, unsigned from_host, struct rig_end *to,
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

void run_flows(struct flow *there, struct flow *back)
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

unsigned run_there(struct tunnel *t, uint32_t count)
{
	struct flow *f = flow_between(&t->a, 1, &t->b, 2, count);
	unsigned disordered;

	run_flows(f, NULL);
	disordered = f->disordered;
	free(f);
	return disordered;
}

void expect_no_drops(struct tunnel *t, enum drop_reason but)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		cr_expect(eq(u64, engine_drops(t->a.engine, i), 0), "%s", drop_name(i));
		if (i != but)
			cr_expect(eq(u64, engine_drops(t->b.engine, i), 0), "%s", drop_name(i));
	}
}

uint64_t sent_on(const struct dp_peer *peer, unsigned path_id)
{
	return counter_read(&peer->path[path_id].tx_packets);
}

uint64_t heard_on(const struct dp_peer *peer, unsigned path_id)
{
	return counter_read(&peer->path[path_id].rx_packets);
}

size_t hello(uint8_t payload[static 64])
{
	struct frame_hello body = {.version = 1, .path_limit = 3};

	return frame_append(payload, 0, 64, FRAME_HELLO, &body, sizeof body);
}
