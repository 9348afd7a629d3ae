/* SPDX-License-Identifier: MIT */
/* Engines that are stopped while packets pour in. */
#include "tunnel_rig.h"

enum {
	STOP_ROUNDS = 6,
};

TestSuite(stop, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

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
Test(stop, under_load_it_returns_and_leaks_nothing)
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
