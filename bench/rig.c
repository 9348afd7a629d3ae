/* SPDX-License-Identifier: MIT */
#include "bench/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/aead.h"
#include "dataplane/publish.h"
#include "dataplane/statistics.h"

#define BUFFER_BYTES (4 << 20) /* asked for; without privileges the system may give less */

/* What vtrunkd keeps to on a path that is in use. */
#define PROBE_PERIOD_NS (100 * NS_PER_MS)
#define PROBES_WAIT_NS  (5 * NS_PER_S) /* for the first on every path */

/* Nobody renews the sessions: they are born late enough to outlive every run. */
#define BORN_LATER_NS (100 * 3600 * NS_PER_S)

/* ---- devices and links ---- */

static void set_buffer(int fd, int forced, int plain)
{
	int bytes = BUFFER_BYTES;

	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) < 0)
		setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes);
}

/* A queue of a device: @ret[0] is the kernel's side. */
static int open_queue(int ret[static 2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++) {
		set_buffer(ret[i], SO_SNDBUFFORCE, SO_SNDBUF);
		set_buffer(ret[i], SO_RCVBUFFORCE, SO_RCVBUF);
	}
	return fcntl(ret[1], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_device(struct rig *rig, enum rig_role role, struct tun *ret)
{
	*ret = (struct tun){.queues = rig->set.queues,
	                    .has_header = true,
	                    .takes = {true, true, true, true},
	                    .name = "bench"};
	for (unsigned i = 0; i < rig->set.queues; i++) {
		int fd[2] = {-1, -1}, r = open_queue(fd);

		rig->end[role].queue[i] = fd[0];
		rig->device[role][i] = ret->fd[i] = fd[1];
		if (r)
			return r;
	}
	return 0;
}

static int open_links(struct engine *engine, unsigned count)
{
	struct link_settings set = {.name = "bench", .has_offloads = true};
	int r = endpoint_parse("127.0.0.1:0", 0, &set.bind);

	for (unsigned i = 0; i < count && !r; i++)
		r = link_open(engine_link(engine, i), &set);
	return r;
}

static int create_engine(struct rig *rig, enum rig_role role)
{
	struct engine_settings set = {.mtu = rig->set.mtu,
	                              .workers = rig->set.workers,
	                              .hand_over = rig->set.hand_over,
	                              .cipher = rig->set.cipher,
	                              .busy_poll_us = rig->set.busy_poll_us};
	int r = open_device(rig, role, &set.tun);

	for (unsigned i = 0; i < TUN_QUEUES_MAX; i++)
		set.tun_cpu[i] = -1;
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		set.worker_cpu[i] = -1;
	if (!r)
		r = engine_create(&set, &rig->end[role].engine);
	return r ? r : open_links(rig->end[role].engine, rig->set.links);
}

/* ---- peers ---- */

/* Peer @i of an engine: the other end is 10.0.0.1 or 10.0.0.2, idle ones are 10.1.0.0 and onwards.
 */
static void peer_address(enum rig_role role, unsigned i, uint8_t ret[static 4])
{
	if (i == 0)
		rig_address(role == RIG_SENDER ? RIG_RECEIVER : RIG_SENDER, ret);
	else
		store_be32(ret, 10u << 24 | 1u << 16 | (i - 1));
}

static int publish_allowedips(const struct rig *rig, enum rig_role role)
{
	const struct rig_end *end = &rig->end[role];
	struct allowedips_entry *entries = calloc(end->peer_count, sizeof *entries);
	struct allowedips *table = NULL;

	for (unsigned i = 0; entries && i < end->peer_count; i++) {
		entries[i] = (struct allowedips_entry){{AF_INET, 32, {0}}, end->peer[i]};
		peer_address(role, i, entries[i].prefix.addr);
	}
	if (entries)
		table = allowedips_build(entries, end->peer_count);
	free(entries);
	if (!table)
		return -ENOMEM;
	engine_publish_allowedips(end->engine, table);
	return 0;
}

/* Makes the links of the two engines that have one number the peer's paths of that number. */
static int publish_paths(const struct rig *rig, enum rig_role role, struct dp_peer *peer)
{
	struct engine *own = rig->end[role].engine, *other = rig->end[!role].engine;
	struct path_candidate candidate[PATHS_MAX];
	struct path_table *table;

	for (unsigned i = 0; i < rig->set.links; i++) {
		struct route route = {.link = engine_link(own, i),
		                      .remote = engine_link(other, i)->bound};
		int r = engine_publish_target(peer, i, &route);

		if (r)
			return r;
		candidate[i] = (struct path_candidate){.path_id = (uint8_t)i, .weight = 1};
	}
	table = path_table_build(BONDING_AGGREGATE, candidate, rig->set.links);
	if (!table)
		return -ENOMEM;
	engine_publish_paths(peer, table);
	return 0;
}

/* The keys of both directions of session @i; each end takes them the other way round. */
struct session_keys {
	uint8_t key[RIG_ENDS][KEY_LEN];
};

static int publish_session(const struct rig *rig, enum rig_role role, struct dp_peer *peer,
                           unsigned i, const struct session_keys *keys)
{
	uint32_t index = 1 + RIG_ENDS * i;
	struct keypair *kp = keypair_create(role == RIG_SENDER, index + role, index + !role,
	                                    clock_boot_ns() + BORN_LATER_NS);
	bool is_bonded = i == 0;
	int r = 0;

	if (!kp)
		return -ENOMEM;
	memcpy(kp->keys->send, keys->key[role], KEY_LEN);
	memcpy(kp->keys->receive, keys->key[!role], KEY_LEN);
	kp->owner = peer;
	atomic_init(&kp->send_lanes, is_bonded);
	if (is_bonded)
		r = keypair_accept_lanes(kp);
	if (!r)
		r = index_insert(engine_index(rig->end[role].engine), kp);
	if (r)
		keypair_put(kp);
	else
		engine_publish_keypair(peer, kp);
	return r;
}

static int add_peer(struct rig *rig, enum rig_role role, unsigned i,
                    const struct session_keys *keys)
{
	struct rig_end *end = &rig->end[role];
	struct dp_peer *peer = engine_create_peer(end->engine, NULL);
	int r = 0;

	if (!peer)
		return -ENOMEM;
	end->peer[end->peer_count++] = peer;
	if (i == 0) {
		atomic_store(&peer->frames_allowed, true);
		atomic_store(&peer->followed_path, (uint8_t)PATH_ANY);
		r = engine_enable_reorder(peer);
	}
	if (!r)
		r = publish_paths(rig, role, peer);
	return r ? r : publish_session(rig, role, peer, i, keys);
}

static int add_peers(struct rig *rig)
{
	unsigned count = rig->set.peers + 1;
	int r = 0;

	for (unsigned role = 0; role < RIG_ENDS; role++) {
		rig->end[role].peer = calloc(count, sizeof(struct dp_peer *));
		if (!rig->end[role].peer)
			return -ENOMEM;
	}
	for (unsigned i = 0; i < count && !r; i++) {
		struct session_keys keys;

		random_bytes(&keys, sizeof keys);
		for (unsigned role = 0; role < RIG_ENDS && !r; role++)
			r = add_peer(rig, role, i, &keys);
		secret_wipe(&keys, sizeof keys);
	}
	for (unsigned role = 0; role < RIG_ENDS && !r; role++)
		r = publish_allowedips(rig, role);
	return r;
}

/* ---- start ---- */

static int start_engine(const struct rig *rig, enum rig_role role)
{
	struct engine *engine = rig->end[role].engine;
	int r = engine_start(engine);

	for (unsigned i = 0; i < rig->set.links && !r; i++)
		r = engine_link_start(engine, engine_link(engine, i), -1);
	return r;
}

static bool has_heard_all(const struct rig *rig)
{
	for (unsigned role = 0; role < RIG_ENDS; role++) {
		for (unsigned i = 0; i < rig->set.links; i++) {
			if (!counter_read(&rig->end[role].peer[0]->path[i].rx_packets))
				return false;
		}
	}
	return true;
}

/* As between two daemons, probes have passed every path before data does. */
static int await_probes(struct rig *rig)
{
	uint64_t end_ns = clock_boot_ns() + PROBES_WAIT_NS;

	while (!has_heard_all(rig)) {
		if (clock_boot_ns() >= end_ns)
			return -ETIMEDOUT;
		rig_serve(rig, -1, clock_boot_ns() + NS_PER_MS);
	}
	return 0;
}

int rig_create(struct rig *rig, const struct rig_settings *set)
{
	int r = 0;

	*rig = (struct rig){.set = *set};
	for (unsigned role = 0; role < RIG_ENDS; role++)
		for (unsigned i = 0; i < TUN_QUEUES_MAX; i++)
			rig->end[role].queue[i] = rig->device[role][i] = -1;
	for (unsigned role = 0; role < RIG_ENDS && !r; role++)
		r = create_engine(rig, role);
	if (!r)
		r = add_peers(rig);
	for (unsigned role = 0; role < RIG_ENDS && !r; role++)
		r = start_engine(rig, role);
	return r ? r : await_probes(rig);
}

void rig_address(enum rig_role role, uint8_t ret[static 4])
{
	store_be32(ret, 10u << 24 | (1 + role));
}

int rig_delivery_fd(const struct rig *rig)
{
	const struct rig_end *end = &rig->end[RIG_RECEIVER];

	return end->queue[dp_peer_queue(end->peer[0])];
}

static size_t buffer_bytes(int fd, int option)
{
	socklen_t len = sizeof(int);
	int bytes;

	return getsockopt(fd, SOL_SOCKET, option, &bytes, &len) < 0 ? 0 : (size_t)bytes;
}

size_t rig_room_bytes(const struct rig *rig)
{
	size_t device = buffer_bytes(rig->device[RIG_RECEIVER][0], SO_SNDBUF);
	size_t link =
		buffer_bytes(engine_link(rig->end[RIG_RECEIVER].engine, 0)->data_fd, SO_RCVBUF);

	return device < link ? device : link;
}

/* ---- the work of the control thread ---- */

static void take_news(struct engine *engine)
{
	struct dp_peer *peer;
	struct batch *notice;
	unsigned events;

	engine_events_begin(engine);
	while ((peer = engine_take_event(engine, &events)))
		dp_peer_put(peer);
	while ((notice = engine_take_notice(engine)))
		batch_free(notice);
}

/* On every path, both ways: their delays tell the receiver how long a gap is worth waiting for. */
static void send_probes(struct rig *rig, uint64_t now_ns)
{
	uint8_t payload[FRAME_HEADER_LEN + sizeof(struct frame_probe)];

	rig->probe_ns = now_ns + PROBE_PERIOD_NS;
	rig->probe_seq++;
	for (unsigned i = 0; i < rig->set.links; i++) {
		struct frame_probe probe = {.path_id = (uint8_t)i};

		store_le16(probe.seq, rig->probe_seq);
		frame_append(payload, 0, sizeof payload, FRAME_PROBE, &probe, sizeof probe);
		for (unsigned role = 0; role < RIG_ENDS; role++) {
			struct dp_peer *peer = rig->end[role].peer[0];

			engine_send_late(rig->end[role].engine, peer, peer->current, i,
			                 LANE_CONTROL + i, payload, sizeof payload, NULL);
		}
	}
}

/* Returns when there is something to do again. */
static uint64_t serve_once(struct rig *rig, uint64_t now_ns)
{
	if (now_ns >= rig->probe_ns)
		send_probes(rig, now_ns);
	for (unsigned role = 0; role < RIG_ENDS; role++)
		take_news(rig->end[role].engine);
	return rig->probe_ns;
}

bool rig_serve(struct rig *rig, int done_fd, uint64_t until_ns)
{
	struct pollfd fds[] = {
		{.fd = done_fd, .events = POLLIN},
		{.fd = engine_event_fd(rig->end[RIG_SENDER].engine), .events = POLLIN},
		{.fd = engine_event_fd(rig->end[RIG_RECEIVER].engine), .events = POLLIN},
	};
	uint64_t now_ns;

	while ((now_ns = clock_boot_ns()) < until_ns) {
		uint64_t due_ns = serve_once(rig, now_ns);
		uint64_t wait_ns = (due_ns < until_ns ? due_ns : until_ns) - now_ns;
		struct timespec timeout = {(time_t)(wait_ns / NS_PER_S),
		                           (long)(wait_ns % NS_PER_S)};
		int n;

		rcu_thread_offline();
		n = ppoll(fds, sizeof fds / sizeof *fds, &timeout, NULL);
		rcu_thread_online();
		if (n > 0 && fds[0].revents)
			return true;
	}
	return false;
}

/* ---- end ---- */

void rig_stop(struct rig *rig)
{
	for (unsigned role = 0; role < RIG_ENDS; role++)
		if (rig->end[role].engine)
			engine_stop(rig->end[role].engine);
}

static void strip_peer(struct dp_peer *peer)
{
	engine_publish_keypair(peer, NULL);
	engine_publish_paths(peer, NULL);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		engine_publish_target(peer, i, NULL);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void destroy_end(struct rig_end *end)
{
	for (unsigned i = 0; i < end->peer_count; i++)
		strip_peer(end->peer[i]);
	engine_destroy(end->engine);
	for (unsigned i = 0; i < end->peer_count; i++)
		dp_peer_put(end->peer[i]);
	free(end->peer);
	for (unsigned i = 0; i < TUN_QUEUES_MAX; i++)
		close_fd(end->queue[i]);
}

void rig_destroy(struct rig *rig)
{
	rig_stop(rig);
	for (unsigned role = 0; role < RIG_ENDS; role++) {
		destroy_end(&rig->end[role]);
		for (unsigned i = 0; i < TUN_QUEUES_MAX; i++)
			close_fd(rig->device[role][i]);
	}
	rcu_barrier();
}
