/* SPDX-License-Identifier: MIT */
#include "control/changes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/diff_text.h"
#include "control/changer.h"
#include "control/changes_links.h"
#include "control/changes_peers.h"
#include "control/classes.h"
#include "control/link_scope.h"
#include "control/links.h"
#include "control/loop.h"
#include "control/peer_endpoints.h"
#include "control/peers.h"
#include "control/surroundings.h"
#include "dataplane/engine.h"
#include "dataplane/publish.h"
#include "sched/traffic_rules.h"

/* ---- what all have in common ---- */

/* The data plane's half of the peer that @wanted describes, which runs or is the next of those that
 * come: these are in its order.
 */
static struct dp_peer *half_of(const struct changes *changes, const struct desired_peer *wanted,
                               struct peer **next)
{
	struct peer *peer = peers_find(changes->peers, wanted->public_key);

	if (peer)
		return peer->dp;
	peer = *next;
	*next = peer->next_changing;
	return peer->dp;
}

static size_t list_allowed_ips(const struct changes *changes, const struct desired *wanted,
                               struct allowedips_entry *entries)
{
	struct peer *next = changes->arriving;
	size_t n = 0;

	for (size_t i = 0; i < wanted->peer_count; i++) {
		const struct desired_peer *peer = &wanted->peers[i];
		struct dp_peer *dp = half_of(changes, peer, &next);

		for (size_t k = 0; k < peer->allowed_ip_count; k++)
			entries[n++] = (struct allowedips_entry){.prefix = peer->allowed_ips[k],
			                                         .peer = dp};
	}
	return n + link_scope_exclude(wanted, entries + n);
}

static int ready_allowed_ips(struct changes *changes, const struct desired *wanted)
{
	struct allowedips_entry *entries;
	size_t len = 0;

	for (size_t i = 0; i < wanted->peer_count; i++)
		len += wanted->peers[i].allowed_ip_count;
	entries = calloc(len + LINK_SCOPE_ENTRIES_MAX, sizeof *entries);
	if (!entries)
		return -ENOMEM;
	len = list_allowed_ips(changes, wanted, entries);
	changes->allowedips = allowedips_build(entries, len);
	free(entries);
	return changes->allowedips ? 0 : -ENOMEM;
}

static int ready_all(struct reconciler *by, const struct change_list *list)
{
	struct changes *changes = changes_of(by);
	size_t count = list->to->peer_count;
	/* Every peer and pair of sockets, and the single ones: rates, the gate, facts, ... */
	int r = deadline_reserve(&changes->loop->deadlines,
	                         count + LINK_PAIRS_MAX + LINKS_MAX + 64);

	if (!r)
		r = surroundings_ready(changes->around, list->to);
	if (!r)
		r = ready_allowed_ips(changes, list->to);
	if (!r)
		r = classes_ready(list->to, &changes->rules);
	/* The last that can fail: questions under way look at this list, see finish(). */
	if (!r)
		r = peers_reserve(changes->peers, count);
	if (r) {
		surroundings_drop(changes->around);
		allowedips_destroy(changes->allowedips);
		changes->allowedips = NULL;
		traffic_rules_retire(changes->rules);
		changes->rules = NULL;
	}
	return r;
}

/* Nobody finds them by the allowed IPs any more. */
static void let_go(struct changes *changes)
{
	while (changes->leaving) {
		struct peer *peer = changes->leaving;

		changes->leaving = peer->next_changing;
		peer_destroy(peer);
	}
}

/* A list is done. */
static void finish(struct changes *changes, const struct desired *running)
{
	engine_publish_allowedips(changes->engine, changes->allowedips);
	changes->allowedips = NULL;
	classes_resolve(running, changes->links, changes->rules);
	engine_publish_rules(changes->engine, changes->rules);
	changes->rules = NULL;
	let_go(changes);
	changes->peers_changed(changes->arg);
}

/* ---- the list ---- */

/* One more line. */
static RECONCILE_STEP(refuse)
{
	char *why = caa_container_of(by, struct changer, by)->why;
	size_t len = why ? strlen(why) : 0;
	FILE *out = why && len + 2 < CHANGES_WHY_LEN
	                    ? fmemopen(why + len, CHANGES_WHY_LEN - len, "w")
	                    : NULL;

	if (!out)
		return;
	if (len)
		fputc('\n', out);
	change_write(list, change, out);
	fclose(out);
	why[CHANGES_WHY_LEN - 1] = '\0';
}

static const struct reconciler operations = {
	.step = {[CHANGE_PEER_REMOVE] = change_remove_peer,
                 [CHANGE_ENDPOINT_REMOVE] = change_remove_endpoint,
                 [CHANGE_ALLOWED_IP_REMOVE] = change_take_allowed_ips,
                 [CHANGE_LINK_REMOVE] = change_remove_link,
                 [CHANGE_LINK_ADD] = change_add_link,
                 [CHANGE_LINK_BIND] = change_link_line,
                 [CHANGE_LINK_DEVICE] = change_link_line,
                 [CHANGE_LINK_FWMARK] = change_link_line,
                 [CHANGE_LINK_WEIGHT] = change_link_wishes,
                 [CHANGE_LINK_ROLE] = change_link_wishes,
                 [CHANGE_LINK_RATE_LIMIT] = change_link_wishes,
                 [CHANGE_PEER_ADD] = change_add_peer,
                 [CHANGE_PEER_NAME] = change_peer_name,
                 [CHANGE_PEER_PRESHARED_KEY] = change_peer_preshared_key,
                 [CHANGE_PEER_MODE] = change_peer_mode,
                 [CHANGE_PEER_KEEPALIVE] = change_peer_keepalive,
                 [CHANGE_ALLOWED_IP_ADD] = change_take_allowed_ips,
                 [CHANGE_ENDPOINT_ADD] = change_add_endpoint},
	.ready = {[CHANGE_ALLOWED_IP_REMOVE] = change_ready_allowed_ips,
                  [CHANGE_PEER_ADD] = change_ready_peer,
                  [CHANGE_ALLOWED_IP_ADD] = change_ready_allowed_ips,
                  [CHANGE_ENDPOINT_ADD] = change_ready_endpoint},
	.drop = {[CHANGE_ALLOWED_IP_REMOVE] = change_drop_allowed_ips,
                 [CHANGE_PEER_ADD] = change_drop_peer,
                 [CHANGE_ALLOWED_IP_ADD] = change_drop_allowed_ips},
	.ready_all = ready_all,
	.refuse = refuse};

/* @why: NULL, or empty. */
static int lead_to(struct changes *changes, const struct desired *from, const struct desired *to,
                   char *why)
{
	struct changer changer = {.by = operations, .changes = changes, .why = why};
	int r = reconcile(&changer.by, from, to);

	if (!r)
		finish(changes, to);
	return r;
}

/* ---- for control ---- */

int changes_begin(struct changes *changes)
{
	return lead_to(changes, NULL, changes->running, NULL);
}

/* Each that cannot be opened ends the round and waits; it is not new in the next. */
static void open_links(struct changes *changes, uint64_t now_ns)
{
	while (links_open(changes->links, now_ns))
		continue;
}

static void work(struct changes *changes)
{
	uint64_t now_ns = changes->loop->now_ns;

	open_links(changes, now_ns);
	for (size_t i = 0; i < changes->peers->count; i++) {
		struct peer *peer = changes->peers->at[i];

		peer_links_came(peer, now_ns);
		peer_service(peer, now_ns); /* asks for endpoints that are new */
		if (peer_settle_endpoints(peer, now_ns))
			peer_service(peer, now_ns);
	}
}

int changes_apply(struct changes *changes, struct desired *wanted, char why[static CHANGES_WHY_LEN])
{
	int r;

	*why = '\0';
	r = lead_to(changes, changes->running, wanted, why);
	if (r) {
		if (!*why)
			snprintf(why, CHANGES_WHY_LEN, "%s", strerror(-r));
		desired_free(wanted);
		return r;
	}
	desired_free(changes->running);
	changes->running = wanted;
	work(changes);
	surroundings_follow(changes->around);
	return 0;
}

void changes_end(struct changes *changes)
{
	struct changer changer = {.by = operations, .changes = changes};

	if (!changes->running || !changes->engine)
		return;
	reconcile_to_nothing(&changer.by, changes->running);
	engine_publish_allowedips(changes->engine, NULL);
	engine_publish_rules(changes->engine, NULL);
	let_go(changes);
}
