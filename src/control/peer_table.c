/* SPDX-License-Identifier: MIT */
#include "control/peer_table.h"

#include <stdlib.h>

#include "dataplane/statistics.h"

struct path_limit peer_path_limit(const struct peer *peer, const struct path *path, unsigned end)
{
	const struct uplink *uplink = uplink_of(peer->uplinks, path->route.link);
	const struct link_state_path *said = link_state_in_of(&peer->link_state_in, path);

	if (end == LIMIT_OURS)
		return (struct path_limit){(uint8_t)uplink->id, uplink->limits.up_kbps};
	return said ? (struct path_limit){said->link, said->receive_kbps} : (struct path_limit){0};
}

struct link_wishes peer_path_wishes(const struct peer *peer, const struct path *path)
{
	const struct link_state_path *said = link_state_in_of(&peer->link_state_in, path);
	struct link_wishes ours = uplink_of(peer->uplinks, path->route.link)->wishes, theirs;

	if (!said)
		return ours;
	theirs = (struct link_wishes){.role = (enum link_role)said->role, .weight = said->weight};
	return link_wishes_of_both(&ours, &theirs);
}

/* What the choice of paths goes by. */
struct path_choice peer_path_choice(const struct peer *peer)
{
	struct path_choice choice = {.is_bonded = peer->verdict.is == VERDICT_BONDED,
	                             .is_redundant = peer->set.mode == BONDING_REDUNDANT,
	                             .followed = peer->paths.followed};

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->paths.slot[i];
		struct link_wishes wishes;

		if (!path_is_used(path))
			continue;
		wishes = peer_path_wishes(peer, path);
		choice.path[i] = (struct path_facts){
			.has_target = path_has_target(path),
			.has_link = peer->fx->can_send(peer->fx, path->route.link),
			.rest_until_ns = path->rest_until_ns,
			.heard_ns = counter_read(&peer->dp->path[i].heard_ns),
			.weight = wishes.weight,
			.rank = (uint8_t)wishes.role,
			.packet_max = (uint16_t)pmtu_limit(&path->mtu),
			.limit = {peer_path_limit(peer, path, LIMIT_OURS),
		                  peer_path_limit(peer, path, LIMIT_THEIRS)},
			.health = &path->health,
			.is_leaving = link_state_in_is_leaving(&peer->link_state_in, path)};
	}
	return choice;
}

/* The paths in @table that data goes to. */
static uint16_t first_of(const struct path_table *table)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < table->len; i++)
		mask |= (uint16_t)(1u << table->slot[i].path_id);
	return mask;
}

/* False without memory: the old one stays, and the next change tries again. */
static bool publish(struct peer *peer, const struct path_table *next, uint64_t now_ns)
{
	struct path_table *table = malloc(sizeof *table);
	uint16_t mask = first_of(next);

	if (!table)
		return false;
	*table = *next;
	peer->fx->publish_paths(peer->fx, peer->dp, table);
	if (!mask && peer->paths.published_mask)
		peer_hears(peer, NEWS_NO_PATH, &(struct news){.now_ns = now_ns});
	paths_set_table(&peer->paths, mask);
	return true;
}

void peer_publish_paths(struct peer *peer, uint64_t now_ns)
{
	const struct path_choice choice = peer_path_choice(peer);
	const struct path_table *before = rcu_dereference(peer->dp->path_table);
	struct path_candidate candidates[PATHS_MAX];
	unsigned len = path_choose(&choice, candidates, now_ns);
	struct path_table next;
	bool is_lost;

	path_table_fill(&next, peer->set.mode, candidates, len);
	is_lost = before && path_table_mask(before) & ~path_table_mask(&next);
	if (!(before && path_table_is_same(before, &next)) && !publish(peer, &next, now_ns))
		return;
	/* What waits can go; and what a path that is lost has not delivered is sent again. */
	if (next.len && session_is_alive(&peer->session, now_ns) &&
	    (is_lost || engine_staged(peer->dp)))
		peer->fx->kick(peer->fx, peer->dp);
}

void peer_share_anew(struct peer *peer, uint64_t now_ns)
{
	peer->fx->wake_at(peer->fx, &peer->deadline, now_ns); /* to tell the peer */
	if (peer->paths.has_table)
		peer_publish_paths(peer, now_ns);
}

STEP(publish_paths)
{
	peer_publish_paths(peer, n->now_ns);
}
