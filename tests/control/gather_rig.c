/* SPDX-License-Identifier: MIT */
#include "gather_rig.h"

#include <errno.h>

#include "crypto/init.h"
#include "dataplane/outflow.h"
#include "dataplane/publish.h"
#include "dataplane/statistics.h"
#include "links_rig.h"

struct gather_rig gather = {.peers = {&gather.peer}};

struct endpoint endpoint(const char *text)
{
	struct endpoint ep;

	cr_assert(eq(int, endpoint_parse(text, 0, &ep), 0));
	return ep;
}

static void on_gathered(void *arg, struct facts *facts)
{
	cr_assert(eq(ptr, arg, &gather.control));
	gather.answers++;
	gather.facts = facts;
}

unsigned turn_until_gathered(void)
{
	unsigned turns = 0;

	for (gather.answers = 0; !gather.answers; turns++)
		cr_assert(eq(sz,
		             deadline_run(&gather.control.loop.deadlines, NOW + gather.turn_ns++),
		             1));
	cr_assert(eq(u64, deadline_next_ns(&gather.control.loop.deadlines), NEVER_NS));
	return turns;
}

void begin_gathering(void)
{
	const struct gather_from from = control_gather_from(&gather.control);

	gather_begin(&gather.control.gathering, &from, NOW);
}

void gather_rig_start(void)
{
	struct engine_settings set = {
		.tun = {.queues = 1}, .mtu = 1380, .workers = 3, .cipher = CIPHER_SODIUM};

	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	cr_assert(eq(int, engine_create(&set, &gather.control.engine), 0));
	control_make_effects(&gather.control);
	gather.control.identity = &gather.identity;
	gather.control.peers.at = gather.peers;
	gather.control.peers.count = 1;
	gather.control.started_ns = NOW;
	strcpy(gather.control.interface, "vt0");
	gather.config.mtu = 1380;
	memset(gather.identity.public_key, 1, KEY_LEN);
	strcpy(gather.config_link[0].name, "lte");
	strcpy(gather.config_link[1].name, "dsl");
	gather.config_link[0].weight = gather.config_link[1].weight = 1;
	gather.config.links = gather.config_link;
	gather.config.link_count = 2;
	gather.control.loop.now_ns = NOW;
	gather_init(&gather.control.gathering, &gather.control.loop.deadlines, on_gathered,
	            &gather.control);
	make_links(&gather.control, &gather.config);
	strcpy(gather.peer.name, "office");
	memset(gather.peer.set.public_key, 2, KEY_LEN);
	gather.peer.paths.followed = PATH_NONE;
	gather.peer.fx = gather.control.fx;
	gather.peer.uplinks = &gather.control.uplinks;
	gather.peer.dp = engine_create_peer(gather.control.engine, &gather.peer);
	cr_assert(ne(ptr, gather.peer.dp, NULL));
}

void gather_rig_stop(void)
{
	keypair_put(gather.peer.session.current);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		engine_publish_target(gather.peer.dp, i, NULL);
	dp_peer_put(gather.peer.dp);
	engine_destroy(gather.control.engine);
	deadline_heap_fini(&gather.control.loop.deadlines);
	rcu_barrier();
	rcu_unregister_thread();
}

/* ---- something of everything ---- */

void fill_links(void)
{
	struct uplink_pair *lte = &gather.control.uplinks.uplink[0].pair[1],
			   *dsl = &gather.control.uplinks.uplink[1].pair[0];
	struct link *link = lte->link;

	lte->is_wanted = dsl->is_wanted = true;
	lte->state = UPLINK_UP;
	lte->since_ns = NOW - 5 * NS_PER_S / 2;
	strcpy(lte->reason, "open");
	strcpy(gather.control.uplinks.uplink[0].line.device, "wwan0");
	gather.control.uplinks.uplink[0].line.has_fwmark = true; /* 0 is a mark like any other */
	gather.control.uplinks.uplink[0].wishes.weight = 7;
	link->is_open = true;
	link->bound = endpoint("[2001:db8::1]:51820");
	train_limit_set(&link->trains, TRAIN_ANY);
	atomic_store(&link->tx_packets, 11);
	atomic_store(&link->tx_bytes, 12);
	atomic_store(&link->rx_packets, 13);
	atomic_store(&link->rx_bytes, 14);
	atomic_store(&link->tx_errors, 15);
	link->data_fd = link->handshake_fd =
		-1; /* not open in truth: what was counted before stays */
	link->data_drops.total = 16;
	link->handshake_drops.total = 17;
	dsl->state = UPLINK_RESTING;
	strcpy(dsl->reason, "No buffer space available");
	gather.control.uplinks.uplink[1].line.fwmark = 0x51; /* not to be shown: it is not set */
}

void fill_path(unsigned id, unsigned link, const char *remote)
{
	struct path *path = &gather.peer.paths.slot[id];

	path->proof = PATH_ADDED;
	path->route.link = gather.control.uplinks.uplink[link]
	                           .pair[1]
	                           .link; /* the one of which things are known */
	path->route.remote = endpoint(remote);
	path->health.since_ns = NOW;
	atomic_store(&gather.peer.dp->path[id].tx_packets, 100 + id);
	atomic_store(&gather.peer.dp->path[id].tx_bytes, 1000 + id);
	atomic_store(&gather.peer.dp->path[id].rx_packets, 10000 + id);
	atomic_store(&gather.peer.dp->path[id].rx_bytes, 100000 + id);
}

void fill_peer(void)
{
	cr_assert(eq(int, prefix_parse("192.168.7.0/24", &gather.allowed[0]), 0));
	cr_assert(eq(int, prefix_parse("fd07::/64", &gather.allowed[1]), 0));
	gather.peer.set.allowed_ips = (struct peer_allowed_ips){.at = gather.allowed, .count = 2};
	gather.peer.set.mode = BONDING_FAILOVER;
	gather.peer.verdict.is = VERDICT_BONDED;
	gather.peer.session.current = keypair_create(false, 1, 2, NOW - 3 * NS_PER_S / 4);
	gather.peer.session.count = 4;
	gather.peer.handshake.attempts = 3;
	gather.peer.answered.stale = 2;
	gather.peer.answered.stale_by_s = 86400;
	gather.peer.session.made_wall_s = 1700000000;
	atomic_store(&gather.peer.dp->outflow->waiting, 6);

	fill_path(1, 0, "192.0.2.1:1");
	cr_assert(eq(int,
	             engine_publish_target(gather.peer.dp, 1, &gather.peer.paths.slot[1].route),
	             0));
	train_limit_lower(&gather.peer.dp->path[1].target->trains, 1400, EMSGSIZE);
	struct path *path = &gather.peer.paths.slot[1];
	path->is_in_table = true;
	path->proof = PATH_PROVED;
	path->tx_bps = 8;
	path->rx_bps = 9;
	path->doubt.count = 4;
	path->health.state = PATH_UP;
	path->health.reason = "answers";
	path->health.estimate = (struct path_estimate){.has_rtt = true,
	                                               .srtt_ns = 25 * NS_PER_MS / 2,
	                                               .jitter_ns = NS_PER_MS / 4,
	                                               .tx = {.is_known = true, .ratio = 0.5},
	                                               .rx = {.is_known = true, .ratio = 0.125}};
	atomic_store(&gather.peer.dp->path[1].heard_ns, NOW - NS_PER_S / 8);

	/* Slot 15: the last one. Heard after now was read, which is no time in the future. */
	fill_path(15, 1, "[2001:db8::2]:2");
	gather.peer.paths.slot[15].proof = PATH_PROVED;
	gather.peer.paths.slot[15].health.state = PATH_DOWN;
	fill_path(9, 1, "192.0.2.9:9"); /* a candidate: no path yet, though its packets count */
	atomic_store(&gather.peer.dp->path[15].heard_ns, NOW + 1);
	/* A slot that is free again: its packets remain the peer's. */
	atomic_store(&gather.peer.dp->path[3].tx_packets, 1);
}
