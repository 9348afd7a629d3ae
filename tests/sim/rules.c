/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "look.h"
#include "world.h"

/* Deadlines and datagrams per second that are plausible: 16 paths, probed ten times per second, on
 * each node. */
#define SERVICES_PER_S_MAX 5000u
#define IN_FLIGHT_MAX      20000u

/* What is put off to now while deadlines are served waits for the nanosecond after, and may be put
 * off again there: by the link that another peer finds refused, say.
 */
#define PUT_OFF_NS NS_PER_US

/* Longer than packets wait for their turn. */
#define LET_GO_NS (2 * NS_PER_S)

void rules_fini(struct rules *rules)
{
	free(rules->key);
}

/* ---- counters and keys ---- */

static struct rules_key *find_key(struct rules *rules, const struct node *node, uint32_t index)
{
	struct rules_key *key;

	if (!rules->key)
		rules->key = calloc(RULES_KEYS_MAX, sizeof *rules->key);
	assert(rules->key);
	for (unsigned i = rules->key_count; i-- > 0;) {
		if (rules->key[i].node == node && rules->key[i].index == index)
			return &rules->key[i];
	}
	assert(rules->key_count < RULES_KEYS_MAX);
	key = &rules->key[rules->key_count++];
	*key = (struct rules_key){.node = node, .index = index, .first_ns = sim_now_ns()};
	return key;
}

static void note_counter(struct world *world, struct node *node, const uint8_t *data)
{
	const struct message_transport *header = (const void *)data;
	struct rules_key *key = find_key(&world->rules, node, load_le32(header->receiver_index));
	uint64_t counter = load_le64(header->counter);
	uint64_t lane = counter >> LANE_SHIFT, seq = counter & ((1ull << LANE_SHIFT) - 1);

	if (lane >= LANE_COUNT)
		world_break(world, "%s sends in lane %u", node->name, (unsigned)lane);
	else if (seq < key->next[lane])
		world_break(world, "%s uses counter %u of lane %u again", node->name, (unsigned)seq,
		            (unsigned)lane);
	else if (sim_now_ns() > key->first_ns + REJECT_AFTER_TIME)
		world_break(world, "%s uses a key that is too old", node->name);
	else
		key->next[lane] = seq + 1;
}

/* ---- what plain WireGuard knows ---- */

/* Data of the user, or a keepalive: what plain WireGuard knows. */
static bool is_plain_data(const uint8_t *data, size_t len)
{
	const struct message_transport *header = (const void *)data;

	return !(load_le64(header->counter) >> LANE_SHIFT) &&
	       (len == TRANSPORT_OVERHEAD || len == TRANSPORT_OVERHEAD + NODE_PACKET_LEN);
}

static bool is_for_plain(const struct world *world, uint32_t index)
{
	for (unsigned i = 0; i < world->node_count; i++) {
		const struct node *node = &world->node[i];

		if (node->control && node->config.bonding == BONDING_POLICY_OFF &&
		    look_has_key(node, index))
			return true;
	}
	return false;
}

static void note_kind(struct world *world, const struct node *node, const uint8_t *data, size_t len)
{
	const struct message_transport *header = (const void *)data;

	if (!is_plain_data(data, len) && is_for_plain(world, load_le32(header->receiver_index)))
		world_break(world, "%s sends %u bytes that are not data to one that does not bond",
		            node->name, (unsigned)len);
}

/* ---- addresses ---- */

/* Whether @address is or was that of a host with the key of one of @node's peers. */
static bool is_of_peer(const struct world *world, const struct node *node,
                       const struct endpoint *address)
{
	const struct net_port *port = net_who_had(&world->net, address);

	for (unsigned i = 0; port && i < node->config.peer_count; i++) {
		if (((const struct node *)port->owner)->inner == node->config.peer[i].inner)
			return true;
	}
	return false;
}

static bool is_configured(const struct node *node, const struct endpoint *address)
{
	for (unsigned i = 0; i < node->config.peer_count; i++) {
		for (unsigned k = 0; k < node->config.peer[i].endpoint_count; k++) {
			if (endpoint_equal(&node->config.peer[i].endpoint[k].address, address))
				return true;
		}
	}
	return false;
}

/* Strangers are sent cookies, and nothing else. */
static void note_removed(struct world *world, const struct node *node, const struct endpoint *to,
                         const uint8_t *data)
{
	const struct net_port *port = net_who_had(&world->net, to);

	if (data[0] == MESSAGE_COOKIE_REPLY)
		return;
	for (unsigned i = 0; port && i < node->config.peer_count; i++) {
		if (((const struct node *)port->owner)->inner == node->config.peer[i].inner &&
		    !(node->spoken_to & 1u << i))
			world_break(world, "%s speaks to a peer that was removed", node->name);
	}
}

static struct rules_address *find_address(struct rules *rules, const struct node *node,
                                          const struct endpoint *address)
{
	struct rules_address *found = rules->address;

	for (; found < rules->address + rules->address_count; found++) {
		if (found->node == node && endpoint_equal(&found->address, address))
			return found;
	}
	assert(rules->address_count < RULES_ADDRESSES_MAX);
	rules->address_count++;
	*found =
		(struct rules_address){.node = node, .address = *address, .first_ns = sim_now_ns()};
	return found;
}

static bool is_plain(const struct node *node)
{
	for (unsigned i = 0; i < node->config.peer_count; i++) {
		if (look_at(node, i).is_plain)
			return true;
	}
	return false;
}

static bool may_be_bonded(const struct node *node)
{
	for (unsigned i = 0; i < node->config.peer_count; i++) {
		struct look look = look_at(node, i);

		if (node_peer(node, i) && (look.is_plain || !look.may_be_bonded))
			return false;
	}
	return true;
}

static void note_told(struct world *world, struct node *node, const struct endpoint *to, size_t len)
{
	struct rules_address *address;

	if (is_configured(node, to) || is_of_peer(world, node, to))
		return;
	address = find_address(&world->rules, node, to);
	address->told_bytes += len;
	if (!may_be_bonded(node) || address->first_ns <= world->rules.plain_ns[node->id])
		return;
	if (node->is_sending_data)
		world_break(world, "%s sends data to an address that proved nothing", node->name);
	if (address->told_bytes > 3 * address->heard_bytes)
		world_break(world, "%s sends %u bytes to where %u came from", node->name,
		            (unsigned)address->told_bytes, (unsigned)address->heard_bytes);
}

void rules_sends(struct node *node, const struct endpoint *to, const uint8_t *data, size_t len)
{
	struct world *world = world_of(node);

	if (data[0] == MESSAGE_TRANSPORT) {
		note_counter(world, node, data);
		note_kind(world, node, data, len);
	}
	note_removed(world, node, to, data);
	note_told(world, node, to, len);
}

void rules_received(struct node *node, const struct endpoint *from, size_t len)
{
	struct world *world = world_of(node);

	if (!is_configured(node, from) && !is_of_peer(world, node, from))
		find_address(&world->rules, node, from)->heard_bytes += len;
}

/* ---- state ---- */

static void look_at_peer(struct world *world, const struct node *node, unsigned peer)
{
	struct look look = look_at(node, peer);

	if (look.keypairs > 3)
		world_break(world, "%s has %u keypairs", node->name, look.keypairs);
	if (look.keypairs && sim_now_ns() > look.newest_ns + 3 * REJECT_AFTER_TIME)
		world_break(world, "%s keeps keys that are too old", node->name);
	if (look.retry_ns < sim_now_ns() - PUT_OFF_NS)
		world_break(world, "%s does not retry the handshake that is due", node->name);
}

static void look_inside(struct world *world, struct node *node)
{
	const char *wrong = node->wrong;

	if (!wrong && node->control && node->has_run)
		wrong = look_what_is_wrong(node);
	if (!wrong && node->has_sent_nowhere)
		wrong = "sends over a link that was removed";
	if (wrong)
		world_break(world, "%s %s", node->name, wrong);
}

static void look_at_node(struct world *world, struct node *node)
{
	if (node_next_ns(node) <= sim_now_ns())
		world_break(world, "%s does not serve a deadline that has come", node->name);
	for (unsigned i = 0; node->has_run && i < node->config.peer_count; i++)
		look_at_peer(world, node, i);
	node->has_run = false;
}

static void look_at_paths(struct world *world)
{
	for (unsigned i = 0; i < world->node_count; i++) {
		struct node *node = &world->node[i];

		node->has_run = true; /* what follows from time alone is looked at as well */
		for (unsigned k = 0; node->control && k < node->config.peer_count; k++) {
			if (look_has_double(node, k))
				world_break(world, "%s has two paths to one address", node->name);
		}
	}
}

/* What went is held by nobody any more, nor looked at by an alarm. */
static void let_go(struct world *world)
{
	for (unsigned i = 0; i < world->node_count; i++)
		node_let_go(&world->node[i], sim_now_ns() - LET_GO_NS);
}

/* Once per second. */
static void look_at_work(struct world *world)
{
	struct rules *rules = &world->rules;
	uint64_t services = 0;

	if (sim_now_ns() < rules->looked_ns + NS_PER_S)
		return;
	for (unsigned i = 0; i < world->node_count; i++)
		services += world->node[i].services;
	if (services > rules->services + SERVICES_PER_S_MAX)
		world_break(world, "deadlines come without end");
	if (world->net.in_flight > IN_FLIGHT_MAX)
		world_break(world, "datagrams without end");
	look_at_paths(world);
	let_go(world);
	rules->services = services;
	rules->looked_ns = sim_now_ns();
}

void rules_look(struct world *world)
{
	for (unsigned i = 0; i < world->node_count; i++) {
		struct node *node = &world->node[i];

		look_inside(world, node);
		if (!node->control)
			continue;
		if (node->has_run && is_plain(node))
			world->rules.plain_ns[i] = sim_now_ns();
		look_at_node(world, node);
	}
	look_at_work(world);
}
