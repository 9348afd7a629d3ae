/* SPDX-License-Identifier: MIT */
#include "engine_rig.h"

#include "dataplane/outflow.h"

void rig_setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
}

/* Criterion does not count what fails in a suite's .fini, where most leaks show. */
static bool rig_has_leak;

void rig_expect_count(const char *what, unsigned got, unsigned want)
{
	cr_expect(eq(uint, got, want), "%s", what);
	rig_has_leak |= got != want;
}

void rig_teardown(void)
{
	if (rig_has_leak)
		abort();
	rcu_barrier();
	rcu_unregister_thread();
}

bool rig_is_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	rcu_thread_offline();
	n = poll(&p, 1, timeout_ms);
	rcu_thread_online();
	return n == 1;
}

/* ---- one engine ---- */

static void rig_set_buffers(int fd)
{
	int bytes = RIG_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

/* The device of @set gets its descriptors. */
static void rig_create_device(struct rig_end *end, struct engine_settings *set)
{
	for (unsigned i = 0; i < set->tun.queues; i++) {
		int fd[2];

		cr_assert(eq(
			int,
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd),
			0));
		rig_set_buffers(fd[0]);
		rig_set_buffers(fd[1]);
		end->queue[i] = fd[0];
		set->tun.fd[i] = fd[1];
		set->tun_cpu[i] = -1;
	}
	end->device = set->tun;
	end->tun = end->queue[0];
	end->tun_fd = set->tun.fd[0];
}

void rig_create_as(struct rig_end *end, struct engine_settings set, unsigned links,
                   const char *bind)
{
	*end = (struct rig_end){0};
	rig_create_device(end, &set);
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		set.worker_cpu[i] = -1;
	cr_assert(eq(int, engine_create(&set, &end->engine), 0));
	for (unsigned i = 0; i < links; i++) {
		struct link_settings link = {.name = "test", .has_offloads = true};

		cr_assert(eq(int, endpoint_parse(bind, 0, &link.bind), 0));
		cr_assert(eq(int, link_open(engine_link(end->engine, i), &link), 0));
	}
}

struct engine_settings rig_settings(unsigned workers)
{
	return (struct engine_settings){
		.mtu = RIG_MTU, .workers = workers, .cipher = CIPHER_SODIUM, .tun.queues = 1};
}

void rig_create(struct rig_end *end, unsigned workers, unsigned links, const char *bind)
{
	rig_create_as(end, rig_settings(workers), links, bind);
}

void rig_start_link(struct rig_end *end, unsigned id)
{
	cr_assert(eq(int, engine_link_start(end->engine, engine_link(end->engine, id), -1), 0));
}

void rig_start(struct rig_end *end)
{
	cr_assert(eq(int, engine_start(end->engine), 0));
	for (unsigned i = 0; i < LINK_PAIRS_MAX; i++)
		if (engine_link(end->engine, i)->is_open)
			rig_start_link(end, i);
}

void rig_take_events(struct rig_end *end)
{
	struct dp_peer *peer;
	unsigned events;

	engine_events_begin(end->engine);
	while ((peer = engine_take_event(end->engine, &events))) {
		end->events |= events;
		dp_peer_put(peer);
	}
}

void rig_await_event(struct rig_end *end, unsigned bit)
{
	while (!(end->events & bit)) {
		cr_assert(rig_is_readable(engine_event_fd(end->engine), RIG_WAIT_MS),
		          "event %#x never came", bit);
		rig_take_events(end);
	}
	end->events &= ~bit;
}

struct batch *rig_await_notice(struct rig_end *end)
{
	struct batch *notice;

	while (!(notice = engine_take_notice(end->engine))) {
		cr_assert(rig_is_readable(engine_event_fd(end->engine), RIG_WAIT_MS),
		          "no notice came");
		rig_take_events(end);
	}
	return notice;
}

struct batch *rig_await_handshake(struct rig_end *end)
{
	struct batch *b;

	while (!(b = engine_take_handshake(end->engine))) {
		cr_assert(rig_is_readable(engine_handshake_fd(end->engine), RIG_WAIT_MS),
		          "no handshake message came");
		engine_handshakes_begin(end->engine);
	}
	return b;
}

struct life_sign rig_await_sign(struct sign_ring *ring, uint32_t *taken)
{
	struct life_sign sign = {0};

	rig_until(signs_take(ring, taken, &sign));
	return sign;
}

unsigned rig_pool_count(struct batch_pool *pool)
{
	struct batch *list = NULL, *b;
	unsigned count = 0;

	while ((b = batch_get(pool))) {
		b->next = list;
		list = b;
		count++;
	}
	while ((b = list)) {
		list = b->next;
		batch_free(b);
	}
	return count;
}

void rig_expect_drops(const struct rig_end *end, enum drop_reason reason, uint64_t count)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		cr_expect(eq(u64, engine_drops(end->engine, i), i == reason ? count : 0), "%s",
		          drop_name(i));
}

void rig_expect_all_home(struct rig_end *end)
{
	struct engine *e = end->engine;
	struct batch *notice;

	rig_take_events(end);
	while ((notice = engine_take_notice(e)) || (notice = engine_take_handshake(e)))
		batch_free(notice);
	rig_expect_count("control's pool", rig_pool_count(&e->control.pool), e->control.pool.count);
	rig_expect_count("pool of the handshake sockets", rig_pool_count(&e->handshakes.pool),
	                 e->handshakes.pool.count);
	for (unsigned i = 0; i < e->set.tun.queues; i++) {
		struct batch_pool *pool = &e->dispatcher[i].self.pool;

		rig_expect_count("dispatcher's pool", rig_pool_count(pool), pool->count);
		rig_expect_count("dispatcher's chunks", chunk_pool_in_use(&pool->chunks), 0);
		pool = &e->dispatcher[i].self.lasting;
		rig_expect_count("what is kept", pool->fresh - free_list_count(&pool->free), 0);
		rig_expect_count("its chunks", chunk_pool_in_use(&pool->chunks), 0);
	}
	for (unsigned i = 0; i < e->set.workers; i++)
		rig_expect_count("worker's pool", rig_pool_count(&e->work.worker[i].self.pool),
		                 e->work.worker[i].self.pool.count);
	for (unsigned i = 0; i < LINK_PAIRS_MAX; i++)
		if (e->link[i].rx.pool.batches)
			rig_expect_count("link's pool", rig_pool_count(&e->link[i].rx.pool),
			                 e->link[i].rx.pool.count);
}

void rig_destroy(struct rig_end *end)
{
	engine_destroy(end->engine);
	for (unsigned i = 0; i < end->device.queues; i++) {
		close(end->queue[i]);
		close(end->device.fd[i]);
	}
}

bool rig_write(struct rig_end *end, const uint8_t *packet, size_t len)
{
	ssize_t n = write(end->tun, packet, len);

	if (n < 0) {
		cr_assert(eq(int, errno, EAGAIN));
		return false;
	}
	cr_assert(eq(sz, (size_t)n, len));
	return true;
}

size_t rig_read(struct rig_end *end, uint8_t packet[static RIG_DATAGRAM])
{
	ssize_t n;

	cr_assert(rig_is_readable(end->tun, RIG_WAIT_MS), "no packet came");
	n = read(end->tun, packet, RIG_DATAGRAM);
	cr_assert(lt(int, 0, (int)n));
	return (size_t)n;
}

/* ---- peers, keypairs, tables ---- */

struct keypair *rig_keypair(struct rig_end *end, struct dp_peer *peer, bool is_initiator,
                            uint32_t local_index, uint32_t remote_index, uint64_t born_ns)
{
	struct keypair *kp = keypair_create(is_initiator, local_index, remote_index, born_ns);

	cr_assert(ne(ptr, kp, NULL));
	kp->owner = peer;
	cr_assert(eq(int, keypair_accept_lanes(kp), 0));
	/* A key each way that both ends can tell from the indices. */
	memset(kp->keys->send, (int)remote_index, KEY_LEN);
	memset(kp->keys->receive, (int)local_index, KEY_LEN);
	cr_assert(eq(int, index_insert(engine_index(end->engine), kp), 0));
	return kp;
}

void rig_use_keypair(struct dp_peer *peer, struct keypair *kp)
{
	if (kp)
		cr_assert(keypair_get(kp));
	engine_publish_keypair(peer, kp);
}

void rig_drop_keypair(struct rig_end *end, struct keypair *kp)
{
	if (!kp)
		return;
	rig_expect_count("keypair in the table", index_remove(engine_index(end->engine), kp), 1);
	rig_expect_count("references to the keypair", reference_count(&kp->references), 1);
	keypair_put(kp);
}

void rig_strip_peer(struct rig_end *end, struct dp_peer *peer, struct keypair *kp)
{
	engine_publish_keypair(peer, NULL);
	rig_drop_keypair(end, kp);
	engine_publish_paths(peer, NULL);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		engine_publish_target(peer, i, NULL);
}

void rig_put_peer(struct dp_peer *peer)
{
	rig_expect_count("references to the peer", reference_count(&peer->references), 1);
	dp_peer_put(peer);
}

void rig_finish(struct rig_end *end, struct dp_peer *peer, struct keypair *kp, const int *far,
                unsigned count)
{
	engine_stop(end->engine);
	kept_clear(&peer->outflow->runs.kept); /* the peer would, but has to outlive the engine */
	rig_expect_all_home(end);
	rig_strip_peer(end, peer, kp);
	rig_destroy(end);
	rig_put_peer(peer);
	for (unsigned i = 0; i < count; i++)
		close(far[i]);
	rig_teardown();
}

void rig_publish_allowedips(struct rig_end *end, struct dp_peer *const *peer, unsigned host,
                            unsigned count)
{
	struct allowedips_entry entry[16] = {0};

	cr_assert(le(uint, 2 * count, 16));
	for (unsigned i = 0; i < count; i++) {
		entry[2 * i] = (struct allowedips_entry){{AF_INET, 32, {0}}, peer[i]};
		rig_address(entry[2 * i].prefix.addr, 4, host + i);
		entry[2 * i + 1] = (struct allowedips_entry){{AF_INET6, 128, {0}}, peer[i]};
		rig_address(entry[2 * i + 1].prefix.addr, 6, host + i);
	}
	engine_publish_allowedips(end->engine, allowedips_build(entry, 2 * count));
}

void rig_publish_target(struct rig_end *end, struct dp_peer *peer, unsigned path_id,
                        unsigned link_id, const struct endpoint *remote)
{
	struct route route = {.link = engine_link(end->engine, link_id), .remote = *remote};

	cr_assert(eq(int, engine_publish_target(peer, path_id, &route), 0));
}

void rig_publish_paths(struct dp_peer *peer, enum bonding_mode mode, unsigned count,
                       const uint32_t *weight)
{
	struct path_candidate candidate[PATHS_MAX];

	for (unsigned i = 0; i < count; i++)
		candidate[i] = (struct path_candidate){.path_id = (uint8_t)i,
		                                       .weight = weight ? weight[i] : 1};
	engine_publish_paths(peer, path_table_build(mode, candidate, count));
}

/* ---- a peer played by the test: a bare socket and the keys ---- */

int rig_far_socket(const char *host, struct endpoint *ret)
{
	struct endpoint at = {0};
	socklen_t len = sizeof *ret;
	int fd;

	cr_assert(eq(int, endpoint_parse(host, 0, &at), 0));
	fd = socket(endpoint_family(&at), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert(ge(int, fd, 0));
	rig_set_buffers(fd);
	cr_assert(eq(int, bind(fd, &at.sa, endpoint_len(&at)), 0));
	cr_assert(eq(int, getsockname(fd, &ret->sa, &len), 0));
	return fd;
}

size_t rig_seal(uint8_t *datagram, uint32_t local_index, uint64_t counter, const void *payload,
                size_t len)
{
	struct message_transport *header = (void *)datagram;
	uint8_t key[KEY_LEN];

	memset(key, (int)local_index, sizeof key);
	store_le32(header->type, MESSAGE_TRANSPORT);
	store_le32(header->receiver_index, local_index);
	store_le64(header->counter, counter);
	aead_seal(datagram + TRANSPORT_HEADER_LEN, payload, len, NULL, 0, counter, key);
	return len + TRANSPORT_OVERHEAD;
}

void rig_send(int fd, const struct endpoint *to, const uint8_t *datagram, size_t len)
{
	ssize_t n = sendto(fd, datagram, len, 0, &to->sa, endpoint_len(to));

	cr_assert(eq(int, (int)n, (int)len));
}

size_t rig_unseal(int fd, uint32_t remote_index, uint64_t *ret_counter,
                  uint8_t payload[static RIG_DATAGRAM])
{
	uint8_t datagram[RIG_DATAGRAM], key[KEY_LEN];
	const struct message_transport *header = (void *)datagram;
	ssize_t n;

	memset(key, (int)remote_index, sizeof key);
	cr_assert(rig_is_readable(fd, RIG_WAIT_MS), "no datagram came");
	n = recv(fd, datagram, sizeof datagram, 0);
	cr_assert(le(int, (int)TRANSPORT_OVERHEAD, (int)n));
	cr_assert(eq(u32, load_le32(header->type), MESSAGE_TRANSPORT));
	cr_assert(eq(u32, load_le32(header->receiver_index), remote_index));
	*ret_counter = load_le64(header->counter);
	cr_assert(aead_open(payload, datagram + TRANSPORT_HEADER_LEN,
	                    (size_t)n - TRANSPORT_HEADER_LEN, NULL, 0, *ret_counter, key));
	return (size_t)n - TRANSPORT_OVERHEAD;
}
