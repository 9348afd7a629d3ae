/* SPDX-License-Identifier: MIT */
#include "control/changes.h"

#include <errno.h>
#include <stdlib.h>

#include "control/conductor.h"
#include "control/control.h"
#include "control/link_scope.h"
#include "control/peer_endpoints.h"
#include "control/peer_paths.h"
#include "control/peer_verdict.h"
#include "control/reconcile.h"
#include "dataplane/publish.h"

/* Who does it. */
struct changer {
	struct reconciler by;
	struct control *control;
};

#define STEP_OF(name)                                                          \
	static int name(struct reconciler *by, const struct change_list *list, \
	                const struct change *change)

static struct control *control_of(struct reconciler *by)
{
	return caa_container_of(by, struct changer, by)->control;
}

/* ---- links ---- */

STEP_OF(add_link)
{
	struct control *control = control_of(by);

	if (links_find(&control->links, change->new_link->name) < 0)
		links_add(&control->links, list->to, change->new_link);
	return 0;
}

STEP_OF(remove_link)
{
	links_remove(&control_of(by)->links, change->old_link->name);
	if (list->to)
		log_info("link=%s: removed", change->old_link->name);
	return 0;
}

/* The tables of paths have it too. */
STEP_OF(weigh_link)
{
	struct control *control = control_of(by);
	struct uplink *uplink = uplinks_find(&control->uplinks, change->new_link->name);

	(void)list;
	if (!uplink)
		return 0;
	uplink->weight = change->new_link->weight;
	for (size_t i = 0; i < control->peers.count; i++)
		peer_share_anew(control->peers.at[i], control->loop.now_ns);
	return 0;
}

/* ---- peers ---- */

/* The lists that are gone through turn by turn are others now: they begin anew. */
static void restart_walks(struct control *control)
{
	uint64_t now_ns = control->loop.now_ns;

	if (walk_is_under_way(&control->sampling))
		walk_begin(&control->sampling, control->peers.count, now_ns);
	if (walk_is_under_way(&control->gathering.walk)) {
		const struct gather_from from = control_gather_from(control);

		gather_restart(&control->gathering, &from, now_ns);
	}
}

STEP_OF(add_peer)
{
	struct control *control = control_of(by);
	struct peer *peer;
	int r;

	if (peers_find(&control->peers, change->new_peer->public_key))
		return 0;
	control->shared.now_ns = control->loop.now_ns;
	r = peer_create(&control->shared, list->to, change->new_peer, &peer);
	if (r)
		return r;
	for (size_t i = 0; i < change->new_peer->endpoint_count; i++) {
		const char *link = desired_endpoint_link(list->to, &change->new_peer->endpoints[i]);

		peer->endpoints.known[i].link = links_find(&control->links, link);
	}
	peers_add(&control->peers, peer);
	return 0;
}

STEP_OF(remove_peer)
{
	struct control *control = control_of(by);
	struct peer *peer = peers_find(&control->peers, change->old_peer->public_key);

	if (!peer)
		return 0;
	if (list->to)
		log_info("peer=%s: removed", peer->name);
	peers_remove(&control->peers, peer);
	peer_say_goodbye(peer);
	peer_leave(peer);
	peer->next_leaving = control->leaving;
	control->leaving = peer;
	return 0;
}

static const struct reconciler steps = {.step = {[CHANGE_LINK_ADD] = add_link,
                                                 [CHANGE_LINK_REMOVE] = remove_link,
                                                 [CHANGE_LINK_WEIGHT] = weigh_link,
                                                 [CHANGE_PEER_ADD] = add_peer,
                                                 [CHANGE_PEER_REMOVE] = remove_peer}};

/* ---- what all have in common ---- */

static int publish_allowedips(struct control *control, const struct desired *wanted)
{
	struct allowedips_entry *entries;
	struct allowedips *table;
	size_t len = 0, n = 0;

	for (size_t i = 0; i < control->peers.count; i++)
		len += control->peers.at[i]->config->allowed_ip_count;
	entries = calloc(len + LINK_SCOPE_ENTRIES_MAX, sizeof *entries);
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < control->peers.count; i++) {
		const struct peer *peer = control->peers.at[i];

		for (size_t k = 0; k < peer->config->allowed_ip_count; k++)
			entries[n++] = (struct allowedips_entry){
				.prefix = peer->config->allowed_ips[k], .peer = peer->dp};
	}
	n += link_scope_exclude(wanted, entries + n);
	table = allowedips_build(entries, n);
	free(entries);
	if (!table)
		return -ENOMEM;
	engine_publish_allowedips(control->engine, table);
	return 0;
}

/* Nobody finds them by the allowed IPs any more. */
static void let_go(struct control *control)
{
	while (control->leaving) {
		struct peer *peer = control->leaving;

		control->leaving = peer->next_leaving;
		peer_destroy(peer);
	}
}

/* A list is done that led to @now. */
static int finish(struct control *control, const struct desired *now)
{
	/* Every peer and pair of sockets, and the single ones: rates, the gate, facts, ... */
	int r = deadline_reserve(&control->loop.deadlines,
	                         control->peers.count + LINK_PAIRS_MAX + LINKS_MAX + 64);

	if (!r)
		r = publish_allowedips(control, now);
	if (!r)
		let_go(control);
	restart_walks(control);
	return r;
}

static int lead_to(struct control *control, const struct desired *from, const struct desired *to)
{
	struct changer changer = {.by = steps, .control = control};
	int r = peers_reserve(&control->peers, (from ? from->peer_count : 0) + to->peer_count);

	if (!r)
		r = reconcile(&changer.by, from, to);
	return r ? r : finish(control, to);
}

/* ---- for control ---- */

int changes_begin(struct control *control)
{
	control->shared = (struct peer_shared){.fx = control->fx,
	                                       .uplinks = &control->uplinks,
	                                       .engine = control->engine,
	                                       .identity = control->identity,
	                                       .boot_id = control->boot_id};
	return lead_to(control, NULL, control->running);
}

/* A link that cannot be opened waits and is tried again, as one whose device is away. */
static void work(struct control *control)
{
	uint64_t now_ns = control->loop.now_ns;

	links_open(&control->links, now_ns);
	for (size_t i = 0; i < control->peers.count; i++) {
		peer_links_came(control->peers.at[i], now_ns);
		peer_service(control->peers.at[i], now_ns);
	}
}

int changes_apply(struct control *control, struct desired *wanted)
{
	int r = lead_to(control, control->running, wanted);

	if (r && r != -ENOTSUP)
		lead_to(control, wanted, control->running);
	if (!r) {
		struct desired *before = control->running;

		control->running = wanted;
		wanted = before;
	}
	desired_free(wanted);
	work(control);
	return r;
}

void changes_end(struct control *control)
{
	struct changer changer = {.by = steps, .control = control};

	if (!control->running || !control->links.engine)
		return;
	walk_stop(&control->sampling);
	gather_stop(&control->gathering);
	reconcile_to_nothing(&changer.by, control->running);
	engine_publish_allowedips(control->engine, NULL);
	let_go(control);
}
