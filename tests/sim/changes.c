/* SPDX-License-Identifier: MIT */
/* changes.c - links and peers come, change and go while the hosts run.
 *
 * Some lives have it, in which chance edits what the client and the gateway are to be, at one end
 * or both, one thing or two at once; before all is expected to work again, it stands there as at
 * first. Whoever was not touched goes on as if nothing had happened. All is drawn from a row of its
 * own.
 */
#include <string.h>

#include "life_private.h"
#include "look.h"

#define QUICK_NS (200 * NS_PER_MS) /* of traffic that finds out soon */
#define GAP_NS   (5 * NS_PER_S / 2)

/* Where the peer looks for a session only when nothing is answered (whitepaper 6.5). */
#define SILENCE_NS (KEEPALIVE_TIMEOUT + 2 * REKEY_TIMEOUT)

static unsigned draw(struct life *life, unsigned bound)
{
	return (unsigned)sim_below(&life->changes, bound);
}

static uint64_t draw_ms(struct life *life, uint64_t least, uint64_t most)
{
	return sim_between(&life->changes, least, most) * NS_PER_MS;
}

/* ---- a host is told ---- */

/* And every peer that is neither new nor gone has what it had. */
static void apply(struct life *life, struct node *node)
{
	struct look before[NODE_PEERS_MAX] = {0};
	bool stays[NODE_PEERS_MAX] = {false};

	for (unsigned i = 0; i < node->config.peer_count; i++) {
		stays[i] = node_peer(node, i) && node->config.peer[i].is_wanted;
		before[i] = look_at(node, i);
	}
	node_apply(node);
	for (unsigned i = 0; i < node->config.peer_count; i++) {
		struct look after = look_at(node, i);

		if (stays[i] && !look_goes_on(&before[i], &after))
			world_break(&life->world, "the %s touched the session of another peer",
			            node->name);
	}
}

/* @touched: nodes, a bit each. */
static void apply_all(struct life *life, unsigned touched)
{
	for (unsigned i = 0; i < life->world.node_count; i++) {
		if (touched & 1u << i)
			apply(life, &life->world.node[i]);
	}
}

/* ---- edits ---- */

static unsigned want_link(struct life *life, struct node *node, unsigned link, bool is_wanted)
{
	node->config.link[link].is_wanted = is_wanted;
	tell(life, "the %s %s link %u", node->name, is_wanted ? "adds" : "removes", link);
	return 1u << node->id;
}

static unsigned want_peer(struct life *life, struct node *node, unsigned peer, bool is_wanted)
{
	node->config.peer[peer].is_wanted = is_wanted;
	tell(life, "the %s %s peer-%u", node->name, is_wanted ? "adds" : "removes",
	     node->config.peer[peer].inner);
	return 1u << node->id;
}

static struct node *any_host(struct life *life)
{
	return draw(life, 2) ? life->client : life->gateway;
}

static unsigned weigh(struct life *life)
{
	struct node *node = any_host(life);
	unsigned link = draw(life, node->config.link_count);

	node->config.link[link].weight = 1 + draw(life, 20);
	tell(life, "the %s weighs link %u %u", node->name, link, node->config.link[link].weight);
	return 1u << node->id;
}

static unsigned mark(struct life *life)
{
	struct node *node = any_host(life);
	unsigned link = draw(life, node->config.link_count);

	node->config.link[link].mark = draw(life, 3);
	tell(life, "the %s marks link %u by %u", node->name, link, node->config.link[link].mark);
	return 1u << node->id;
}

static unsigned toggle_link(struct life *life)
{
	struct node *node = draw(life, 3) ? life->client : life->gateway;
	unsigned link = draw(life, node->config.link_count);

	return want_link(life, node, link, !node->config.link[link].is_wanted);
}

static unsigned links_wanted(const struct node *node)
{
	unsigned count = 0;

	for (unsigned i = 0; i < node->config.link_count; i++)
		count += node->config.link[i].is_wanted;
	return count;
}

/* But the last one stays. */
static unsigned toggle_spare_link(struct life *life)
{
	unsigned link = draw(life, life->client->config.link_count);
	bool is_wanted = life->client->config.link[link].is_wanted;

	if (is_wanted && links_wanted(life->client) == 1)
		return weigh(life);
	return want_link(life, life->client, link, !is_wanted);
}

static unsigned toggle_peer(struct life *life)
{
	struct node *node = any_host(life);

	return want_peer(life, node, 0, !node->config.peer[0].is_wanted);
}

/* At both ends, which differ as often as not. */
static unsigned toggle_peers(struct life *life)
{
	bool is_wanted = draw(life, 2);

	return want_peer(life, life->client, 0, is_wanted) |
	       want_peer(life, life->gateway, 0, is_wanted);
}

static unsigned toggle_neighbour(struct life *life)
{
	if (!life->neighbour)
		return weigh(life);
	return want_peer(life, life->gateway, NEIGHBOURS_PLACE,
	                 !life->gateway->config.peer[NEIGHBOURS_PLACE].is_wanted);
}

static unsigned toggle_endpoint(struct life *life)
{
	struct node *node = any_host(life);
	struct configured_peer *peer = &node->config.peer[0];
	struct configured_endpoint *endpoint;

	if (!peer->endpoint_count)
		return weigh(life);
	endpoint = &peer->endpoint[draw(life, peer->endpoint_count)];
	endpoint->is_wanted = !endpoint->is_wanted;
	tell(life, "the %s %s an endpoint", node->name, endpoint->is_wanted ? "adds" : "removes");
	return 1u << node->id;
}

/* What is behind the peer, its name, or how it is spoken to. */
static unsigned set_peer(struct life *life)
{
	struct node *node = any_host(life);
	struct configured_peer *peer = &node->config.peer[0];

	switch (draw(life, 4)) {
	case 0:
		peer->has_subnet = !peer->has_subnet;
		break;
	case 1:
		peer->is_renamed = !peer->is_renamed;
		break;
	case 2:
		peer->mode = (enum bonding_mode)draw(life, 3);
		break;
	default:
		peer->persistent_keepalive = peer->persistent_keepalive ? 0 : 25;
	}
	tell(life, "the %s: %s, subnet %d, mode %u, keepalive %u", node->name,
	     peer->is_renamed ? "renamed" : "first name", peer->has_subnet, peer->mode,
	     peer->persistent_keepalive);
	return 1u << node->id;
}

static unsigned want_secret(struct life *life, struct node *node, uint8_t secret)
{
	node->config.peer[0].secret = secret;
	tell(life, "the %s has preshared key %u", node->name, secret);
	return 1u << node->id;
}

static unsigned change_secret(struct life *life)
{
	return want_secret(life, any_host(life), (uint8_t)draw(life, 3));
}

static unsigned want_all(struct life *life, struct node *node, bool is_wanted)
{
	tell(life, "the %s %s all", node->name, is_wanted ? "adds" : "removes");
	for (unsigned i = 0; i < node->config.link_count; i++)
		node->config.link[i].is_wanted = is_wanted;
	for (unsigned i = 0; i < node->config.peer_count; i++) {
		struct configured_peer *peer = &node->config.peer[i];

		peer->is_wanted = is_wanted;
		for (unsigned k = 0; is_wanted && k < peer->endpoint_count; k++)
			peer->endpoint[k].is_wanted = true;
	}
	return 1u << node->id;
}

static unsigned remove_all(struct life *life)
{
	return want_all(life, any_host(life), false);
}

typedef unsigned edit(struct life *life);

static edit *const edits[] = {
	weigh,           mark,        toggle_link,   toggle_link,      toggle_link,
	toggle_peer,     toggle_peer, toggle_peers,  toggle_neighbour, remove_all,
	toggle_endpoint, set_peer,    change_secret,
};

void life_change(struct life *life)
{
	unsigned count = 1 + draw(life, 2), touched = 0;

	if (!life->has_changes)
		return;
	for (unsigned i = 0; i < count; i++)
		touched |= edits[draw(life, sizeof edits / sizeof *edits)](life);
	apply_all(life, touched);
}

static edit *const aside[] = {weigh, toggle_spare_link, toggle_neighbour};

void life_change_aside(struct life *life)
{
	if (life->has_changes)
		apply_all(life, aside[draw(life, sizeof aside / sizeof *aside)](life));
}

static bool is_peer_whole(const struct configured_peer *peer)
{
	for (unsigned i = 0; i < peer->endpoint_count; i++) {
		if (!peer->endpoint[i].is_wanted)
			return false;
	}
	return peer->is_wanted;
}

static bool is_whole(const struct node_config *config)
{
	for (unsigned i = 0; i < config->link_count; i++) {
		if (!config->link[i].is_wanted)
			return false;
	}
	for (unsigned i = 0; i < config->peer_count; i++) {
		if (!is_peer_whole(&config->peer[i]))
			return false;
	}
	return true;
}

static unsigned restore(struct life *life, struct node *node)
{
	return is_whole(&node->config) ? 0 : want_all(life, node, true);
}

/* And both ends have one secret. */
void life_restore(struct life *life)
{
	unsigned touched = restore(life, life->client) | restore(life, life->gateway);
	uint8_t secret = life->gateway->config.peer[0].secret;

	if (life->client->config.peer[0].secret != secret)
		touched |= want_secret(life, life->client, secret);
	apply_all(life, touched);
}

/* ---- scenes: all is well, and one thing changes ---- */

static bool has_all_paths(const struct life *life)
{
	unsigned expected = life_paths_expected(life);

	return look_at(life->client, 0).up >= expected && look_at(life->gateway, 0).up >= expected;
}

static bool has_spare_link(const struct life *life)
{
	return !life->is_plain && life->client->config.link_count > 1;
}

/* The others carry everything, and it carries again. */
static bool link_goes(struct life *life)
{
	unsigned link = draw(life, life->client->config.link_count);

	apply_all(life, want_link(life, life->client, link, false));
	if (!life_goes_on(life, draw_ms(life, 10, 40000), GAP_NS))
		return false;
	apply_all(life, want_link(life, life->client, link, true));
	return life_expect(life, has_all_paths, 15 * NS_PER_S,
	                   "a link that was removed and added again has no path that is up");
}

static bool peer_goes(struct life *life)
{
	struct node *node = any_host(life);

	apply_all(life, want_peer(life, node, 0, false));
	if (!life_run(life, draw_ms(life, 1, draw(life, 2) ? 500 : 10000)))
		return false;
	apply_all(life, want_peer(life, node, 0, true));
	if (life->is_plain)
		return life_passes_within(life, SILENCE_NS + 2 * NS_PER_S);
	return life_passes_within(life, REKEY_TIMEOUT + 2 * NS_PER_S) &&
	       life_goes_on(life, 8 * NS_PER_S, GAP_NS);
}

static bool all_goes(struct life *life)
{
	struct node *node = any_host(life);

	apply_all(life, want_all(life, node, false));
	if (!life_run(life, draw_ms(life, 1, 3000)))
		return false;
	apply_all(life, want_all(life, node, true));
	return life_passes_within(life, SILENCE_NS + 2 * NS_PER_S);
}

/* Both may begin at once, and then use different ones. */
static bool have_newer_sessions(const struct life *life)
{
	return look_at(life->client, 0).newest_ns > life->noted &&
	       look_at(life->gateway, 0).newest_ns > life->noted;
}

/* Both ends get another one: there is a session under it soon, and the one before serves until
 * then.
 */
static bool secret_changes(struct life *life)
{
	uint8_t secret = (uint8_t)(life->gateway->config.peer[0].secret % 3 + 1);

	life->noted = sim_now_ns();
	apply_all(life, want_secret(life, life->client, secret) |
	                        want_secret(life, life->gateway, secret));
	return life_expect(life, have_newer_sessions, 2 * REKEY_TIMEOUT + 2 * NS_PER_S,
	                   "there is no session under another preshared key") &&
	       life_goes_on(life, 8 * NS_PER_S, GAP_NS);
}

static bool has_neighbour(const struct life *life)
{
	return life->neighbour;
}

/* The gateway's other peer hears nothing of it. */
static bool others_come_and_go(struct life *life)
{
	unsigned count = 2 + draw(life, 6);
	struct flow *there, *back;

	there = traffic_flow(&life->world.traffic, life->neighbour->id, 0);
	back = traffic_flow(&life->world.traffic, life->gateway->id, NEIGHBOURS_PLACE);
	for (unsigned i = 0; i < count; i++) {
		bool is_wanted = !life->gateway->config.peer[0].is_wanted;

		apply_all(life, want_peer(life, life->gateway, 0, is_wanted));
		if (!life_flows_on(life, there, back, draw_ms(life, 100, 6000), GAP_NS))
			return false;
	}
	return true;
}

static const struct {
	const char *name;
	life_condition *fits;
	bool (*play)(struct life *life);
} scenes[] = {
	{"a peer goes and comes back", NULL, peer_goes},
	{"a link goes and comes back", has_spare_link, link_goes},
	{"others come and go", has_neighbour, others_come_and_go},
	{"everything goes and comes back", NULL, all_goes},
	{"another secret", NULL, secret_changes},
};

#define SCENES (sizeof scenes / sizeof *scenes)

bool life_change_scene(struct life *life)
{
	unsigned i = draw(life, SCENES);

	while (scenes[i].fits && !scenes[i].fits(life))
		i = (i + 1) % SCENES;
	tell(life, "%s", scenes[i].name);
	traffic_set_pace(&life->world.traffic, QUICK_NS);
	return life_run(life, NS_PER_S) && scenes[i].play(life);
}
