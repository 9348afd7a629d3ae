/* SPDX-License-Identifier: MIT */
#include "runs_rig.h"

#include "dataplane/super_packet.h"

struct rig_end end;
struct dp_peer *peer;
struct keypair *kp;
struct dp_thread *self;
struct runs runs;
int far[PATHS];
struct endpoint far_at[PATHS];

void runs_setup(void)
{
	rig_setup();
	rig_create(&end, 1, PATHS, "127.0.0.1:0");
	peer = engine_create_peer(end.engine, NULL);
	for (unsigned i = 0; i < PATHS; i++) {
		far[i] = rig_far_socket("127.0.0.1:0", &far_at[i]);
		rig_publish_target(&end, peer, i, i, &far_at[i]);
	}
	cr_assert(eq(int, engine_exchange_reports(peer, true), 0));
	self = &end.engine->dispatcher[0].self;
	self->now_ns = clock_boot_ns();
	runs_init(&runs, peer);
}

/* What is kept is in the engine's memory. */
void runs_teardown(void)
{
	runs_fini(&runs);
	rig_finish(&end, peer, kp, far, PATHS);
}

void use_key(uint32_t here, uint32_t there)
{
	kp = rig_keypair(&end, peer, true, here, there, clock_boot_ns());
	rig_use_keypair(peer, kp);
	atomic_store(&kp->send_lanes, true);
}

void begin_unknown(unsigned paths)
{
	use_key(INDEX_HERE, INDEX_THERE);
	rig_publish_paths(peer, BONDING_AGGREGATE, paths, NULL);
	for (unsigned i = 0; i < 2; i++) /* there were others, or it would go by weights */
		stripe_model(&runs.sender.stripe, (uint8_t)(PATHS_MAX - 1 - i));
	cr_assert(runs_begin(self, &runs));
	cr_assert(runs.facts.is_learned);
}

static void know(uint8_t path_id, uint64_t mbps, int64_t delay_ms)
{
	struct path_model *m = stripe_model(&runs.sender.stripe, path_id);

	path_model_answered(m, (uint64_t)delay_ms * 2 * NS_PER_MS, self->now_ns);
	owd_sample(&m->delay, delay_ms * (int64_t)NS_PER_MS, true, self->now_ns);
	capacity_train(&m->capacity, mbps * 125000 * 10 / 9);
}

void begin(unsigned paths)
{
	begin_unknown(paths);
	for (unsigned i = 0; i < paths; i++)
		know((uint8_t)i, 100, 10 + i);
}

enum runs_outcome place_as(const struct send_class *class)
{
	static const uint8_t packet[LEN];
	const struct virtio_net_hdr header = {0};
	struct super_packet cut;
	enum runs_outcome outcome;
	uint8_t *at;

	cr_assert(eq(uint, super_packet_begin(&cut, &header, packet, LEN), 1));
	outcome = runs_place(self, &runs, &cut, class, &at);
	if (outcome == RUNS_PLACED)
		memset(at, 0x45, LEN);
	return outcome;
}

enum runs_outcome place(bool is_urgent)
{
	const struct send_class class = {.is_urgent = is_urgent};

	return place_as(&class);
}

enum runs_outcome place_of(uint32_t flow)
{
	const struct send_class class = {.flow = flow};

	return place_as(&class);
}

unsigned fill(void)
{
	enum runs_outcome outcome;
	unsigned count = 0;

	while ((outcome = place(false)) == RUNS_PLACED)
		count++;
	cr_assert(eq(int, outcome, RUNS_WAIT));
	return count;
}

void send_all(void)
{
	struct run_list list = {0};

	runs_close(self, &runs);
	runs_take(&runs, &list);
	runs_work(self, &list, false);
}

size_t next_on(unsigned path, uint8_t datagram[static RIG_DATAGRAM])
{
	ssize_t n = recv(far[path], datagram, RIG_DATAGRAM, 0);

	return n < 0 ? 0 : (size_t)n;
}
