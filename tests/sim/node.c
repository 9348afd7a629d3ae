/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../control/strangers_rig.h"
#include "base/bytes.h"
#include "control/conductor.h"
#include "control/peer_verdict.h"
#include "crypto/aead.h"
#include "crypto/secret.h"
#include "dataplane/allowedips.h"
#include "dataplane/engine_private.h"
#include "dataplane/handshake_reader.h"
#include "dataplane/outflow.h"
#include "dataplane/publish.h"

#define STAGED_NS (5 * NS_PER_S)

/* The daemon's memory, in one piece: what control_create() allocates from a configuration file. */
struct daemon {
	struct control control;
	struct strangers strangers; /* in place of the gate */
	struct node *node;
	struct desired config;
	struct desired_link link[NODE_LINKS_MAX];
	struct desired_peer peer[NODE_PEERS_MAX];
	struct desired_endpoint endpoint[NODE_PEERS_MAX][NODE_ENDPOINTS_MAX];
	char address[NODE_PEERS_MAX][NODE_ENDPOINTS_MAX][ENDPOINT_TEXT_LEN];
	struct peer *peers[NODE_PEERS_MAX];
};

static struct daemon *daemon_of(struct control *control)
{
	return caa_container_of(control, struct daemon, control);
}

static struct node *node_of(struct sim_host *host)
{
	return caa_container_of(host, struct node, host);
}

unsigned node_link_id(const struct link *link)
{
	return uplink_id_of(link);
}

static int send_datagram(struct sim_host *host, const struct link *link, const struct endpoint *to,
                         const void *data, size_t len)
{
	struct node *node = node_of(host);

	node->sends(node, to, data, len);
	return net_send(node->net, node->config.port[node_link_id(link)], to, data, len,
	                sim_now_ns());
}

/* ---- effects of its own: what a peer does to the world ---- */

static struct node *node_with(struct effects *fx)
{
	struct control *control = caa_container_of(fx, struct control, effects.fx);

	return caa_container_of(control, struct daemon, control)->node;
}

static int send_handshake(struct effects *fx, const struct route *route, const void *msg,
                          size_t len)
{
	return send_datagram(&node_with(fx)->host, route->link, &route->remote, msg, len);
}

static struct timespec wall_clock(struct effects *fx)
{
	uint64_t at_ns = sim_wall_ns() + (uint64_t)node_with(fx)->clock_step_ns;

	return (struct timespec){.tv_sec = (time_t)(at_ns / NS_PER_S),
	                         .tv_nsec = (long)(at_ns % NS_PER_S)};
}

static void tell(struct effects *fx, enum log_level level, const char *line)
{
	struct node *node = node_with(fx);

	(void)level;
	if (node->says)
		node->says(node, line);
}

/* What waits is the node's own, see node_offer(). */
static void drop_staged(struct effects *fx, struct dp_peer *dp)
{
	struct node *node = node_with(fx);

	for (unsigned i = 0; i < node->config.peer_count; i++) {
		if (node_peer(node, i)->dp == dp)
			node->staged[i].len = 0;
	}
}

static void make_effects(struct control *control)
{
	control_make_effects(control);
	control->fx->send_handshake = send_handshake;
	control->fx->wall_clock = wall_clock;
	control->fx->drop_staged = drop_staged;
	control->fx->log = tell;
}

/* ---- start ---- */

static void make_links(struct daemon *d, const struct node_config *config)
{
	for (unsigned i = 0; i < config->link_count; i++) {
		snprintf(d->link[i].name, sizeof d->link[i].name, "link-%u", i);
		d->link[i].weight = config->weight[i];
	}
	d->config.links = d->link;
	d->config.link_count = config->link_count;
}

static void make_peer(struct daemon *d, unsigned i, const struct node_config *config)
{
	struct desired_peer *peer = &d->peer[i];

	snprintf(peer->name, sizeof peer->name, "peer-%u", config->peer[i].inner);
	memcpy(peer->public_key, config->peer[i].public_key, KEY_LEN);
	peer->mode = config->peer[i].mode;
	peer->persistent_keepalive = config->peer[i].persistent_keepalive;
	peer->endpoints = d->endpoint[i];
	peer->endpoint_count = config->peer[i].endpoint_count;
	for (unsigned k = 0; k < peer->endpoint_count; k++) {
		endpoint_format(&config->peer[i].endpoint[k].address, d->address[i][k]);
		d->endpoint[i][k] = (struct desired_endpoint){
			.link = config->peer[i].endpoint[k].link, .address = d->address[i][k]};
	}
}

static void make_config(struct daemon *d, const struct node_config *config)
{
	d->config = (struct desired){.mtu = 1420,
	                             .bonding = config->bonding,
	                             .error_backoff_ns = 5 * NS_PER_S,
	                             .health_interval_ns = NS_PER_S,
	                             .health_timeout_ns = 5 * NS_PER_S,
	                             .peers = d->peer,
	                             .peer_count = config->peer_count};
	make_links(d, config);
	for (unsigned i = 0; i < config->peer_count; i++)
		make_peer(d, i, config);
}

static void make_engine(struct node *node, struct daemon *d)
{
	struct engine_settings set = {.mtu = 1420, .workers = 1, .cipher = CIPHER_SODIUM};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, node->tun))
		abort();
	set.tun = (struct tun){.queues = 1, .fd = {node->tun[0]}};
	if (engine_create(&set, &d->control.engine))
		abort();
}

/* It never is here. */
static void tun_gone(void *arg, int error)
{
	(void)arg, (void)error;
	abort();
}

/* The sockets are there, and stay. */
static void open_links(struct control *control, const struct desired *config)
{
	control_make_links(control);
	for (unsigned i = 0; i < config->link_count; i++) {
		struct uplink_pair *pair = &control->uplinks.uplink[i].pair[0];

		links_add(&control->links, config, &config->links[i]);
		memcpy(pair->link->name, config->links[i].name, NAME_LEN);
		pair->is_wanted = true;
		pair->state = UPLINK_UP;
	}
}

static struct peer *find_peer(void *arg, const uint8_t key[static KEY_LEN])
{
	struct daemon *d = arg;

	for (size_t i = 0; i < d->control.peers.count; i++) {
		if (!memcmp(d->peer[i].public_key, key, KEY_LEN))
			return d->peers[i];
	}
	return NULL;
}

static void create_peers(struct daemon *d)
{
	struct control *control = &d->control;

	control_make_changes(control);
	control->changes.shared.now_ns = sim_now_ns();
	if (deadline_reserve(&control->loop.deadlines, 64))
		abort();
	for (size_t i = 0; i < d->config.peer_count; i++) {
		if (peer_create(&control->changes.shared, &d->config, &d->peer[i], &d->peers[i]))
			abort();
	}
	control->peers.at = d->peers;
	control->peers.count = d->config.peer_count;
}

static void publish_allowedips(const struct node *node, struct daemon *d)
{
	struct allowedips_entry entry[NODE_PEERS_MAX] = {0};
	struct allowedips *table;

	for (unsigned i = 0; i < node->config.peer_count; i++)
		entry[i] = (struct allowedips_entry){
			.prefix = {.family = AF_INET,
		                   .len = 32,
		                   .addr = {10, 0, 0, node->config.peer[i].inner}},
			.peer = d->peers[i]->dp};
	table = allowedips_build(entry, node->config.peer_count);
	if (!table)
		abort();
	engine_publish_allowedips(d->control.engine, table);
}

static void make_keys(const struct node *node, struct control *control)
{
	control->identity = secret_alloc(sizeof *control->identity);
	noise_identity_init(control->identity, node->config.private_key);
	random_bytes(control->boot_id, sizeof control->boot_id);
}

static void run_events(struct node *node);

static struct sim_host *enter(struct node *node)
{
	node->control->loop.now_ns = sim_now_ns();
	node->has_run = true;
	return sim_enter(&node->host);
}

static void leave(struct node *node, struct sim_host *before)
{
	run_events(node);
	sim_enter(before);
}

void node_start(struct node *node)
{
	struct daemon *d = calloc(1, sizeof *d);
	struct sim_host *before = sim_enter(&node->host);

	assert(d && !node->control);
	node->host.send = send_datagram;
	d->node = node;
	make_config(d, &node->config);
	snprintf(d->control.interface, sizeof d->control.interface, "%s", node->name);
	deadline_heap_init(&d->control.loop.deadlines);
	d->control.loop.now_ns = sim_now_ns();
	make_keys(node, &d->control);
	make_engine(node, d);
	make_effects(&d->control);
	d->control.notices = (struct notices){.engine = d->control.engine, .tun_gone = tun_gone};
	strangers_init(&d->strangers, d->control.identity, engine_index(d->control.engine));
	messages_init(&d->control.messages, d->control.fx, find_peer, d);
	open_links(&d->control, &d->config);
	create_peers(d);
	publish_allowedips(node, d);
	node->control = &d->control;
	node->starts++;
	node->has_run = true;
	memset(node->staged, 0, sizeof node->staged);
	for (size_t i = 0; i < d->control.peers.count; i++)
		peer_service(d->peers[i], sim_now_ns());
	run_events(node);
	sim_enter(before);
}

void node_stop(struct node *node, bool says_goodbye)
{
	struct control *control = node->control;
	struct sim_host *before = sim_enter(&node->host);

	for (size_t i = 0; says_goodbye && i < control->peers.count; i++)
		peer_say_goodbye(control->peers.at[i]);
	for (size_t i = 0; i < control->peers.count; i++)
		peer_destroy(control->peers.at[i]);
	engine_stop(control->engine);
	engine_destroy(control->engine);
	strangers_fini(&daemon_of(control)->strangers);
	secret_free(control->identity);
	deadline_heap_fini(&control->loop.deadlines);
	close(node->tun[0]);
	close(node->tun[1]);
	free(daemon_of(control));
	node->control = NULL;
	sim_enter(before);
}

struct peer *node_peer(const struct node *node, unsigned i)
{
	return node->control ? node->control->peers.at[i] : NULL;
}

/* ---- the way out: what a dispatcher does with one packet ---- */

static bool send_packet(struct node *node, unsigned i, const uint8_t *packet)
{
	struct dp_peer *dp = node_peer(node, i)->dp;
	struct keypair *kp = rcu_dereference(dp->current);
	const struct path_table *table = rcu_dereference(dp->path_table);
	unsigned lane, slot;

	if (!kp || !table || !table->len)
		return false;
	lane = table->mode != BONDING_AGGREGATE && atomic_load(&kp->send_lanes) ? LANE_UNORDERED
	                                                                        : LANE_ORDERED;
	if (!keypair_can_send(kp, sim_now_ns(), lane))
		return false;
	slot = node->next_path[i]++ % table->len;
	node->is_sending_data = true;
	if (!engine_send_late(node->control->engine, dp, kp, table->slot[slot].path_id, lane,
	                      packet, NODE_PACKET_LEN, NULL))
		abort();
	node->is_sending_data = false;
	dp_peer_sent(dp, true, sim_now_ns());
	if (kp->is_initiator && sim_now_ns() >= kp->rekey_ns)
		dp_peer_want_session(dp);
	return true;
}

static void stage(struct node_staged *staged, const uint8_t *packet)
{
	if (staged->len == NODE_STAGED_MAX)
		memmove(&staged->kept[0], &staged->kept[1], --staged->len * sizeof staged->kept[0]);
	memcpy(staged->kept[staged->len].packet, packet, NODE_PACKET_LEN);
	staged->kept[staged->len++].at_ns = sim_now_ns();
}

static void send_staged(struct node *node, unsigned i)
{
	struct node_staged *staged = &node->staged[i];
	unsigned done = 0;

	while (done < staged->len && (staged->kept[done].at_ns + STAGED_NS <= sim_now_ns() ||
	                              send_packet(node, i, staged->kept[done].packet)))
		done++;
	staged->len -= done;
	memmove(&staged->kept[0], &staged->kept[done], staged->len * sizeof staged->kept[0]);
}

void node_offer(struct node *node, unsigned i, const uint8_t *packet)
{
	struct sim_host *before = enter(node);
	struct dp_peer *dp = node_peer(node, i)->dp;

	if (!atomic_load(&dp->data_refused) && !send_packet(node, i, packet)) {
		stage(&node->staged[i], packet);
		dp_peer_want_session(dp);
	}
	leave(node, before);
}

/* ---- events ---- */

static void take_packets(struct node *node)
{
	uint8_t packet[2048];
	ssize_t n;

	while ((n = recv(node->tun[1], packet, sizeof packet, 0)) > 0)
		node->deliver(node, packet, (size_t)n, sim_now_ns());
}

/* What the data plane tells control, until there is nothing more. */
static void run_events(struct node *node)
{
	struct engine *engine = node->control->engine;

	work_finish(&engine->work, &engine->control);
	while (bell_is_rung(&engine->mailbox.bell)) {
		notices_take(&node->control->notices, sim_now_ns());
		work_finish(&engine->work, &engine->control);
	}
	for (unsigned i = 0; i < node->control->peers.count; i++)
		send_staged(node, i);
	node->alarm_ns = alarms_take(&engine->work.worker[0].alarms);
	rcu_quiescent_state();
}

void node_receive(struct node *node, struct net_port *port, const struct endpoint *from,
                  const uint8_t *data, size_t len)
{
	struct sim_host *before = enter(node);
	struct control *control = node->control;
	struct uplink_pair *pair;
	struct route route = {.remote = *from};
	unsigned link = 0;

	while (node->config.port[link] != port)
		link++;
	pair = &control->uplinks.uplink[link].pair[0];
	route.link = pair->link;
	if (pair->state == UPLINK_UP && len && data[0] == MESSAGE_TRANSPORT)
		engine_receive(control->engine, &route, data, len);
	else if (pair->state == UPLINK_UP)
		take_of_stranger(&daemon_of(control)->strangers, &control->messages, &route, data,
		                 len, sim_now_ns());
	if (len && data[0] == MESSAGE_TRANSPORT)
		take_packets(node);
	leave(node, before);
}

uint64_t node_next_ns(const struct node *node)
{
	uint64_t next_ns;

	if (!node->control)
		return NEVER_NS;
	next_ns = deadline_next_ns(&node->control->loop.deadlines);
	return node->alarm_ns < next_ns ? node->alarm_ns : next_ns;
}

void node_serve(struct node *node)
{
	struct sim_host *before = enter(node);

	node->services += deadline_run(&node->control->loop.deadlines, sim_now_ns());
	if (node->alarm_ns <= sim_now_ns()) {
		alarms_run(&node->control->engine->work.worker[0].alarms, sim_now_ns());
		node->services++;
	}
	take_packets(node); /* those that have waited for their turn long enough */
	leave(node, before);
}

/* ---- what the system tells ---- */

void node_lose_link(struct node *node, unsigned link)
{
	struct sim_host *before = enter(node);
	struct uplink_effects *fx = node->control->uplinks.fx;
	struct uplink_pair *pair = &node->control->uplinks.uplink[link].pair[0];

	pair->state = UPLINK_WAITING;
	fx->failed(fx, pair->link, "its device is gone", sim_now_ns());
	leave(node, before);
}

void node_regain_link(struct node *node, unsigned link)
{
	struct sim_host *before = enter(node);
	struct uplink_effects *fx = node->control->uplinks.fx;
	struct uplink_pair *pair = &node->control->uplinks.uplink[link].pair[0];

	pair->state = UPLINK_UP;
	fx->back(fx, pair->link, sim_now_ns());
	leave(node, before);
}

void node_overload(struct node *node)
{
	strangers_set_loaded(&daemon_of(node->control)->strangers, sim_now_ns());
}
