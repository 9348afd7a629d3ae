/* SPDX-License-Identifier: MIT */
#include "peer_rig.h"

static struct endpoint rig_loopback(void)
{
	struct endpoint ep = {0};

	cr_assert(eq(int, endpoint_parse("127.0.0.1:0", 0, &ep), 0));
	return ep;
}

int rig_socket(struct endpoint *ret)
{
	socklen_t len = sizeof *ret;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*ret = rig_loopback();
	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int, bind(fd, &ret->sa, endpoint_len(ret)), 0));
	cr_assert(eq(int, getsockname(fd, &ret->sa, &len), 0));
	return fd;
}

static void rig_keys(struct peer_rig *rig)
{
	uint8_t private[KEY_LEN];

	rig->control.identity = secret_alloc(sizeof *rig->control.identity);
	random_bytes(private, sizeof private);
	noise_identity_init(rig->control.identity, private);
	random_bytes(private, sizeof private);
	noise_identity_init(&rig->other, private);
	memcpy(rig->config_peer.public_key, rig->other.public_key, KEY_LEN);
	noise_remote_init(&rig->us, &rig->other, rig->control.identity->public_key, NULL);
	random_bytes(rig->control.boot_id, sizeof rig->control.boot_id);
}

struct uplink_pair *rig_pair(struct peer_rig *rig, unsigned i)
{
	return &rig->control.uplinks.uplink[i].pair[0]; /* IPv4 */
}

static void rig_open_link(struct peer_rig *rig, unsigned i)
{
	struct link_settings set = {.bind = rig_loopback()};
	struct uplink_pair *pair = rig_pair(rig, i);

	snprintf(set.name, sizeof set.name, "%s", rig->links[i].name);
	memcpy(pair->link->name, set.name, sizeof pair->link->name);
	cr_assert(eq(int, link_open(pair->link, &set), 0));
	pair->is_wanted = true;
	pair->state = UPLINK_UP;
	rig->remote_fd[i] = rig_socket(&rig->remote[i]);
	rig->endpoints[i] = (struct desired_endpoint){.link = (int)i, .address = rig->address[i]};
	endpoint_format(&rig->remote[i], rig->address[i]);
}

static void rig_open_links(struct peer_rig *rig)
{
	for (unsigned i = 0; i < RIG_LINKS; i++) {
		snprintf(rig->links[i].name, sizeof rig->links[i].name, "link-%u", i);
		rig->links[i].weight = 1;
	}
	make_links(&rig->control, &rig->config);
	for (unsigned i = 0; i < RIG_LINKS; i++)
		rig_open_link(rig, i);
}

static struct peer *rig_find_peer(void *arg, const uint8_t key[static KEY_LEN])
{
	struct peer_rig *rig = arg;

	return memcmp(key, rig->other.public_key, KEY_LEN) ? NULL : rig->peer;
}

static uint64_t boot_clock(struct effects *fx)
{
	struct control *control = caa_container_of(fx, struct control, effects.fx);

	return caa_container_of(control, struct peer_rig, control)->now_ns;
}

void rig_open(struct peer_rig *rig)
{
	struct engine_settings set = {.mtu = 1420, .workers = 1};

	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	*rig = (struct peer_rig){.now_ns = clock_boot_ns()};
	rig->config = (struct desired){.error_backoff_ns = 5 * NS_PER_S,
	                               .health_interval_ns = NS_PER_S,
	                               .health_timeout_ns = 5 * NS_PER_S,
	                               .link_count = RIG_LINKS,
	                               .links = rig->links};
	strcpy(rig->config_peer.name, "other");
	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, rig->tun), 0));
	set.tun = (struct tun){.queues = 1, .fd = {rig->tun[0]}};
	set.cipher = CIPHER_SODIUM;
	cr_assert(eq(int, engine_create(&set, &rig->control.engine), 0));
	control_make_effects(&rig->control);
	rig->control.effects.fx.boot_clock = boot_clock;
	cr_assert(eq(int, loop_init(&rig->control.loop), 0));
	cr_assert(eq(int, batch_pool_init(&rig->pool, 4, 2048, 2048), 0));
	rig_keys(rig);
	strangers_init(&rig->strangers, rig->control.identity, engine_index(rig->control.engine));
	messages_init(&rig->control.messages, rig->control.fx, rig_find_peer, rig);
	rig_open_links(rig);
	rig->config_peer.endpoints = rig->endpoints;
	rig->config_peer.endpoint_count = RIG_LINKS;
	cr_assert(eq(int, deadline_reserve(&rig->control.loop.deadlines, 64), 0));
	cr_assert(
		eq(int, make_peer(&rig->control, &rig->config, &rig->config_peer, &rig->peer), 0));
	for (unsigned i = 0; i < RIG_LINKS; i++)
		rig->peer->endpoints.known[i].is_asked =
			true; /* and never answered: see rig_path() */
	rig->peers[0] = rig->peer;
	rig->control.peers.at = rig->peers;
	rig->control.peers.count = 1;
}

void rig_close(struct peer_rig *rig)
{
	peer_destroy(rig->peer);
	engine_stop(rig->control.engine);
	engine_destroy(rig->control.engine);
	stamps_fini(&rig->control.stamps);
	loop_fini(&rig->control.loop);
	batch_pool_fini(&rig->pool);
	strangers_fini(&rig->strangers);
	secret_free(rig->control.identity);
	for (unsigned i = 0; i < RIG_LINKS; i++)
		close(rig->remote_fd[i]);
	close(rig->tun[0]);
	close(rig->tun[1]);
	rcu_barrier();
	rcu_unregister_thread();
}

struct route rig_route(const struct peer_rig *rig, unsigned i)
{
	return (struct route){.link = rig->control.uplinks.uplink[i].pair[0].link,
	                      .remote = rig->remote[i]};
}

void rig_take(struct peer_rig *rig, const struct route *route, const void *msg, size_t len,
              uint64_t now_ns)
{
	take_of_stranger(&rig->strangers, &rig->control.messages, route, msg, len, now_ns);
}

struct path *rig_path(struct peer_rig *rig, unsigned i)
{
	struct route route = rig_route(rig, i);
	struct path *path = peer_add_path(rig->peer, &route, (int)i, rig->now_ns);

	cr_assert(ne(ptr, path, NULL));
	peer_set_route(rig->peer, path, &route, rig->now_ns);
	return path;
}

bool rig_sent(struct peer_rig *rig, unsigned i, uint8_t type, void *ret, size_t len)
{
	uint8_t buf[2048];
	ssize_t n;

	while ((n = recv(rig->remote_fd[i], buf, sizeof buf, 0)) > 0) {
		if (buf[0] != type)
			continue;
		if (ret)
			memcpy(ret, buf, len < (size_t)n ? len : (size_t)n);
		return true;
	}
	return false;
}

struct keypair *rig_begin(struct peer_rig *rig, bool is_initiator, bool marker, unsigned link)
{
	struct noise_handshake hs = {.remote_index = 77};
	struct route route = rig_route(rig, link);

	rig->peer->verdict.sent_marker = rig->peer->verdict.saw_marker = marker;
	cr_assert(eq(int,
	             index_reserve(engine_index(rig->control.engine), rig->peer, &hs.local_index),
	             0));
	cr_assert(
		eq(int, peer_begin_session(rig->peer, &hs, is_initiator, &route, rig->now_ns), 0));
	return is_initiator ? rig->peer->session.current : rig->peer->session.next;
}

struct keypair *rig_session(struct peer_rig *rig, bool is_initiator, bool marker, unsigned link)
{
	struct keypair *kp = rig_begin(rig, is_initiator, marker, link);

	if (is_initiator) {
		peer_hears(rig->peer, NEWS_SESSION_MADE,
		           &(struct news){.now_ns = rig->now_ns, .is_initiator = true});
	} else {
		atomic_store(&kp->is_confirmed, true);
		peer_session_confirmed(rig->peer, rig->now_ns);
	}
	return kp;
}

struct batch *rig_notice(struct peer_rig *rig, struct keypair *kp, unsigned i, unsigned path_id,
                         enum frame_type type, const void *body, size_t len)
{
	struct batch *r = batch_get(&rig->pool);
	struct segment *seg;

	cr_assert(ne(ptr, r, NULL));
	r->kind = BATCH_NOTICE;
	r->peer = dp_peer_get(rig->peer->dp);
	cr_assert(keypair_get(kp));
	r->keypair = kp;
	r->route = rig_route(rig, i);
	r->time_ns = rig->now_ns;
	r->path_id = (uint8_t)path_id;
	seg = batch_append(r, rig->pool.stride);
	seg->len = (uint16_t)frame_append(segment_payload(r, seg), 0, 256, type, body, len);
	r->answer_bytes = frames_datagram_len(seg->len);
	return r;
}

void rig_frame(struct peer_rig *rig, struct keypair *kp, unsigned i, unsigned path_id,
               enum frame_type type, const void *body, size_t len)
{
	struct batch *r = rig_notice(rig, kp, i, path_id, type, body, len);

	peer_take_notice(rig->peer, r, rig->now_ns);
	batch_free(r);
}
