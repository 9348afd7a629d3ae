/* SPDX-License-Identifier: MIT */
/* The configuration changes while the daemon runs, or the daemon ends: whether what was added is
 * there, what was removed is gone, and nobody holds it any more.
 */
#include <stdlib.h>

#include "dataplane/allowedips.h"
#include "dataplane/engine_private.h"
#include "look.h"
#include "node_private.h"

void node_blame(struct node *node, const char *wrong)
{
	if (!node->wrong)
		node->wrong = wrong;
}

/* ---- what went is held, to see who else holds it ---- */

static void hold(struct node *node, const struct peer *peer)
{
	const struct session *s = &peer->session;
	struct node_left *left = &node->left[node->left_count];

	if (node->left_count == NODE_LEFT_MAX)
		return;
	node->left_count++;
	*left = (struct node_left){.dp = dp_peer_get(peer->dp),
	                           .kp = {s->previous, s->current, s->next},
	                           .at_ns = sim_now_ns()};
	for (unsigned i = 0; i < NODE_KEYPAIRS; i++) {
		if (left->kp[i] && !keypair_get(left->kp[i]))
			abort();
	}
	left->has_index = peer->handshake.is_pending;
	left->index = left->has_index ? peer->handshake.noise->local_index : 0;
}

static bool is_free(const struct node *node, uint32_t index)
{
	return index_use(node->control->engine->tables.index, index) == INDEX_FREE;
}

/* Of those that went just now. */
static void check_indices(struct node *node, unsigned first)
{
	for (; first < node->left_count; first++) {
		const struct node_left *left = &node->left[first];

		if (left->has_index && !is_free(node, left->index))
			node_blame(node, "waits for the response of a peer that was removed");
		for (unsigned i = 0; i < NODE_KEYPAIRS; i++) {
			if (left->kp[i] && !is_free(node, left->kp[i]->local_index))
				node_blame(node, "receives under a key of a peer that was removed");
		}
	}
}

static bool is_ours_alone(const struct node_left *left)
{
	bool is_alone = reference_count(&left->dp->references) == 1;

	for (unsigned i = 0; i < NODE_KEYPAIRS; i++)
		is_alone &= !left->kp[i] || reference_count(&left->kp[i]->references) == 1;
	return is_alone;
}

static void let_go(struct node *node, const struct node_left *left)
{
	if (!is_ours_alone(left))
		node_blame(node, "holds what it had of a peer that was removed");
	for (unsigned i = 0; i < NODE_KEYPAIRS; i++)
		keypair_put(left->kp[i]);
	dp_peer_put(left->dp);
}

void node_let_go(struct node *node, uint64_t until_ns)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < node->left_count; i++) {
		if (node->left[i].at_ns > until_ns)
			node->left[kept++] = node->left[i];
		else
			let_go(node, &node->left[i]);
	}
	node->left_count = kept;
}

/* ---- what is there ---- */

/* Who gets packets for that address. */
static struct dp_peer *owner_of(const struct node *node, const uint8_t address[static 4])
{
	const struct allowedips *table = rcu_dereference(node->control->engine->tables.allowedips);

	return table ? allowedips_lookup4(table, address) : NULL;
}

static void check_allowed_ips(struct node *node, unsigned i)
{
	const struct configured_peer *wanted = &node->config.peer[i];
	const uint8_t itself[4] = {10, 0, 0, wanted->inner}, behind[4] = {10, 1, wanted->inner, 7};
	const struct peer *peer = node_peer(node, i);
	struct dp_peer *dp = peer ? peer->dp : NULL;

	if (owner_of(node, itself) != dp ||
	    owner_of(node, behind) != (wanted->has_subnet ? dp : NULL))
		node_blame(node, "sends packets to another peer than the allowed IPs say");
}

static void check_peer(struct node *node, unsigned i, bool is_wanted)
{
	const struct configured_peer *wanted = &node->config.peer[i];
	const struct peer *peer = node_peer(node, i);

	if (is_wanted != (peer != NULL))
		node_blame(node, is_wanted ? "lacks a peer that was added"
		                           : "has a peer that was removed");
	else if (peer &&
	         (peer->set.mode != wanted->mode ||
	          peer->set.persistent_keepalive_ns != wanted->persistent_keepalive * NS_PER_S))
		node_blame(node, "has a peer with other settings");
	check_allowed_ips(node, i);
}

static void check_link(struct node *node, unsigned i, bool is_wanted)
{
	const struct uplink *uplink;
	char name[NAME_LEN];

	node_link_name(i, name);
	uplink = uplinks_find(&node->control->uplinks, name);
	if (is_wanted != (uplink != NULL))
		node_blame(node, is_wanted ? "lacks a link that was added"
		                           : "has a link that was removed");
	else if (uplink && uplink->wishes.weight != node->config.link[i].weight)
		node_blame(node, "has a link with another weight");
}

static void check(struct node *node, bool is_at_end, unsigned first_left)
{
	const struct node_config *config = &node->config;

	for (unsigned i = 0; i < config->peer_count; i++)
		check_peer(node, i, !is_at_end && config->peer[i].is_wanted);
	for (unsigned i = 0; i < config->link_count; i++)
		check_link(node, i, !is_at_end && config->link[i].is_wanted);
	check_indices(node, first_left);
	node_blame(node, look_what_is_wrong(node));
}

/* ---- changes ---- */

static uint32_t peers_wanted(const struct node *node)
{
	uint32_t wanted = 0;

	for (unsigned i = 0; i < NODE_PEERS_MAX; i++)
		wanted |= (uint32_t)node->config.peer[i].is_wanted << i;
	return wanted;
}

void node_begin(struct node *node)
{
	struct control *control = node->control;

	node->spoken_to = peers_wanted(node);
	control->changes.running = node_config_read(&node->config);
	control_make_changes(control);
	if (changes_begin(&control->changes) || links_open(&control->links, sim_now_ns()))
		abort();
	for (size_t i = 0; i < control->peers.count; i++)
		peer_service(control->peers.at[i], sim_now_ns());
}

void node_apply(struct node *node)
{
	unsigned first_left = node->left_count;
	char why[CHANGES_WHY_LEN];
	struct sim_host *before;

	if (!node->control)
		return;
	before = node_enter(node);
	for (unsigned i = 0; i < node->config.peer_count; i++) {
		if (node_peer(node, i) && !node->config.peer[i].is_wanted)
			hold(node, node_peer(node, i));
	}
	node->spoken_to |= peers_wanted(node);
	if (changes_apply(&node->control->changes, node_config_read(&node->config), why))
		node_blame(node, "refuses its configuration");
	node_leave(node, before);
	node->spoken_to = peers_wanted(node);
	check(node, false, first_left);
}

void node_end(struct node *node)
{
	unsigned first_left = node->left_count;
	const struct peers *peers = &node->control->peers;

	for (size_t i = 0; i < peers->count; i++)
		hold(node, peers->at[i]);
	changes_end(&node->control->changes);
	check(node, true, first_left);
}
