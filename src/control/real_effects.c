/* SPDX-License-Identifier: MIT */
#include "control/real_effects.h"

#include "base/clock.h"
#include "control/detour.h"
#include "control/line.h"
#include "control/resolve.h"
#include "control/uplink.h"
#include "crypto/aead.h"
#include "dataplane/engine.h"
#include "dataplane/publish.h"
#include "dataplane/statistics.h"

static struct real_effects *real(struct effects *fx)
{
	return caa_container_of(fx, struct real_effects, fx);
}

static struct engine *engine(struct effects *fx)
{
	return real(fx)->of.engine;
}

/* ---- the wire ---- */

static int send_handshake(struct effects *fx, const struct route *route, const void *msg,
                          size_t len)
{
	(void)fx;
	return link_send_handshake(route->link, route, msg, len);
}

static bool send_payload(struct effects *fx, struct dp_peer *dp, struct keypair *kp,
                         unsigned path_id, unsigned lane, const void *payload, size_t len,
                         const struct route *to)
{
	return engine_send_late(engine(fx), dp, kp, path_id, lane, payload, len, to);
}

static bool await_memory(struct effects *fx, unsigned timeout_ms)
{
	return engine_await_memory(engine(fx), timeout_ms);
}

static bool can_send(struct effects *fx, const struct link *link)
{
	return uplink_is_usable(uplink_of(real(fx)->of.uplinks, link), link);
}

static void link_refused(struct effects *fx, const struct link *link, int error, uint64_t now_ns)
{
	const struct real_parts *of = &real(fx)->of;

	uplink_refused(uplink_of(of->uplinks, link), link, error, now_ns);
	of->network_changed(of->arg, now_ns);
}

static int resolve(struct effects *fx, uint64_t id, const char *host, uint16_t port)
{
	return resolve_request(*real(fx)->of.resolver, id, host, port);
}

static void keep_way(struct effects *fx, const struct endpoint *to, const struct line *line)
{
	detours_keep(real(fx)->of.detours, to, &line->bind, line->fwmark);
}

static void targets_changed(struct effects *fx)
{
	*real(fx)->of.has_new_targets = true;
}

/* ---- the data plane ---- */

static void publish_keypair(struct effects *fx, struct dp_peer *dp, struct keypair *kp)
{
	(void)fx;
	engine_publish_keypair(dp, kp);
}

static void publish_paths(struct effects *fx, struct dp_peer *dp, struct path_table *table)
{
	(void)fx;
	engine_publish_paths(dp, table);
}

static int publish_target(struct effects *fx, struct dp_peer *dp, unsigned path_id,
                          const struct route *route)
{
	(void)fx;
	return engine_publish_target(dp, path_id, route);
}

static void kick(struct effects *fx, struct dp_peer *dp)
{
	(void)fx;
	engine_kick(dp);
}

static void doubt_path(struct effects *fx, struct dp_peer *dp, unsigned path_id, uint64_t at_ns)
{
	engine_doubt_path(dp, path_id, at_ns);
	fx->kick(fx, dp);
}

static void drop_staged(struct effects *fx, struct dp_peer *dp)
{
	(void)fx;
	engine_drop_staged(dp);
}

static int enable_reorder(struct effects *fx, struct dp_peer *dp)
{
	(void)fx;
	return engine_enable_reorder(dp);
}

static int exchange_reports(struct effects *fx, struct dp_peer *dp, bool is_wanted)
{
	(void)fx;
	return engine_exchange_reports(dp, is_wanted);
}

static void count_drop(struct effects *fx, enum drop_reason reason)
{
	engine_count_drop(engine(fx), reason);
}

/* ---- receiver indices ---- */

static int reserve_index(struct effects *fx, void *owner, uint32_t *ret_index)
{
	return index_reserve(engine_index(engine(fx)), owner, ret_index);
}

static void *owner_of_index(struct effects *fx, uint32_t index)
{
	return index_handshake_owner(engine_index(engine(fx)), index);
}

static void release_index(struct effects *fx, uint32_t index)
{
	index_release(engine_index(engine(fx)), index);
}

static int insert_keypair(struct effects *fx, struct keypair *kp)
{
	return index_insert(engine_index(engine(fx)), kp);
}

static void remove_keypair(struct effects *fx, struct keypair *kp)
{
	index_remove(engine_index(engine(fx)), kp);
}

static struct keypair *keypair_of_index(struct effects *fx, uint32_t index)
{
	return index_lookup(engine_index(engine(fx)), index);
}

/* ---- the machine ---- */

static struct timespec wall_clock(struct effects *fx)
{
	(void)fx;
	return clock_wall();
}

static uint64_t boot_clock(struct effects *fx)
{
	(void)fx;
	return clock_boot_ns();
}

static void random_from_system(struct effects *fx, void *out, size_t len)
{
	(void)fx;
	random_bytes(out, len);
}

static void write_log(struct effects *fx, enum log_level level, const char *line)
{
	(void)fx;
	log_write(level, "%s", line);
}

static void wake_at(struct effects *fx, struct deadline *d, uint64_t at_ns)
{
	/* Cannot fail: room for every peer was reserved at the start. */
	deadline_set(real(fx)->of.deadlines, d, at_ns);
}

void real_effects_init(struct real_effects *real, const struct real_parts *parts)
{
	*real = (struct real_effects){.fx = {.send_handshake = send_handshake,
	                                     .send_payload = send_payload,
	                                     .await_memory = await_memory,
	                                     .can_send = can_send,
	                                     .link_refused = link_refused,
	                                     .resolve = resolve,
	                                     .keep_way = keep_way,
	                                     .targets_changed = targets_changed,
	                                     .publish_keypair = publish_keypair,
	                                     .publish_paths = publish_paths,
	                                     .publish_target = publish_target,
	                                     .kick = kick,
	                                     .doubt_path = doubt_path,
	                                     .drop_staged = drop_staged,
	                                     .enable_reorder = enable_reorder,
	                                     .exchange_reports = exchange_reports,
	                                     .count_drop = count_drop,
	                                     .reserve_index = reserve_index,
	                                     .owner_of_index = owner_of_index,
	                                     .release_index = release_index,
	                                     .insert_keypair = insert_keypair,
	                                     .remove_keypair = remove_keypair,
	                                     .keypair_of_index = keypair_of_index,
	                                     .wall_clock = wall_clock,
	                                     .boot_clock = boot_clock,
	                                     .random = random_from_system,
	                                     .log = write_log,
	                                     .wake_at = wake_at},
	                              .of = *parts};
}
