/* SPDX-License-Identifier: MIT */
#include "control/explain.h"

#include <stdio.h>

#include "control/explain_bulk.h"
#include "sched/link_wishes.h"

/* ---- where control keeps it from data ---- */

static const char *followed_name(const struct explained *all)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (all->path[i].is_in_table)
			return all->path[i].link;
	}
	return "one that is yet to be found";
}

static void tell_not_followed(const struct explained *all, char buf[static EXPLAIN_LEN])
{
	if (all->is_plain)
		snprintf(buf, EXPLAIN_LEN,
		         "unused: the peer is plain WireGuard, which can use one path only, "
		         "now %s",
		         followed_name(all));
	else
		snprintf(buf, EXPLAIN_LEN,
		         "unused: it is not known yet whether the peer is a vtrunkd, which can "
		         "use more than one path");
}

static double seconds(uint64_t ns)
{
	return (double)ns / NS_PER_S;
}

static void tell_standing(const struct explained *all, const struct explained_path *path,
                          char buf[static EXPLAIN_LEN])
{
	switch (path->standing.is) {
	case STANDING_NO_LINK:
		snprintf(buf, EXPLAIN_LEN, "unusable: its link is %s, %s", path->link_state,
		         path->link_reason);
		return;
	case STANDING_RESTS:
		snprintf(buf, EXPLAIN_LEN, "resting for %.1f s more: the system refused to send",
		         seconds(path->standing.left_ns));
		return;
	case STANDING_NOT_FOLLOWED:
		tell_not_followed(all, buf);
		return;
	case STANDING_UNPROVEN:
		snprintf(buf, EXPLAIN_LEN, "unproven for %.1f s: %s", path->state_s,
		         path->state_reason);
		return;
	case STANDING_HELD_DOWN:
		snprintf(buf, EXPLAIN_LEN, "held down for %.1f s more after it came back",
		         seconds(path->standing.left_ns));
		return;
	case STANDING_PROVES:
		snprintf(buf, EXPLAIN_LEN, "coming back: needs three answers in a row");
		return;
	case STANDING_LEAVING:
		snprintf(buf, EXPLAIN_LEN,
		         "unusable: the other end says that its link carries nothing");
		return;
	case STANDING_DOWN:
		snprintf(buf, EXPLAIN_LEN, "down for %.1f s: %s", path->state_s,
		         path->state_reason);
		return;
	case STANDING_ALIVE:
		snprintf(buf, EXPLAIN_LEN, "about to be used: %s", path->state_reason);
		return;
	}
}

/* ---- ranks ---- */

/* Whether it takes data also while those before it live: to a peer that reports. */
static bool may_help(const struct explained *all, const struct explained_path *path)
{
	return path->role == LINK_ROLE_OVERFLOW && all->mode == BONDING_AGGREGATE &&
	       all->is_reporting;
}

/* Those that go before it, as far as there is room for their names. */
static void tell_waiting(const struct explained *all, const struct explained_path *path,
                         char buf[static EXPLAIN_LEN])
{
	bool is_overflow = may_help(all, path);
	const char *role = is_overflow ? "overflow" : "backup";
	const char *state = is_overflow ? "full or down" : "down";
	const char *first = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct explained_path *other = &all->path[i];

		if (!other->is_in_table || other->rank >= path->rank)
			continue;
		first = other->link;
		count++;
	}
	if (count == 1)
		snprintf(buf, EXPLAIN_LEN, "%s: waits until %s is %s", role, first, state);
	else
		snprintf(buf, EXPLAIN_LEN, "%s: waits until all %u before it are %s", role, count,
		         state);
}

/* Though others go before it. */
static void tell_ranked(const struct explained *all, const struct explained_path *path,
                        const char *carried, char buf[static EXPLAIN_LEN])
{
	bool helps = may_help(all, path) && path->permille < 1000;

	snprintf(buf, EXPLAIN_LEN, "%s: %s", carried,
	         helps ? "takes what those before it have no room for"
	                  : "stands in, as those before it do not deliver");
}

/* ---- what was sent ---- */

/* How many of its rank may carry data, it too. */
static unsigned rank_size(const struct explained *all, const struct explained_path *path)
{
	unsigned size = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		size += all->path[i].is_in_table && all->path[i].rank == path->rank;
	return size;
}

/* Of those of its rank, the first of equals. */
static const struct explained_path *heaviest(const struct explained *all,
                                             const struct explained_path *path)
{
	const struct explained_path *most = path;

	for (unsigned i = PATHS_MAX; i-- > 0;) {
		const struct explained_path *other = &all->path[i];

		if (other->is_in_table && other->rank == path->rank &&
		    (other->weight > most->weight ||
		     (other->weight == most->weight && other < most)))
			most = other;
	}
	return most;
}

static void tell_by_table(const struct explained *all, const struct explained_path *path,
                          const char *carried, char buf[static EXPLAIN_LEN])
{
	if (all->is_plain)
		snprintf(buf, EXPLAIN_LEN,
		         "%s: the peer is plain WireGuard, which can use one path only", carried);
	else if (all->usable == 1)
		snprintf(buf, EXPLAIN_LEN, "%s: no other path can carry data", carried);
	else if (all->mode == BONDING_FAILOVER)
		snprintf(buf, EXPLAIN_LEN, "%s: the heaviest path that works", carried);
	else if (rank_size(all, path) == 1)
		snprintf(buf, EXPLAIN_LEN, "%s: the only %s path that works", carried,
		         link_role_name(path->role));
	else if (all->mode == BONDING_REDUNDANT)
		snprintf(buf, EXPLAIN_LEN, "%s: each path carries everything", carried);
	else if (all->mode == BONDING_LOWLAT && heaviest(all, path) != path)
		snprintf(buf, EXPLAIN_LEN,
		         "unused: everything goes over %s, the heaviest path that works",
		         heaviest(all, path)->link);
	else if (all->mode == BONDING_LOWLAT)
		snprintf(buf, EXPLAIN_LEN, "%s: the heaviest path that works", carried);
	else
		snprintf(buf, EXPLAIN_LEN,
		         "%s: by its weight of %u, as nothing is known of what arrives", carried,
		         path->weight);
}

static bool is_empty(const struct explained_path *path)
{
	return path->in ? !account_bytes(path->in) : !path->permille;
}

static const char *carried_text(const struct explained_path *path, char room[static 32])
{
	if (is_empty(path))
		snprintf(room, 32, "carried nothing");
	else if (path->permille == 1000)
		snprintf(room, 32, "carried everything");
	else if (!path->permille)
		snprintf(room, 32, "carried less than 0.1 %%");
	else if (path->permille % 10)
		snprintf(room, 32, "carried %.1f %%", path->permille / 10.0);
	else
		snprintf(room, 32, "carried %u %%", path->permille / 10u);
	return room;
}

/* Whether the sender chose by what it believes. */
static bool is_learned(const struct explained *all)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct account_counts *in = all->path[i].in;

		if (in && account_bytes(in) > in->bytes[ACCOUNT_BY_TABLE])
			return true;
	}
	return false;
}

const char *explain_text(const struct explained *all, unsigned path_id,
                         char buf[static EXPLAIN_LEN])
{
	const struct explained_path *path = &all->path[path_id];
	char room[32];

	if (!path->is_in_table)
		tell_standing(all, path, buf);
	else if (path->rank && (!all->is_reporting || is_empty(path)))
		tell_waiting(all, path, buf); /* what it carried were frames */
	else if (!all->has_sent && !all->is_plain)
		snprintf(buf, EXPLAIN_LEN, "idle: nothing was sent to the peer");
	else if (path->rank)
		tell_ranked(all, path, carried_text(path, room), buf);
	else if (!is_learned(all))
		tell_by_table(all, path, carried_text(path, room), buf);
	else
		explain_bulk(all, path_id, carried_text(path, room), buf);
	return buf;
}
