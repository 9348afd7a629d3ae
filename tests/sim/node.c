/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../control/strangers_rig.h"
#include "base/bytes.h"
#include "control/conductor.h"
#include "crypto/aead.h"
#include "crypto/secret.h"
#include "dataplane/engine_private.h"
#include "dataplane/handshake_reader.h"
#include "node_private.h"

/* The daemon's memory, in one piece: what control_create() allocates. */
struct daemon {
	struct control control;
	struct strangers strangers; /* in place of the gate */
	struct node *node;
};

static struct daemon *daemon_of(struct control *control)
{
	return caa_container_of(control, struct daemon, control);
}

static struct node *node_of(struct sim_host *host)
{
	return caa_container_of(host, struct node, host);
}

/* ---- the system under the engine ---- */

static int open_sockets(struct sim_host *host, struct link *link)
{
	struct node *node = node_of(host);
	unsigned place = node_link_place(link->name);

	if (node->lost & 1u << place)
		return -ENODEV;
	node->open[link->id] = node->config.link[place].port;
	link->bound = node->open[link->id]->address;
	return 0;
}

static int send_datagram(struct sim_host *host, const struct link *link, const struct endpoint *to,
                         const void *data, size_t len)
{
	struct node *node = node_of(host);
	struct net_port *port = node->open[link->id];

	if (node->is_killed)
		return 0;
	if (!port) {
		node->has_sent_nowhere = true;
		return -EBADF;
	}
	node->sends(node, to, data, len);
	return net_send(node->net, port, to, data, len, sim_now_ns());
}

static void work(struct sim_host *host)
{
	struct engine *engine = node_of(host)->control->engine;

	work_finish(&engine->work, &engine->control);
}

static const struct sim_host system_of_node = {
	.open = open_sockets, .send = send_datagram, .work = work};

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
	node_drop_staged(node_with(fx), dp->control);
}

static void make_effects(struct control *control)
{
	control_make_effects(control);
	control->fx->send_handshake = send_handshake;
	control->fx->wall_clock = wall_clock;
	control->fx->drop_staged = drop_staged;
	control->fx->log = tell;
}

/* ---- effects of links: nobody waits at their sockets ---- */

static int start_link(struct uplink_effects *fx, struct link *link, int cpu)
{
	(void)fx, (void)link, (void)cpu;
	return 0;
}

static void stop_link(struct uplink_effects *fx, struct link *link)
{
	struct control *control = caa_container_of(fx, struct control, links.fx);

	daemon_of(control)->node->open[link->id] = NULL;
	link->is_open = false;
}

static void unwatch_link(struct uplink_effects *fx, struct link *link)
{
	(void)fx, (void)link;
}

static int watch_link(struct uplink_effects *fx, struct link *link)
{
	(void)fx, (void)link;
	return 0;
}

static void make_links(struct control *control)
{
	control_make_links(control);
	control->links.fx.start = start_link;
	control->links.fx.stop = stop_link;
	control->links.fx.unwatch = unwatch_link;
	control->links.fx.watch = watch_link;
}

/* ---- start ---- */

static void make_engine(struct node *node, struct control *control)
{
	struct engine_settings set = {.mtu = 1420, .workers = 1, .cipher = CIPHER_SODIUM};

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, node->tun))
		abort();
	set.tun = (struct tun){.queues = 1, .fd = {node->tun[0]}};
	if (engine_create(&set, &control->engine))
		abort();
}

/* It never is here. */
static void tun_gone(void *arg, int error)
{
	(void)arg, (void)error;
	abort();
}

static struct peer *find_peer(void *arg, const uint8_t key[static KEY_LEN])
{
	const struct control *control = arg;

	return peers_find(&control->peers, key);
}

static void make_keys(const struct node *node, struct control *control)
{
	control->identity = secret_alloc(sizeof *control->identity);
	noise_identity_init(control->identity, node->config.private_key);
	random_bytes(control->boot_id, sizeof control->boot_id);
}

static void run_events(struct node *node);

struct sim_host *node_enter(struct node *node)
{
	node->control->loop.now_ns = sim_now_ns();
	node->has_run = true;
	return sim_enter(&node->host);
}

void node_leave(struct node *node, struct sim_host *before)
{
	run_events(node);
	sim_enter(before);
}

static void make_parts(struct node *node, struct control *control)
{
	snprintf(control->interface, sizeof control->interface, "%s", node->name);
	deadline_heap_init(&control->loop.deadlines);
	make_keys(node, control);
	make_engine(node, control);
	make_effects(control);
	control->notices = (struct notices){.engine = control->engine, .tun_gone = tun_gone};
	strangers_init(&daemon_of(control)->strangers, control->identity,
	               engine_index(control->engine));
	messages_init(&control->messages, control->fx, find_peer, control);
	make_links(control);
}

static struct daemon *create(struct node *node)
{
	struct daemon *d = calloc(1, sizeof *d);

	assert(d && !node->control);
	d->node = node;
	node->host = system_of_node;
	node->control = &d->control;
	node->is_killed = false;
	node->starts++;
	memset(node->staged, 0, sizeof node->staged);
	return d;
}

void node_start(struct node *node)
{
	struct control *control = &create(node)->control;
	struct sim_host *before = node_enter(node);

	make_parts(node, control);
	node_begin(node);
	node_leave(node, before);
}

void node_stop(struct node *node, bool says_goodbye)
{
	struct sim_host *before = node_enter(node);
	struct control *control = node->control;

	node->is_killed = !says_goodbye;
	node_end(node);
	engine_stop(control->engine);
	run_events(node); /* which come from peers that are gone */
	node_let_go(node, sim_now_ns());
	engine_destroy(control->engine);
	strangers_fini(&daemon_of(control)->strangers);
	secret_free(control->identity);
	peers_fini(&control->peers);
	stamps_fini(&control->stamps);
	desired_free(control->changes.running);
	deadline_heap_fini(&control->loop.deadlines);
	close(node->tun[0]);
	close(node->tun[1]);
	free(daemon_of(control));
	node->control = NULL;
	node->lost = 0;
	sim_enter(before);
}

struct peer *node_peer(const struct node *node, unsigned i)
{
	if (!node->control)
		return NULL;
	return peers_find(&node->control->peers, node->config.peer[i].public_key);
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
	uint64_t pump_ns;

	work_finish(&engine->work, &engine->control);
	while (bell_is_rung(&engine->mailbox.bell)) {
		notices_take(&node->control->notices, sim_now_ns());
		work_finish(&engine->work, &engine->control);
	}
	node_send_staged(node);
	node->alarm_ns = alarms_take(&engine->work.worker[0].alarms);
	pump_ns = alarms_take(&engine->dispatcher[0].pumps.alarms);
	if (pump_ns < node->alarm_ns)
		node->alarm_ns = pump_ns;
	rcu_quiescent_state();
}

/* Those of the worker and of the dispatcher, whose turns are never too long for one. */
static void ring_alarms(struct engine *engine)
{
	struct dispatcher *d = &engine->dispatcher[0];

	alarms_run(&engine->work.worker[0].alarms, sim_now_ns());
	d->self.now_ns = sim_now_ns();
	pumps_serve(&d->pumps, sim_now_ns());
	if (dispatcher_take_role(d))
		abort();
}

/* Whose socket a datagram comes to at @port; NULL: none is open there. */
static struct uplink_pair *pair_at(const struct node *node, const struct net_port *port)
{
	unsigned id = 0;

	while (id < LINK_PAIRS_MAX && node->open[id] != port)
		id++;
	if (id == LINK_PAIRS_MAX)
		return NULL;
	return &node->control->uplinks.uplink[id / LINK_FAMILIES].pair[id % LINK_FAMILIES];
}

static void take(struct node *node, const struct route *route, const uint8_t *data, size_t len)
{
	struct control *control = node->control;

	if (len && data[0] == MESSAGE_TRANSPORT)
		engine_receive(control->engine, route, data, len);
	else
		take_of_stranger(&daemon_of(control)->strangers, &control->messages, route, data,
		                 len, sim_now_ns());
}

void node_receive(struct node *node, struct net_port *port, const struct endpoint *from,
                  const uint8_t *data, size_t len)
{
	struct sim_host *before = node_enter(node);
	const struct uplink_pair *pair = pair_at(node, port);

	if (pair && pair->state == UPLINK_UP)
		take(node, &(struct route){.link = pair->link, .remote = *from}, data, len);
	if (len && data[0] == MESSAGE_TRANSPORT)
		take_packets(node);
	node_leave(node, before);
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
	struct sim_host *before = node_enter(node);

	node->services += deadline_run(&node->control->loop.deadlines, sim_now_ns());
	if (node->alarm_ns <= sim_now_ns()) {
		ring_alarms(node->control->engine);
		node->services++;
	}
	take_packets(node); /* those that have waited for their turn long enough */
	node_leave(node, before);
}

/* ---- what the system tells ---- */

/* NULL: it is not there, or none are open: the device was away when it came. */
static struct uplink_pair *pair_of(const struct node *node, unsigned link)
{
	struct net_port *port = node->config.link[link].port;

	return node->control ? pair_at(node, port) : NULL;
}

void node_lose_link(struct node *node, unsigned link)
{
	struct sim_host *before = node_enter(node);
	struct uplink_effects *fx = node->control->uplinks.fx;
	struct uplink_pair *pair = pair_of(node, link);

	node->lost |= 1u << link;
	if (pair) {
		pair->state = UPLINK_WAITING;
		fx->failed(fx, pair->link, "its device is gone", sim_now_ns());
	}
	node_leave(node, before);
}

/* Of one that is not open it is tried again when its time comes. */
void node_regain_link(struct node *node, unsigned link)
{
	struct sim_host *before = node_enter(node);
	struct uplink_effects *fx = node->control->uplinks.fx;
	struct uplink_pair *pair = pair_of(node, link);

	node->lost &= ~(1u << link);
	if (pair) {
		pair->state = UPLINK_UP;
		fx->back(fx, pair->link, sim_now_ns());
	}
	node_leave(node, before);
}

void node_overload(struct node *node)
{
	strangers_set_loaded(&daemon_of(node->control)->strangers, sim_now_ns());
}
