/* SPDX-License-Identifier: MIT */
#include "control/explain_bulk.h"

#include <stdio.h>

#include "sched/link_wishes.h"
#include "sched/pull.h"

#define MOMENT_NS (50 * NS_PER_MS) /* of the last second: hardly worth a number */
#define WAY_LEN   96u
#define TIME_LEN  48u

#define QUICKEST_LEN 32u

/* "for 0.3 s of the last one" */
static const char *time_text(const struct explained *all, uint64_t ns, char room[static TIME_LEN])
{
	if (ns < MOMENT_NS || !all->second_ns)
		snprintf(room, TIME_LEN, "for a moment");
	else
		snprintf(room, TIME_LEN, "for %.1f s of the last one",
		         (double)ns / (double)all->second_ns);
	return room;
}

static const struct explained_path *base_of(const struct explained *all,
                                            const struct explained_path *path)
{
	return path->in->base ? &all->path[path->in->base - 1] : NULL;
}

/* The name of the path that others are compared with. */
static const char *base_name(const struct explained *all, const struct explained_path *path)
{
	const struct explained_path *base = base_of(all, path);

	return base && base->link ? base->link : "the quickest";
}

/* "its way is 50 ms longer than dsl's" */
static const char *way_text(const struct explained *all, const struct explained_path *path,
                            char room[static WAY_LEN])
{
	const struct explained_path *base = base_of(all, path);
	double later_ms = base ? (double)(path->way_ns - base->way_ns) / NS_PER_MS : 0;

	if (base && base->is_known && path->is_known && later_ms >= 1)
		snprintf(room, WAY_LEN, "its way is %.0f ms longer than %s's", later_ms,
		         base_name(all, path));
	else
		snprintf(room, WAY_LEN, "%s goes before it", base_name(all, path));
	return room;
}

/* "the quickest"; of those of its role, if there are others, which may be quicker. */
static const char *quickest_text(const struct explained *all, const struct explained_path *path,
                                 char room[static QUICKEST_LEN])
{
	snprintf(room, QUICKEST_LEN, "the quickest");
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct explained_path *other = &all->path[i];

		if (other->is_in_table && other->role != path->role)
			snprintf(room, QUICKEST_LEN, "the quickest %s path",
			         link_role_name(path->role));
	}
	return room;
}

/* That keep to a path, all of the peer's. */
static unsigned flows_of(const struct explained *all)
{
	unsigned flows = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++)
		flows += all->path[i].in ? all->path[i].in->flows : 0;
	return flows;
}

/* ---- of a path that took bulk ---- */

static void tell_joined(const struct explained *all, const struct explained_path *path,
                        const char *carried, char buf[static EXPLAIN_LEN])
{
	const struct account_counts *in = path->in;
	uint64_t joined_ns = account_waited_ns(in) - in->waited_ns[FOUND_EARLY] -
	                     in->waited_ns[FOUND_ENDING] - in->waited_ns[FOUND_OTHERS];
	char way[WAY_LEN], time[TIME_LEN];

	snprintf(buf, EXPLAIN_LEN,
	         "%s: %s, so it joins only while %s has more than %.0f ms of work waiting; it "
	         "did %s",
	         carried, way_text(all, path, way), base_name(all, path),
	         (double)in->need_ns / NS_PER_MS, time_text(all, joined_ns, time));
}

/* "was full for 0.3 s of the last one", at its limit if that was the longer. */
static const char *full_text(const struct explained *all, const struct explained_path *path,
                             char room[static WAY_LEN])
{
	uint64_t full_ns = path->in->waited_ns[FOUND_FULL];
	uint64_t limited_ns = path->in->waited_ns[FOUND_LIMITED];
	char time[TIME_LEN];

	if (full_ns < MOMENT_NS && limited_ns < MOMENT_NS)
		snprintf(room, WAY_LEN, "had room for more");
	else if (limited_ns > full_ns)
		snprintf(room, WAY_LEN, "was at its limit of %.1f Mbit/s %s",
		         (double)path->limit_bytes_per_s * 8 / 1e6,
		         time_text(all, limited_ns, time));
	else
		snprintf(room, WAY_LEN, "was full %s", time_text(all, full_ns, time));
	return room;
}

static void tell_first(const struct explained *all, const struct explained_path *path,
                       const char *carried, char buf[static EXPLAIN_LEN])
{
	const struct explained_path *base = base_of(all, path);
	char place[WAY_LEN], full[WAY_LEN], quickest[QUICKEST_LEN];

	if (base && base != path && base->link)
		snprintf(place, sizeof place, "it is as quick as %s", base->link);
	else
		snprintf(place, sizeof place, "it is %s", quickest_text(all, path, quickest));
	snprintf(buf, EXPLAIN_LEN, "%s: %s, and %s", carried, place, full_text(all, path, full));
}

/* "3 of 8 flows are its own" */
static void tell_own(const struct explained *all, const struct explained_path *path,
                     char room[static WAY_LEN])
{
	unsigned flows = flows_of(all);

	if (flows && path->in->flows)
		snprintf(room, WAY_LEN, "%u of %u flows %s its own", path->in->flows, flows,
		         path->in->flows == 1 ? "is" : "are");
	else
		snprintf(room, WAY_LEN, "flows were its own that have ended");
}

/* What one path alone may take: the quickest, that of the flow, or that by configuration. */
static void tell_one(const struct explained *all, const struct explained_path *path,
                     enum account_finding found, const char *carried, char buf[static EXPLAIN_LEN])
{
	char reason[WAY_LEN], full[WAY_LEN], quickest[QUICKEST_LEN];

	if (found == FOUND_OWN)
		tell_own(all, path, reason);
	else if (found == FOUND_PINNED)
		snprintf(reason, sizeof reason, "its flows are pinned here by configuration");
	else
		snprintf(reason, sizeof reason, "everything goes over %s, which it is",
		         quickest_text(all, path, quickest));
	snprintf(buf, EXPLAIN_LEN, "%s: %s, and it %s", carried, reason,
	         full_text(all, path, full));
}

/* How it came to take what it took, mostly. */
static enum account_finding main_taking(const struct account_counts *in)
{
	enum account_finding most = FOUND_FIRST;

	for (enum account_finding i = FOUND_FIRST; i <= FOUND_PINNED; i++) {
		if (in->found[i] > in->found[most])
			most = i;
	}
	return most;
}

static void tell_bulk(const struct explained *all, const struct explained_path *path,
                      const char *carried, char buf[static EXPLAIN_LEN])
{
	enum account_finding found = main_taking(path->in);

	if (found >= FOUND_QUICKEST)
		tell_one(all, path, found, carried, buf);
	else if (all->mode == BONDING_REDUNDANT)
		snprintf(buf, EXPLAIN_LEN, "%s: everything goes at its rate, the highest", carried);
	else if (all->mode == BONDING_FAILOVER)
		snprintf(buf, EXPLAIN_LEN, "%s: the heaviest path that works", carried);
	else if (found == FOUND_JOINED)
		tell_joined(all, path, carried, buf);
	else
		tell_first(all, path, carried, buf);
}

/* ---- of a path that took none ---- */

/* Of what was found that which held for longest, or most often if nothing had to wait. */
static enum account_finding main_finding(const struct account_counts *in)
{
	const uint64_t *by = account_waited_ns(in) < MOMENT_NS ? in->found : in->waited_ns;
	enum account_finding most = FOUND_NOTHING;

	for (enum account_finding i = FOUND_NOTHING; i < FINDINGS; i++) {
		if (by[i] > by[most])
			most = i;
	}
	return most;
}

/* The only path that took bulk; NULL: several did. */
static const char *sole_carrier(const struct explained *all)
{
	const char *name = NULL;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct account_counts *in = all->path[i].in;

		if (!in || !(in->bytes[ACCOUNT_BULK] + in->bytes[ACCOUNT_URGENT]))
			continue;
		if (name)
			return NULL;
		name = all->path[i].link;
	}
	return name;
}

static void tell_not_needed(const struct explained *all, const char *carried,
                            char buf[static EXPLAIN_LEN])
{
	const char *carrier = sole_carrier(all);

	if (carrier)
		snprintf(buf, EXPLAIN_LEN, "%s: %s alone is faster than what was offered", carried,
		         carrier);
	else
		snprintf(buf, EXPLAIN_LEN, "%s: others, as quick, are faster than what was offered",
		         carried);
}

/* Its way is longer. */
static void tell_longer(const struct explained *all, const struct explained_path *path,
                        enum account_finding found, const char *carried,
                        char buf[static EXPLAIN_LEN])
{
	char way[WAY_LEN];

	way_text(all, path, way);
	if (found == FOUND_FAR)
		snprintf(buf, EXPLAIN_LEN, "%s: %s, and more than %llu ms are not waited for",
		         carried, way, PULL_SPREAD_NS / NS_PER_MS);
	else if (found == FOUND_POOR && !path->capacity_bytes_per_s)
		snprintf(buf, EXPLAIN_LEN, "%s: %s, and it is not known to carry enough for that",
		         carried, way);
	else if (found == FOUND_POOR)
		snprintf(buf, EXPLAIN_LEN, "%s: %s, and its %.1f Mbit/s are not worth that",
		         carried, way, (double)path->capacity_bytes_per_s * 8 / 1e6);
	else if (found == FOUND_LATER)
		snprintf(buf, EXPLAIN_LEN, "%s: %s, and everything goes over the quickest", carried,
		         way);
	else if (found == FOUND_ENDING)
		snprintf(buf, EXPLAIN_LEN, "%s: %s, and what waited may have been the last",
		         carried, way);
	else
		snprintf(buf, EXPLAIN_LEN,
		         "%s: %s, so it joins only while %s has more than %.0f ms of work "
		         "waiting; it never did",
		         carried, way, base_name(all, path), (double)path->in->need_ns / NS_PER_MS);
}

/* Of flows that go elsewhere. */
static void tell_others(const struct explained *all, const char *carried,
                        char buf[static EXPLAIN_LEN])
{
	unsigned flows = flows_of(all);

	if (all->mode != BONDING_BALANCE || !flows)
		snprintf(buf, EXPLAIN_LEN, "%s: flows are pinned to others by configuration",
		         carried);
	else
		snprintf(buf, EXPLAIN_LEN, "%s: none of %u flows is its own", carried, flows);
}

/* Whether paths took anything of @kind, of all or of all but @but. */
static bool is_any(const struct explained *all, enum account_kind kind,
                   const struct explained_path *but)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct explained_path *path = &all->path[i];

		if (path != but && path->in && path->in->bytes[kind])
			return true;
	}
	return false;
}

static void tell_urgent(const struct explained *all, const struct explained_path *path,
                        const char *carried, char buf[static EXPLAIN_LEN])
{
	char quickest[QUICKEST_LEN];

	if (all->mode == BONDING_BALANCE)
		snprintf(buf, EXPLAIN_LEN, "%s: only what is in a hurry, of flows that are its own",
		         carried);
	else if (all->mode == BONDING_FAILOVER)
		snprintf(buf, EXPLAIN_LEN,
		         "%s: only what is in a hurry, as the heaviest path that works", carried);
	else
		snprintf(buf, EXPLAIN_LEN, "%s: only what is in a hurry, for which it %s %s%s",
		         carried, is_any(all, ACCOUNT_URGENT, path) ? "was" : "is",
		         quickest_text(all, path, quickest),
		         is_any(all, ACCOUNT_URGENT, path) ? " at times" : "");
}

static void tell_copies(const struct explained *all, const char *carried,
                        char buf[static EXPLAIN_LEN])
{
	if (all->mode != BONDING_REDUNDANT)
		snprintf(buf, EXPLAIN_LEN, "%s: only copies of what others carry", carried);
	else if (is_any(all, ACCOUNT_BULK, NULL))
		snprintf(buf, EXPLAIN_LEN, "%s: copies of what it had room for", carried);
	else
		snprintf(buf, EXPLAIN_LEN,
		         "%s: copies of what is in a hurry, which goes over all paths", carried);
}

static void tell_found(const struct explained *all, const struct explained_path *path,
                       const char *carried, char buf[static EXPLAIN_LEN])
{
	enum account_finding found = main_finding(path->in);

	if (found >= FOUND_EARLY && found <= FOUND_LATER)
		tell_longer(all, path, found, carried, buf);
	else if (found == FOUND_OTHERS)
		tell_others(all, carried, buf);
	else if (found == FOUND_UNKNOWN)
		snprintf(buf, EXPLAIN_LEN,
		         "%s: its way, or what a quicker one carries, is yet to be measured",
		         carried);
	else if (found == FOUND_SMALL)
		snprintf(buf, EXPLAIN_LEN,
		         "%s: packets were longer than the %u bytes that it carries in one piece",
		         carried, path->packet_max);
	else if (found == FOUND_SPARE)
		snprintf(buf, EXPLAIN_LEN, "%s: others went before it until a moment ago", carried);
	else if (found == FOUND_DEAD)
		snprintf(buf, EXPLAIN_LEN, "%s: what was sent there is overdue, others deliver",
		         carried);
	else if (found == FOUND_FULL)
		snprintf(buf, EXPLAIN_LEN, "%s: it had no room, its queue is still long", carried);
	else if (found == FOUND_LIMITED)
		snprintf(buf, EXPLAIN_LEN, "%s: its limit of %.1f Mbit/s was used up", carried,
		         (double)path->limit_bytes_per_s * 8 / 1e6);
	else
		tell_not_needed(all, carried, buf);
}

/* ---- */

void explain_bulk(const struct explained *all, unsigned path_id, const char *carried,
                  char buf[static EXPLAIN_LEN])
{
	const struct explained_path *path = &all->path[path_id];
	const uint64_t *bytes = path->in->bytes;

	if (bytes[ACCOUNT_BULK])
		tell_bulk(all, path, carried, buf);
	else if (bytes[ACCOUNT_URGENT])
		tell_urgent(all, path, carried, buf);
	else if (bytes[ACCOUNT_COPY])
		tell_copies(all, carried, buf);
	else if (bytes[ACCOUNT_REPAIR])
		snprintf(buf, EXPLAIN_LEN, "%s: only what was lost elsewhere", carried);
	else if (bytes[ACCOUNT_BY_TABLE])
		snprintf(buf, EXPLAIN_LEN, "%s: before anything was known of what arrives",
		         carried);
	else
		tell_found(all, path, carried, buf);
}
