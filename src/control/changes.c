/* SPDX-License-Identifier: MIT */
#include "control/changes.h"

#include <errno.h>
#include <stdlib.h>

#include "control/link_scope.h"
#include "control/links.h"
#include "control/loop.h"
#include "control/peer_endpoints.h"
#include "control/peer_paths.h"
#include "control/peer_verdict.h"
#include "control/peers.h"
#include "control/reconcile.h"
#include "dataplane/engine.h"
#include "dataplane/publish.h"

/* Who does it. */
struct changer {
	struct reconciler by;
	struct changes *changes;
};

#define STEP_OF(name)                                                          \
	static int name(struct reconciler *by, const struct change_list *list, \
	                const struct change *change)

static struct changes *changes_of(struct reconciler *by)
{
	return caa_container_of(by, struct changer, by)->changes;
}

/* ---- links ---- */

STEP_OF(add_link)
{
	struct changes *changes = changes_of(by);

	if (links_find(changes->links, change->new_link->name) < 0)
		links_add(changes->links, list->to, change->new_link);
	return 0;
}

STEP_OF(remove_link)
{
	links_remove(changes_of(by)->links, change->old_link->name);
	if (list->to)
		log_info("link=%s: removed", change->old_link->name);
	return 0;
}

/* The tables of paths have it too. */
STEP_OF(weigh_link)
{
	struct changes *changes = changes_of(by);
	struct uplink *uplink = uplinks_find(changes->links->uplinks, change->new_link->name);

	(void)list;
	if (!uplink)
		return 0;
	uplink->weight = change->new_link->weight;
	for (size_t i = 0; i < changes->peers->count; i++)
		peer_share_anew(changes->peers->at[i], changes->loop->now_ns);
	return 0;
}

/* ---- peers ---- */

STEP_OF(add_peer)
{
	struct changes *changes = changes_of(by);
	struct peer *peer;
	int r;

	if (peers_find(changes->peers, change->new_peer->public_key))
		return 0;
	changes->shared.now_ns = changes->loop->now_ns;
	r = peer_create(&changes->shared, list->to, change->new_peer, &peer);
	if (r)
		return r;
	for (size_t i = 0; i < change->new_peer->endpoint_count; i++) {
		const char *link = desired_endpoint_link(list->to, &change->new_peer->endpoints[i]);

		peer->endpoints.known[i].link = links_find(changes->links, link);
	}
	peers_add(changes->peers, peer);
	return 0;
}

STEP_OF(remove_peer)
{
	struct changes *changes = changes_of(by);
	struct peer *peer = peers_find(changes->peers, change->old_peer->public_key);

	if (!peer)
		return 0;
	if (list->to)
		log_info("peer=%s: removed", peer->name);
	peers_remove(changes->peers, peer);
	peer_say_goodbye(peer);
	peer_leave(peer);
	peer->next_leaving = changes->leaving;
	changes->leaving = peer;
	return 0;
}

static const struct reconciler steps = {.step = {[CHANGE_LINK_ADD] = add_link,
                                                 [CHANGE_LINK_REMOVE] = remove_link,
                                                 [CHANGE_LINK_WEIGHT] = weigh_link,
                                                 [CHANGE_PEER_ADD] = add_peer,
                                                 [CHANGE_PEER_REMOVE] = remove_peer}};

/* ---- what all have in common ---- */

static int publish_allowedips(struct changes *changes, const struct desired *wanted)
{
	struct allowedips_entry *entries;
	struct allowedips *table;
	size_t len = 0, n = 0;

	for (size_t i = 0; i < changes->peers->count; i++)
		len += changes->peers->at[i]->set.allowed_ips.count;
	entries = calloc(len + LINK_SCOPE_ENTRIES_MAX, sizeof *entries);
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < changes->peers->count; i++) {
		const struct peer *peer = changes->peers->at[i];

		for (size_t k = 0; k < peer->set.allowed_ips.count; k++)
			entries[n++] = (struct allowedips_entry){
				.prefix = peer->set.allowed_ips.at[k], .peer = peer->dp};
	}
	n += link_scope_exclude(wanted, entries + n);
	table = allowedips_build(entries, n);
	free(entries);
	if (!table)
		return -ENOMEM;
	engine_publish_allowedips(changes->engine, table);
	return 0;
}

/* Nobody finds them by the allowed IPs any more. */
static void let_go(struct changes *changes)
{
	while (changes->leaving) {
		struct peer *peer = changes->leaving;

		changes->leaving = peer->next_leaving;
		peer_destroy(peer);
	}
}

/* A list is done that led to @now. */
static int finish(struct changes *changes, const struct desired *now)
{
	/* Every peer and pair of sockets, and the single ones: rates, the gate, facts, ... */
	int r = deadline_reserve(&changes->loop->deadlines,
	                         changes->peers->count + LINK_PAIRS_MAX + LINKS_MAX + 64);

	if (!r)
		r = publish_allowedips(changes, now);
	if (!r)
		let_go(changes);
	changes->peers_changed(changes->arg);
	return r;
}

static int lead_to(struct changes *changes, const struct desired *from, const struct desired *to)
{
	struct changer changer = {.by = steps, .changes = changes};
	int r = peers_reserve(changes->peers, (from ? from->peer_count : 0) + to->peer_count);

	if (!r)
		r = reconcile(&changer.by, from, to);
	return r ? r : finish(changes, to);
}

/* ---- for control ---- */

int changes_begin(struct changes *changes)
{
	return lead_to(changes, NULL, changes->running);
}

/* A link that cannot be opened waits and is tried again, as one whose device is away. */
static void work(struct changes *changes)
{
	uint64_t now_ns = changes->loop->now_ns;

	links_open(changes->links, now_ns);
	for (size_t i = 0; i < changes->peers->count; i++) {
		peer_links_came(changes->peers->at[i], now_ns);
		peer_service(changes->peers->at[i], now_ns);
	}
}

int changes_apply(struct changes *changes, struct desired *wanted)
{
	int r = lead_to(changes, changes->running, wanted);

	if (r && r != -ENOTSUP)
		lead_to(changes, wanted, changes->running);
	if (!r) {
		struct desired *before = changes->running;

		changes->running = wanted;
		wanted = before;
	}
	desired_free(wanted);
	work(changes);
	return r;
}

void changes_end(struct changes *changes)
{
	struct changer changer = {.by = steps, .changes = changes};

	if (!changes->running || !changes->engine)
		return;
	reconcile_to_nothing(&changer.by, changes->running);
	engine_publish_allowedips(changes->engine, NULL);
	let_go(changes);
}
