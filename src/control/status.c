/* SPDX-License-Identifier: MIT */
/* Objects are built member by member. A value that could not be made ends the chain of put() calls,
 * and with it the object and those around it: a status is whole or there is none.
 */
#include "control/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/key_text.h"
#include "base/log.h"
#include "control/control.h"
#include "control/netif.h"
#include "control/peer_session.h"
#include "control/sharing.h"
#include "version.h"

/* Takes over @value; false, with @value gone, without memory. @key is plain ASCII. */
static bool put(json_t *object, const char *key, json_t *value)
{
	return !json_object_set_new_nocheck(object, key, value);
}

static bool append(json_t *array, json_t *value)
{
	return !json_array_append_new(array, value);
}

/* @value if @ok, else NULL and @value is let go: the last line of every builder. */
static json_t *whole(json_t *value, bool ok)
{
	if (ok)
		return value;
	json_decref(value);
	return NULL;
}

static json_t *text(const char *value)
{
	return value && *value ? json_string(value) : json_null();
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *real_if(bool is_known, double value)
{
	return is_known ? json_real(value) : json_null();
}

/* The data plane may have read the clock after us: then it is now. */
static json_t *seconds_since(uint64_t then_ns, uint64_t now_ns)
{
	return json_real(now_ns > then_ns ? (double)(now_ns - then_ns) / NS_PER_S : 0);
}

static json_t *endpoint_text(const struct endpoint *ep)
{
	char buf[ENDPOINT_TEXT_LEN];

	if (endpoint_family(ep) == AF_UNSPEC)
		return json_null();
	return json_string(endpoint_format(ep, buf));
}

static json_t *key_text(const uint8_t key[static KEY_LEN])
{
	char buf[KEY_TEXT_LEN];

	key_to_base64(buf, key);
	return json_string(buf);
}

/* ---- links ---- */

/* The addresses of all its sockets, or null. */
static json_t *bound_text(const struct uplink *uplink)
{
	char all[LINK_FAMILIES * (ENDPOINT_TEXT_LEN + 2)] = "", one[ENDPOINT_TEXT_LEN];
	size_t len = 0;

	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		const struct link *link = uplink->pair[i].link;

		if (link->is_open)
			len += (size_t)snprintf(all + len, sizeof all - len, "%s%s",
			                        len ? ", " : "",
			                        endpoint_format(&link->bound, one));
	}
	return text(all);
}

/* What holds for all its sockets: the least. */
static json_t *train_max(const struct uplink *uplink)
{
	unsigned least = UINT16_MAX;
	bool is_any_open = false;

	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		struct link *link = uplink->pair[i].link;
		unsigned max = train_limit_max(&link->trains);

		is_any_open |= link->is_open;
		if (link->is_open && max < least)
			least = max;
	}
	return number(is_any_open ? least : 0);
}

static bool put_link_traffic(json_t *o, const struct uplink *uplink)
{
	uint64_t tx_packets = 0, tx_bytes = 0, rx_packets = 0, rx_bytes = 0, tx_errors = 0;

	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		const struct link *link = uplink->pair[i].link;

		tx_packets += counter_read(&link->tx_packets);
		tx_bytes += counter_read(&link->tx_bytes);
		rx_packets += counter_read(&link->rx_packets);
		rx_bytes += counter_read(&link->rx_bytes);
		tx_errors += counter_read(&link->tx_errors);
	}
	return put(o, "tx_packets", number(tx_packets)) && put(o, "tx_bytes", number(tx_bytes)) &&
	       put(o, "rx_packets", number(rx_packets)) && put(o, "rx_bytes", number(rx_bytes)) &&
	       put(o, "tx_errors", number(tx_errors));
}

/* The kernel is asked here, of sockets that are open. */
static bool put_kernel_drops(json_t *o, const struct uplink *uplink)
{
	uint64_t data = 0, handshakes = 0;

	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		struct link *link = uplink->pair[i].link;

		if (link->is_open)
			link_read_drops(link);
		data += link->data_drops.total;
		handshakes += link->handshake_drops.total;
	}
	return put(o, "kernel_drops", number(data)) &&
	       put(o, "handshake_kernel_drops", number(handshakes));
}

static json_t *build_link(const struct uplink *uplink, uint64_t now_ns)
{
	const struct line *line = &uplink->line;
	const struct uplink_pair *best = uplink_best(uplink);
	json_t *o = json_object();
	bool ok = put(o, "name", json_string(uplink->name)) &&
	          put(o, "state", json_string(uplink_state_name(best->state))) &&
	          put(o, "since_s", seconds_since(best->since_ns, now_ns)) &&
	          put(o, "reason", text(best->reason)) && put(o, "bind", bound_text(uplink)) &&
	          put(o, "device", text(*best->device ? best->device : line->device)) &&
	          put(o, "fwmark", line->has_fwmark ? number(line->fwmark) : json_null()) &&
	          put(o, "weight", number(uplink->weight)) &&
	          put(o, "train_max_bytes", train_max(uplink)) && put_link_traffic(o, uplink) &&
	          put_kernel_drops(o, uplink);

	return whole(o, ok);
}

static json_t *build_links(const struct control *control, uint64_t now_ns)
{
	json_t *links = json_array();
	bool ok = links;

	for (unsigned i = 0; ok && i < control->uplinks.count; i++)
		ok = append(links, build_link(&control->uplinks.uplink[i], now_ns));
	return whole(links, ok);
}

/* ---- paths ---- */

static bool put_estimate(json_t *o, const struct path_estimate *est)
{
	return put(o, "rtt_ms", real_if(est->has_rtt, (double)est->srtt_ns / NS_PER_MS)) &&
	       put(o, "jitter_ms", real_if(est->has_rtt, (double)est->jitter_ns / NS_PER_MS)) &&
	       put(o, "loss_tx_percent", real_if(est->tx.is_known, est->tx.ratio * 100)) &&
	       put(o, "loss_rx_percent", real_if(est->rx.is_known, est->rx.ratio * 100));
}

static bool put_path_traffic(json_t *o, const struct path *path, const struct dp_path *dp,
                             uint64_t now_ns)
{
	uint64_t heard_ns = counter_read(&dp->heard_ns);

	return put(o, "last_heard_s", heard_ns ? seconds_since(heard_ns, now_ns) : json_null()) &&
	       put(o, "tx_packets",
	           number(counter_read(&dp->tx_packets) - path->before.tx_packets)) &&
	       put(o, "tx_bytes", number(counter_read(&dp->tx_bytes) - path->before.tx_bytes)) &&
	       put(o, "rx_packets",
	           number(counter_read(&dp->rx_packets) - path->before.rx_packets)) &&
	       put(o, "rx_bytes", number(counter_read(&dp->rx_bytes) - path->before.rx_bytes)) &&
	       put(o, "tx_bps", number(path->tx_bps)) && put(o, "rx_bps", number(path->rx_bps));
}

/* Of the link and of the way there, the smaller. */
static json_t *train_bytes(const struct path *path, const struct dp_path *dp)
{
	unsigned of_link = train_limit_max(&path->route.link->trains), of_path;

	if (!dp->target)
		return json_null();
	of_path = train_limit_max(&dp->target->trains);
	return number(of_link < of_path ? of_link : of_path);
}

static json_t *build_path(const struct peer *peer, unsigned id, uint64_t now_ns)
{
	const struct path *path = &peer->paths.slot[id];
	const struct path_health *health = &path->health;
	char shared[SHARING_TEXT_LEN];
	json_t *o = json_object();
	bool ok = put(o, "id", number(id)) && put(o, "link", json_string(path->route.link->name)) &&
	          put(o, "endpoint", endpoint_text(&path->route.remote)) &&
	          put(o, "state", json_string(path_state_name(health->state))) &&
	          put(o, "since_s", seconds_since(health->since_ns, now_ns)) &&
	          put(o, "reason", text(health->reason)) &&
	          put(o, "note", text(sharing_text(peer, path, now_ns, shared))) &&
	          put(o, "in_use", json_boolean(path->is_in_table)) &&
	          put(o, "weight", number(peer->set.link_weight[path_link(&path->route)])) &&
	          put(o, "train_max_bytes", train_bytes(path, &peer->dp->path[id])) &&
	          put_estimate(o, &health->estimate) &&
	          put_path_traffic(o, path, &peer->dp->path[id], now_ns);

	return whole(o, ok);
}

static json_t *build_paths(const struct peer *peer, uint64_t now_ns)
{
	json_t *paths = json_array();
	bool ok = paths;

	for (unsigned id = 0; ok && id < PATHS_MAX; id++) {
		/* A candidate is no path yet: anybody who replays a handshake can make one. */
		if (path_is_used(&peer->paths.slot[id]) && path_has_target(&peer->paths.slot[id]))
			ok = append(paths, build_path(peer, id, now_ns));
	}
	return whole(paths, ok);
}

/* ---- peers ---- */

/* Where data goes, else where everything went that is not bonded, else where it could go. */
static const struct path *main_path(const struct peer *peer)
{
	const struct path *possible = NULL;

	for (unsigned id = 0; id < PATHS_MAX; id++) {
		const struct path *path = &peer->paths.slot[id];

		if (path_is_used(path) && path->is_in_table)
			return path;
		if (path_is_used(path) && path_has_target(path) && !possible)
			possible = path;
	}
	if (peer->paths.followed != PATH_NONE &&
	    path_is_used(&peer->paths.slot[peer->paths.followed]))
		return &peer->paths.slot[peer->paths.followed];
	return possible;
}

static bool put_session(json_t *o, const struct peer *peer, uint64_t now_ns)
{
	const struct keypair *kp =
		session_is_alive(&peer->session, now_ns) ? peer->session.current : NULL;
	const char *role = !kp ? NULL : kp->is_initiator ? "initiator" : "responder";

	return put(o, "session", json_string(peer_session_name(peer, now_ns))) &&
	       put(o, "session_age_s", kp ? seconds_since(kp->born_ns, now_ns) : json_null()) &&
	       put(o, "session_role", text(role)) &&
	       put(o, "handshakes", number(peer->session.count)) &&
	       put(o, "last_handshake",
	           peer->session.count ? json_integer(peer->session.made_wall_s) : json_null()) &&
	       put(o, "unanswered_initiations", number(peer->handshake.attempts)) &&
	       put(o, "stale_initiations", number(peer->answered.stale)) &&
	       put(o, "clock_behind_s",
	           peer->answered.stale ? json_integer(peer->answered.stale_by_s) : json_null());
}

static json_t *build_allowed_ips(const struct config_peer *config)
{
	json_t *list = json_array();
	char buf[PREFIX_TEXT_LEN];
	bool ok = list;

	for (size_t i = 0; ok && i < config->allowed_ip_count; i++)
		ok = append(list, json_string(prefix_format(&config->allowed_ips[i], buf)));
	return whole(list, ok);
}

static bool put_peer_traffic(json_t *o, const struct dp_peer *dp)
{
	uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		rx_packets += counter_read(&dp->path[i].rx_packets);
		rx_bytes += counter_read(&dp->path[i].rx_bytes);
		tx_packets += counter_read(&dp->path[i].tx_packets);
		tx_bytes += counter_read(&dp->path[i].tx_bytes);
	}
	return put(o, "rx_packets", number(rx_packets)) && put(o, "rx_bytes", number(rx_bytes)) &&
	       put(o, "tx_packets", number(tx_packets)) && put(o, "tx_bytes", number(tx_bytes)) &&
	       put(o, "staged_packets", number(dp_peer_staged(dp)));
}

static json_t *build_peer(const struct peer *peer, uint64_t now_ns)
{
	const struct config_peer *config = peer->config;
	const struct path *path = main_path(peer);
	json_t *o = json_object();
	bool ok = put(o, "name", json_string(peer->name)) &&
	          put(o, "public_key", key_text(config->public_key)) &&
	          put(o, "mode", json_string(bonding_mode_name(config->mode))) &&
	          put(o, "bonding", json_string(verdict_name(peer->verdict.is))) &&
	          put_session(o, peer, now_ns) &&
	          put(o, "endpoint", path ? endpoint_text(&path->route.remote) : json_null()) &&
	          put(o, "allowed_ips", build_allowed_ips(config)) &&
	          put_peer_traffic(o, peer->dp) && put(o, "paths", build_paths(peer, now_ns));

	return whole(o, ok);
}

static json_t *build_peers(const struct control *control, uint64_t now_ns)
{
	json_t *peers = json_array();
	bool ok = peers;

	for (size_t i = 0; ok && i < control->peer_count; i++)
		ok = append(peers, build_peer(control->peers[i], now_ns));
	return whole(peers, ok);
}

/* ---- the whole ---- */

static json_t *build_drops(const struct engine *engine)
{
	json_t *o = json_object();
	bool ok = o;

	for (int reason = 0; ok && reason < DROP_REASON_COUNT; reason++)
		ok = put(o, drop_name(reason), number(engine_drops(engine, reason)));
	return whole(o, ok);
}

static json_t *build_pool(const struct engine *engine)
{
	struct engine_memory memory = engine_memory(engine);
	json_t *o = json_object();
	bool ok =
		put(o, "batches", number(memory.batches)) && put(o, "bytes", number(memory.bytes));

	return whole(o, ok);
}

/* Null when the device is gone. */
static json_t *tun_drops(const char *interface)
{
	struct netif netif;
	uint64_t dropped;
	int r = netif_init(&netif, interface);

	if (!r)
		r = netif_tx_dropped(&netif, &dropped);
	netif_fini(&netif);
	return r ? json_null() : number(dropped);
}

static json_t *build_tun(const struct tun *tun, const char *interface)
{
	json_t *o = json_object();
	bool ok = put(o, "queues", number(tun->queues)) &&
	          put(o, "tcp_offload", json_boolean(tun->takes.tcp4)) &&
	          put(o, "udp_offload", json_boolean(tun->takes.udp4)) &&
	          put(o, "kernel_drops", tun_drops(interface));

	return whole(o, ok);
}

static bool put_engine(json_t *o, const struct control *control)
{
	const struct engine_settings *set = engine_settings(control->engine);

	return put(o, "workers", number(set->workers)) &&
	       put(o, "crypto", json_string(cipher_library_name(set->cipher))) &&
	       put(o, "tun", build_tun(&set->tun, control->interface));
}

json_t *status_build(const struct control *control, uint64_t now_ns)
{
	json_t *o = json_object();
	bool ok = put(o, "version", json_string(VTRUNKD_VERSION)) &&
	          put(o, "interface", json_string(control->interface)) &&
	          put(o, "pid", json_integer(getpid())) &&
	          put(o, "uptime_s", seconds_since(control->started_ns, now_ns)) &&
	          put(o, "mtu", number(control->config->mtu)) &&
	          put(o, "public_key", key_text(control->identity->public_key)) &&
	          put_engine(o, control) && put(o, "links", build_links(control, now_ns)) &&
	          put(o, "peers", build_peers(control, now_ns)) &&
	          put(o, "drops", build_drops(control->engine)) &&
	          put(o, "pool", build_pool(control->engine)) &&
	          put(o, "log_lines_lost", number(log_lost()));

	return whole(o, ok);
}
