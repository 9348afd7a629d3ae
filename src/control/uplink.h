/* SPDX-License-Identifier: MIT */
/* uplink.h - our links as control sees them: opening, resting, devices that come and go.
 *
 * A link has a pair of sockets for each family, IPv4 and IPv6. One is opened when the configuration
 * binds that family or as soon as a path needs it, and then stays. Each has a state of its own:
 *
 *            opened                     the system refused to send
 *   WAITING --------> UP ---------------------------------------> RESTING
 *      ^               | ^              after error_backoff          |
 *      |               | +-------------------------------------------+
 *      +---------------+  device or address gone
 *
 * A link does not rest on when routes, addresses or devices change.
 *
 * Links know of each other, for two may be on one device, and of nobody else: who receives from
 * them and whose paths they carry comes in as struct uplink_effects. What happens to them is logged
 * here.
 *
 * All functions: control thread.
 */
#ifndef CONTROL_UPLINK_H
#define CONTROL_UPLINK_H

#include "control/netif_monitor.h"
#include "control/uplink_pair.h"
#include "sched/link_wishes.h"
#include "vtrunkd/limits.h"

/* What links do to the world. Each function gets the table itself first: who implements it embeds
 * it.
 */
struct uplink_effects {
	/* @link was opened: reads its handshake socket, and data from @cpu (-1: from any). Returns
	 * 0 or a negative errno; then nothing reads, and the link is closed again.
	 */
	int (*start)(struct uplink_effects *fx, struct link *link, int cpu);

	/* The opposite, for a link that goes or is bound anew: closes it, too. Nobody's path leads
	 * over it any more.
	 */
	void (*stop)(struct uplink_effects *fx, struct link *link);

	/* Its handshake socket is about to be replaced; and there is one again. The latter returns
	 * 0 or a negative errno.
	 */
	void (*unwatch)(struct uplink_effects *fx, struct link *link);
	int (*watch)(struct uplink_effects *fx, struct link *link);

	/* Has @d expire at @at_ns. There is room for it. */
	void (*wake_at)(struct uplink_effects *fx, struct deadline *d, uint64_t at_ns);

	/* @link cannot be sent on, for people because of @reason; it can be sent on. */
	void (*failed)(struct uplink_effects *fx, struct link *link, const char *reason,
	               uint64_t now_ns);
	void (*back)(struct uplink_effects *fx, struct link *link, uint64_t now_ns);
};

/* A link as it is wanted. */
struct uplink_settings {
	char name[NAME_LEN];
	struct line line;
	bool both_families; /* bound to any IPv6 address, and to any IPv4 one as well */
	bool has_offloads;
	struct link_wishes wishes;
	struct link_limits limits;
	int rx_cpu;      /* for the threads that receive; -1: any */
	uint64_t error_backoff_ns;
};

struct uplinks;

struct uplink {
	struct uplinks *all;
	bool is_used;   /* else its place is free */
	bool is_opened; /* by uplink_open(), since its line was set */
	unsigned id;
	char name[NAME_LEN];
	struct line line;
	bool both_families;
	struct link_wishes wishes;
	struct link_limits limits;
	int rx_cpu;
	uint64_t error_backoff_ns;
	uint64_t left_ns; /* when the sockets that had its place before were closed; 0 never */
	struct uplink_pair pair[LINK_FAMILIES];
};

struct uplinks {
	struct uplink_effects *fx;
	unsigned count;  /* places that are or were used */
	unsigned in_use; /* of them */
	struct uplink uplink[LINKS_MAX];
};

/* No links yet. */
void uplinks_init(struct uplinks *uplinks, struct uplink_effects *fx);

/* The id that the next one will have; of those free one that was never used, if there is any.
 * LINKS_MAX: there is none.
 */
unsigned uplinks_next_id(const struct uplinks *uplinks);

/* The one called @name, or NULL. */
struct uplink *uplinks_find(struct uplinks *uplinks, const char *name);

/* The id of the uplink that one pair of sockets belongs to. */
static inline unsigned uplink_id_of(const struct link *link)
{
	return link->id / LINK_FAMILIES;
}

/* One more, with the sockets @links of IPv4 and IPv6, whose ids are LINK_FAMILIES times its own and
 * one more. Nothing is opened.
 */
struct uplink *uplinks_add(struct uplinks *uplinks, const struct uplink_settings *set,
                           struct link *const links[static LINK_FAMILIES], uint64_t now_ns);

/* It goes, and nobody has a path over it: closes its sockets; its place is free. What came to them
 * did so by the time that uplink_left() is told.
 */
void uplinks_remove(struct uplinks *uplinks, struct uplink *uplink);

/* Sockets of the link were closed, @now_ns not before their threads had ended. */
static inline void uplink_left(struct uplink *uplink, uint64_t now_ns)
{
	uplink->left_ns = now_ns;
}

/* It is bound or tied otherwise from now on, as @set says, all else of which is as before: closes
 * its sockets, whose ids and paths stay. uplink_open() opens those that were wanted, as far as the
 * families allow.
 */
void uplink_set_line(struct uplink *uplink, const struct uplink_settings *set, uint64_t now_ns);

/* Opens the sockets of those families, and those that are wanted already. Returns a negative errno
 * only for what waiting does not mend: -EADDRINUSE, -EACCES, -EPERM.
 */
int uplink_open(struct uplink *uplink, const bool is_named[static LINK_FAMILIES], uint64_t now_ns);

/* Whether the configuration lets the link have sockets of @family; one that is as @set says. */
bool uplink_settings_allow(const struct uplink_settings *set, int family);
bool uplink_allows(const struct uplink *uplink, int family);

/* The sockets of @family, which it allows, for a path that needs them: opened unless they are, or
 * as soon as they can be.
 */
struct link *uplink_want(struct uplink *uplink, int family, uint64_t now_ns);

/* Could a datagram leave over the link for @remote now? Asks the system for a route; nothing is
 * sent.
 */
bool uplink_can_reach(const struct uplink *uplink, const struct endpoint *remote);

/* Whose sockets @link has. */
struct uplink *uplink_of(struct uplinks *uplinks, const struct link *link);

/* Whether what came over @link at @time_ns came to sockets that are there still: late news of
 * others, which went, say nothing about whoever has their place.
 */
static inline bool uplinks_know(const struct uplinks *uplinks, const struct link *link,
                                uint64_t time_ns)
{
	const struct uplink *uplink = &uplinks->uplink[uplink_id_of(link)];

	return uplink->is_used && time_ns > uplink->left_ns;
}

/* Whether @link, one of its pairs of sockets, is there to send on; if not, why, as peers are told.
 */
static inline enum link_state_word uplink_link_state(const struct uplink *uplink,
                                                     const struct link *link)
{
	return uplink_pair_link_state(&uplink->pair[link->id % LINK_FAMILIES]);
}

static inline bool uplink_is_usable(const struct uplink *uplink, const struct link *link)
{
	return uplink_link_state(uplink, link) == LINK_STATE_CARRIES;
}

/* The pair that tells best how the link fares. */
const struct uplink_pair *uplink_best(const struct uplink *uplink);

/* Logs that the device of a link refused trains of datagrams, once. */
void uplinks_tell_trains(struct uplinks *uplinks);

/* The system refused to send on @link, with @error, which says nothing about one destination. */
void uplink_refused(struct uplink *uplink, const struct link *link, int error, uint64_t now_ns);

/* Routes, addresses or devices have changed: links that rest are tried now, not after
 * error_backoff.
 */
void uplinks_try_again(struct uplinks *uplinks, uint64_t now_ns);

void uplinks_netif_event(struct uplinks *uplinks, const struct netif_event *event, uint64_t now_ns);

#endif
