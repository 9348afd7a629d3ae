/* SPDX-License-Identifier: MIT */
#include "control/uplink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/netif.h"
#include "control/reach.h"
#include "control/refusal.h"
#include "control/uplink_trouble.h"

static struct uplink_effects *fx_of(const struct uplink_pair *pair)
{
	return pair->uplink->all->fx;
}

struct uplink *uplink_of(struct uplinks *uplinks, const struct link *link)
{
	return &uplinks->uplink[uplink_id_of(link)];
}

const struct uplink_pair *uplink_best(const struct uplink *uplink)
{
	static const unsigned rank[] = {
		[UPLINK_WAITING] = 1, [UPLINK_RESTING] = 2, [UPLINK_UP] = 3};
	const struct uplink_pair *best = &uplink->pair[0];

	for (unsigned i = 1; i < LINK_FAMILIES; i++) {
		const struct uplink_pair *pair = &uplink->pair[i];

		if (pair->is_wanted && (!best->is_wanted || rank[pair->state] > rank[best->state]))
			best = pair;
	}
	return best;
}

/* Comes back when the sockets or their device may work again. */
static void try_later(struct uplink_pair *pair, uint64_t now_ns)
{
	struct uplink_effects *fx = fx_of(pair);

	fx->wake_at(fx, &pair->deadline, now_ns + pair->uplink->error_backoff_ns);
}

static void tell_failed(struct uplink_pair *pair, const char *reason, uint64_t now_ns)
{
	fx_of(pair)->failed(fx_of(pair), pair->link, reason, now_ns);
}

static void tell_back(struct uplink_pair *pair, uint64_t now_ns)
{
	fx_of(pair)->back(fx_of(pair), pair->link, now_ns);
}

void uplinks_tell_trains(struct uplinks *uplinks)
{
	for (unsigned i = 0; i < uplinks->count; i++) {
		for (unsigned k = 0; k < LINK_FAMILIES; k++)
			uplink_trouble_tell_trains(uplinks->uplink[i].pair[k].link);
	}
}

/* ---- opening ---- */

static bool allows(const struct line *line, bool both_families, int family)
{
	int bound = endpoint_family(&line->bind);

	return bound == AF_UNSPEC || bound == family || both_families;
}

bool uplink_settings_allow(const struct uplink_settings *set, int family)
{
	return allows(&set->line, set->both_families, family);
}

bool uplink_allows(const struct uplink *uplink, int family)
{
	return allows(&uplink->line, uplink->both_families, family);
}

bool uplink_can_reach(const struct uplink *uplink, const struct endpoint *remote)
{
	const struct uplink_pair *pair = &uplink->pair[endpoint_family(remote) == AF_INET6];

	return (!pair->is_wanted || pair->state == UPLINK_UP) &&
	       reach_is_possible(&uplink->line, remote);
}

/* The link's port in its other family, for firewalls and for people; 0 while there is none. */
static uint16_t port_of_other(const struct uplink_pair *pair)
{
	const struct link *other = pair->uplink->pair[pair->family != AF_INET6].link;

	return other->is_open ? endpoint_port(&other->bound) : 0;
}

static int open_pair(struct uplink_pair *pair)
{
	struct uplink_effects *fx = fx_of(pair);
	int r = uplink_pair_open(pair, port_of_other(pair));

	if (r)
		return r;
	r = fx->start(fx, pair->link, pair->uplink->rx_cpu);
	if (r)
		link_park(pair->link);
	return r;
}

/* Its device or address was away. */
static int reopen_pair(struct uplink_pair *pair)
{
	struct uplink_effects *fx = fx_of(pair);
	int r = uplink_pair_check_address(pair);

	if (r)
		return r;
	fx->unwatch(fx, pair->link);
	r = uplink_pair_follow(pair);
	return fx->watch(fx, pair->link) ? -ENOMEM : r;
}

static enum uplink_trouble trouble_of(const struct uplink_pair *pair, int error)
{
	int other = pair->family == AF_INET6 ? AF_INET : AF_INET6;

	return uplink_trouble_of(error, uplink_allows(pair->uplink, other));
}

static void wait_for_it(struct uplink_pair *pair, int error, uint64_t now_ns)
{
	enum uplink_trouble trouble = trouble_of(pair, error);

	uplink_trouble_tell(pair, error, trouble, pair->uplink->error_backoff_ns);
	uplink_pair_set_state(pair, UPLINK_WAITING, strerror(-error), now_ns);
	if (trouble != UPLINK_TROUBLE_NO_FAMILY)
		try_later(pair, now_ns);
}

/* Another link that is up on the device of @pair, or NULL. */
static const struct uplink *find_twin(const struct uplink_pair *pair)
{
	const struct uplinks *uplinks = pair->uplink->all;

	for (unsigned i = 0; *pair->device && i < uplinks->count; i++) {
		const struct uplink *other = &uplinks->uplink[i];
		const struct uplink_pair *its = &other->pair[pair->family == AF_INET6];

		if (other != pair->uplink && its->state == UPLINK_UP &&
		    !strcmp(its->device, pair->device))
			return other;
	}
	return NULL;
}

/* Both may be meant, as with two ports; but who counts on two lines has one. */
static void set_up(struct uplink_pair *pair, uint64_t now_ns)
{
	const struct uplink *twin = find_twin(pair);
	char reason[sizeof pair->reason] = "open";

	if (twin) {
		log_warning("link=%s: leaves by device %s as link %s does; two links on one line "
		            "carry no more than one",
		            pair->uplink->name, pair->device, twin->name);
		snprintf(reason, sizeof reason, "open, on the same device as %s", twin->name);
	}
	uplink_pair_set_state(pair, UPLINK_UP, reason, now_ns);
}

/* Opens or, where it is open already, binds to its device anew. */
static int try_pair(struct uplink_pair *pair, uint64_t now_ns)
{
	const char *device = pair->device;
	char bound[ENDPOINT_TEXT_LEN];
	int r = uplink_pair_find_device(pair);

	if (!r)
		r = pair->link->is_open ? reopen_pair(pair) : open_pair(pair);
	if (r) {
		wait_for_it(pair, r, now_ns);
		return r;
	}
	set_up(pair, now_ns);
	log_info("link=%s: up, bound to %s%s%s", pair->uplink->name,
	         endpoint_format(&pair->link->bound, bound), *device ? " on device " : "", device);
	tell_back(pair, now_ns);
	return 0;
}

struct link *uplink_want(struct uplink *uplink, int family, uint64_t now_ns)
{
	struct uplink_pair *pair = &uplink->pair[family == AF_INET6];

	if (!pair->is_wanted) {
		pair->is_wanted = true;
		try_pair(pair, now_ns);
	}
	return pair->link;
}

static void on_deadline(struct deadline *d, uint64_t now_ns)
{
	struct uplink_pair *pair = caa_container_of(d, struct uplink_pair, deadline);

	if (pair->state == UPLINK_WAITING) {
		try_pair(pair, now_ns);
	} else if (pair->state == UPLINK_RESTING) {
		uplink_pair_set_state(pair, UPLINK_UP, "rested", now_ns);
		log_info("link=%s: rested, trying again", pair->uplink->name);
		tell_back(pair, now_ns);
	}
}

void uplinks_init(struct uplinks *uplinks, struct uplink_effects *fx)
{
	*uplinks = (struct uplinks){.fx = fx};
}

unsigned uplinks_next_id(const struct uplinks *uplinks)
{
	unsigned id = 0;

	if (uplinks->count < LINKS_MAX)
		return uplinks->count;
	while (id < LINKS_MAX && uplinks->uplink[id].is_used)
		id++;
	return id;
}

struct uplink *uplinks_find(struct uplinks *uplinks, const char *name)
{
	for (unsigned i = 0; i < uplinks->count; i++)
		if (uplinks->uplink[i].is_used && !strcmp(uplinks->uplink[i].name, name))
			return &uplinks->uplink[i];
	return NULL;
}

struct uplink *uplinks_add(struct uplinks *uplinks, const struct uplink_settings *set,
                           struct link *const links[static LINK_FAMILIES], uint64_t now_ns)
{
	unsigned id = uplinks_next_id(uplinks);
	struct uplink *uplink = &uplinks->uplink[id];

	uplinks->count += id == uplinks->count;
	uplinks->in_use++;
	*uplink = (struct uplink){.all = uplinks,
	                          .is_used = true,
	                          .id = id,
	                          .line = set->line,
	                          .both_families = set->both_families,
	                          .wishes = set->wishes,
	                          .limits = set->limits,
	                          .rx_cpu = set->rx_cpu,
	                          .error_backoff_ns = set->error_backoff_ns,
	                          .left_ns = uplink->left_ns};
	memcpy(uplink->name, set->name, sizeof uplink->name);
	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		struct uplink_pair *pair = &uplink->pair[i];

		memcpy(links[i]->name, set->name, sizeof links[i]->name);
		link_count_anew(links[i]);
		uplink_pair_init(pair, links[i], i ? AF_INET6 : AF_INET, &set->line,
		                 set->has_offloads);
		pair->uplink = uplink;
		pair->deadline.expired = on_deadline;
		uplink_pair_set_state(pair, UPLINK_WAITING, "", now_ns);
	}
	return uplink;
}

static void close_pair(struct uplink_pair *pair)
{
	struct uplink_effects *fx = fx_of(pair);

	fx->wake_at(fx, &pair->deadline, NEVER_NS);
	if (pair->link->is_open)
		fx->stop(fx, pair->link);
	pair->state = UPLINK_WAITING;
	*pair->device = '\0';
}

void uplink_set_line(struct uplink *uplink, const struct uplink_settings *set, uint64_t now_ns)
{
	uplink->line = set->line;
	uplink->both_families = set->both_families;
	uplink->is_opened = false;
	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		struct uplink_pair *pair = &uplink->pair[i];

		close_pair(pair);
		pair->leaves_for = LINK_STATE_DRAINING;
		uplink_pair_set_line(pair, &set->line);
		uplink_pair_set_state(pair, UPLINK_WAITING, "", now_ns);
		pair->is_wanted &= uplink_allows(uplink, pair->family);
	}
}

void uplinks_remove(struct uplinks *uplinks, struct uplink *uplink)
{
	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		close_pair(&uplink->pair[i]);
		uplink->pair[i].is_wanted = false;
	}
	*uplink->name = '\0';
	uplink->is_used = false;
	uplinks->in_use--;
}

int uplink_open(struct uplink *uplink, const bool is_named[static LINK_FAMILIES], uint64_t now_ns)
{
	bool is_wanted = is_named[0] || is_named[1] || uplink->pair[0].is_wanted ||
	                 uplink->pair[1].is_wanted;
	int trouble = 0;

	uplink->is_opened = true;
	if (!is_wanted)
		uplink_pair_set_state(&uplink->pair[0], UPLINK_WAITING,
		                      "for the address of a host name", now_ns);
	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		struct uplink_pair *pair = &uplink->pair[i];
		int r;

		pair->is_wanted |= is_named[i];
		if (!pair->is_wanted)
			continue;
		r = try_pair(pair, now_ns);
		if (trouble_of(pair, r) == UPLINK_TROUBLE_STAYS && !trouble)
			trouble = r;
	}
	return trouble;
}

/* ---- events ---- */

void uplink_refused(struct uplink *uplink, const struct link *link, int error, uint64_t now_ns)
{
	struct uplink_pair *pair = &uplink->pair[link->id % LINK_FAMILIES];

	if (pair->state != UPLINK_UP)
		return;
	log_warning("link=%s: the system refuses to send, %s; resting for %.0f s", uplink->name,
	            strerror(error), (double)uplink->error_backoff_ns / NS_PER_S);
	uplink_pair_set_state(pair, UPLINK_RESTING, strerror(error), now_ns);
	try_later(pair, now_ns);
	tell_failed(pair, refusal_reason(error), now_ns);
}

void uplinks_try_again(struct uplinks *uplinks, uint64_t now_ns)
{
	for (unsigned i = 0; i < uplinks->count; i++) {
		for (unsigned k = 0; k < LINK_FAMILIES; k++) {
			struct uplink_pair *pair = &uplinks->uplink[i].pair[k];

			if (pair->state == UPLINK_RESTING)
				uplinks->fx->wake_at(uplinks->fx, &pair->deadline, now_ns);
		}
	}
}

static void lose(struct uplink_pair *pair, const struct netif_event *event, uint64_t now_ns)
{
	bool is_address = event->kind == NETIF_ADDRESS_REMOVED;
	const char *reason = event->kind == NETIF_LINK_DOWN ? "its device is down"
	                     : is_address                   ? "its address is gone"
	                                                    : "its device is gone";

	if (pair->state == UPLINK_WAITING)
		return;
	pair->leaves_for = is_address ? LINK_STATE_NO_ADDRESS : LINK_STATE_NO_DEVICE;
	log_warning("link=%s: down, %s; waiting for it", pair->uplink->name, reason);
	uplink_pair_set_state(pair, UPLINK_WAITING, reason, now_ns);
	try_later(pair, now_ns);
	tell_failed(pair, reason, now_ns);
}

static void try_waiting(struct uplink_pair *pair, uint64_t now_ns)
{
	if (pair->is_wanted && pair->state == UPLINK_WAITING)
		try_pair(pair, now_ns);
}

/* Ties the sockets to the device that stands for the line now, if that is another one. False when
 * there is none that works.
 */
static bool follow(struct uplink_pair *pair, uint64_t now_ns)
{
	char name[IF_NAMESIZE];

	line_device(&pair->line, &pair->line.bind, name);
	if (*name && !netif_is_usable(name))
		return false;
	if (!*name && !line_has_address(&pair->line.bind))
		return false;
	if ((*name ? if_nametoindex(name) : 0) != pair->link->ifindex)
		try_pair(pair, now_ns);
	else
		memcpy(pair->device, name, sizeof pair->device);
	return true;
}

/* Something about its device or address: it may have gone, come, or be another's now. */
static void look_at_pair(struct uplink_pair *pair, const struct netif_event *event, uint64_t now_ns)
{
	if (pair->state == UPLINK_WAITING) {
		if (event->kind == NETIF_LINK_UP || event->kind == NETIF_ADDRESS_ADDED)
			try_waiting(pair, now_ns);
		return;
	}
	if (event->kind == NETIF_LINK_DOWN || !follow(pair, now_ns))
		lose(pair, event, now_ns);
}

/* Whether @event is about the device that the pair has, or would have. */
static bool is_about_device(const struct uplink_pair *pair, const struct netif_event *event)
{
	char name[IF_NAMESIZE];

	if (!*event->name || event->kind == NETIF_ADDRESS_ADDED ||
	    event->kind == NETIF_ADDRESS_REMOVED)
		return false;
	if (!strcmp(pair->device, event->name))
		return true;
	line_device(&pair->line, &pair->line.bind, name);
	return !strcmp(name, event->name);
}

void uplinks_netif_event(struct uplinks *uplinks, const struct netif_event *event, uint64_t now_ns)
{
	for (unsigned i = 0; i < uplinks->count; i++) {
		struct uplink *uplink = &uplinks->uplink[i];
		bool is_address = line_is_bound_to(&uplink->line, &event->address);

		for (unsigned k = 0; k < LINK_FAMILIES; k++) {
			struct uplink_pair *pair = &uplink->pair[k];

			if (pair->is_wanted &&
			    ((is_address && pair->family == event->address.family) ||
			     is_about_device(pair, event)))
				look_at_pair(pair, event, now_ns);
		}
	}
}
