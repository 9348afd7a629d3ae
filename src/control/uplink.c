/* SPDX-License-Identifier: MIT */
#include "control/uplink.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "control/control.h"
#include "control/line.h"
#include "control/netif.h"
#include "control/reach.h"
#include "control/refusal.h"
#include "crypto/secret.h"

/* Handshake messages taken from one link per turn of the loop: the rest waits in the socket, and
 * timers and probes get their turn. Meeting the bound means load (whitepaper 5.3).
 */
#define HANDSHAKES_PER_TURN 64u

/* How many of them between two looks at what they cost: as many as are worth the system call. */
#define HANDSHAKES_PER_LOOK 8u

const char *uplink_state_name(enum uplink_state state)
{
	static const char *const names[] = {
		[UPLINK_WAITING] = "waiting", [UPLINK_UP] = "up", [UPLINK_RESTING] = "resting"};

	return names[state];
}

static struct uplink_pair *pair_of(struct uplink *uplink, int family)
{
	return &uplink->pair[family == AF_INET6];
}

struct uplink *uplink_of(struct control *control, const struct link *link)
{
	return &control->uplink[link->id / LINK_FAMILIES];
}

bool uplink_is_usable(const struct uplink *uplink, const struct link *link)
{
	return uplink->pair[link->id % LINK_FAMILIES].state == UPLINK_UP;
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

static void set_state(struct uplink_pair *pair, enum uplink_state state, const char *reason,
                      uint64_t now_ns)
{
	pair->state = state;
	pair->since_ns = now_ns;
	snprintf(pair->reason, sizeof pair->reason, "%s", reason);
}

/* Comes back when the sockets or their device may work again. */
static void try_later(struct uplink_pair *pair, uint64_t now_ns)
{
	struct control *control = pair->uplink->control;

	deadline_set(&control->loop.deadlines, &pair->deadline,
	             now_ns + control->config->error_backoff_ns);
}

static void tell_peers_failed(struct uplink_pair *pair, const char *reason, uint64_t now_ns)
{
	struct control *control = pair->uplink->control;

	for (size_t i = 0; i < control->peer_count; i++) {
		path_link_failed(control->peers[i], pair->link, reason, now_ns);
		deadline_set(&control->loop.deadlines, &control->peers[i]->deadline, now_ns);
	}
}

static void tell_peers_back(struct uplink_pair *pair, uint64_t now_ns)
{
	struct control *control = pair->uplink->control;

	for (size_t i = 0; i < control->peer_count; i++) {
		path_link_back(control->peers[i], pair->link);
		deadline_set(&control->loop.deadlines, &control->peers[i]->deadline, now_ns);
	}
}

/* Its device stays what it is: trains are tried again when it was replaced. */
static void tell_trains(struct link *link)
{
	int error = train_limit_take_error(&link->trains);

	if (error)
		log_warning("link=%s: the device refuses trains of datagrams, %s; they leave one "
		            "by one",
		            link->name, strerror(error));
}

void uplinks_tell_trains(struct control *control)
{
	for (unsigned i = 0; i < control->uplink_count; i++) {
		for (unsigned k = 0; k < LINK_FAMILIES; k++)
			tell_trains(control->uplink[i].pair[k].link);
	}
}

/* ---- opening ---- */

/* Returns how many there were. */
static unsigned take_messages(struct control *control, const struct link_message *m,
                              uint64_t now_ns)
{
	unsigned taken = 0;

	for (unsigned at = 0, len; at < m->len; at += len, taken++) {
		len = link_message_next_len(m, at);
		if (len >= sizeof(uint32_t) && load_le32(m->at + at) == MESSAGE_TRANSPORT)
			engine_receive(control->engine, &m->route, m->at + at, len);
		else
			messages_take(&control->messages, &m->route, m->at + at, len, now_ns);
	}
	return taken;
}

/* Whether there may be more than was taken. */
static bool take_some(struct uplink_pair *pair, uint64_t now_ns)
{
	struct control *control = pair->uplink->control;
	unsigned taken = 0, looked = 0;
	struct link_message m;

	while (taken < HANDSHAKES_PER_TURN) {
		int r = link_receive_handshakes(pair->link, &m);

		if (r == -EAGAIN)
			return false;
		taken += r ? 1 : take_messages(control, &m, now_ns);
		if (taken < looked + HANDSHAKES_PER_LOOK)
			continue;
		looked = taken;
		if (!gate_may_go_on(control, now_ns))
			return false; /* the gate says so itself */
	}
	return true;
}

static void watch_handshakes(struct uplink_pair *pair, bool is_watched)
{
	struct loop *loop = &pair->uplink->control->loop;

	if (!pair->link->is_open)
		return;
	if (is_watched) /* one that was opened meanwhile is watched already */
		loop_watch(loop, &pair->source, EPOLLIN);
	else
		loop_unwatch(loop, &pair->source);
}

static void on_handshake(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct uplink_pair *pair = caa_container_of(source, struct uplink_pair, source);
	struct control *control = pair->uplink->control;
	uint64_t suppressed;

	(void)events;
	if (!gate_enter(control, now_ns)) {
		watch_handshakes(pair, false); /* opened while it is shut */
		return;
	}
	if (take_some(pair, now_ns) && strangers_set_loaded(&control->messages.strangers, now_ns) &&
	    log_limit_pass(&control->messages.log_limit, now_ns, &suppressed))
		log_warning("link=%s: many handshake messages, asking senders for cookies",
		            pair->uplink->name);
	gate_leave(control, now_ns);
}

void uplinks_watch_handshakes(struct control *control, bool is_watched)
{
	for (unsigned i = 0; i < control->uplink_count; i++) {
		for (unsigned k = 0; k < LINK_FAMILIES; k++)
			watch_handshakes(&control->uplink[i].pair[k], is_watched);
	}
}

bool uplink_allows(const struct uplink *uplink, int family)
{
	int bound = endpoint_family(&uplink->line.bind);

	return bound == AF_UNSPEC || bound == family || uplink->both_families;
}

bool uplink_can_reach(const struct uplink *uplink, const struct endpoint *remote)
{
	const struct uplink_pair *pair = &uplink->pair[endpoint_family(remote) == AF_INET6];

	return (!pair->is_wanted || pair->state == UPLINK_UP) &&
	       reach_is_possible(&uplink->line, remote);
}

/* Any address where the configuration names none or that of IPv6, which stands for both families.
 */
static struct endpoint bind_address(const struct uplink_pair *pair)
{
	const struct endpoint *bind = &pair->uplink->line.bind;
	struct endpoint any = {.sa.sa_family = (sa_family_t)pair->family};

	if (endpoint_family(bind) == pair->family)
		return *bind;
	if (endpoint_family(bind) != AF_UNSPEC)
		endpoint_set_port(&any, endpoint_port(bind));
	return any;
}

static int rx_cpu(const struct uplink *uplink)
{
	const struct config_cpus *cpus = &uplink->control->config->cpus_rx;

	return cpus->count ? cpus->cpu[uplink->id % cpus->count] : -1;
}

static struct link_settings link_settings(const struct uplink_pair *pair)
{
	const struct line *line = &pair->uplink->line;
	struct link_settings set = {.bind = bind_address(pair),
	                            .device = *pair->device ? pair->device : NULL,
	                            .fwmark = line->fwmark,
	                            .has_fwmark = line->has_fwmark,
	                            .has_offloads = pair->uplink->control->config->has_offloads};

	snprintf(set.name, sizeof set.name, "%s", pair->uplink->name);
	return set;
}

/* The link's port in its other family, for firewalls and for people; 0 while there is none. */
static uint16_t port_of_other(const struct uplink_pair *pair)
{
	const struct link *other = pair->uplink->pair[pair->family != AF_INET6].link;

	return other->is_open ? endpoint_port(&other->bound) : 0;
}

/* On the configured port, or else on one of the system's choice, the same in both families if it is
 * free.
 */
static int open_sockets(struct uplink_pair *pair, struct link_settings *set)
{
	bool is_free = endpoint_port(&set->bind) == 0;
	int r;

	if (is_free)
		endpoint_set_port(&set->bind, port_of_other(pair));
	r = link_open(pair->link, set);
	if (r != -EADDRINUSE || !is_free)
		return r;
	endpoint_set_port(&set->bind, 0);
	return link_open(pair->link, set);
}

static int open_link(struct uplink_pair *pair)
{
	struct link_settings set = link_settings(pair);
	struct control *control = pair->uplink->control;
	int r;

	memcpy(pair->link->name, set.name, sizeof set.name);
	r = open_sockets(pair, &set);
	if (r)
		return r;
	pair->source = (struct event_source){.fd = pair->link->handshake_fd, .ready = on_handshake};
	r = loop_watch(&control->loop, &pair->source, EPOLLIN);
	if (!r)
		r = engine_link_start(control->engine, pair->link, rx_cpu(pair->uplink));
	if (r) {
		loop_unwatch(&control->loop, &pair->source);
		link_close(pair->link);
	}
	return r;
}

/* Whether its own address is still ours: a socket of another port can be bound to it. */
static int check_address(const struct uplink_pair *pair)
{
	struct endpoint at = pair->link->bound;
	int fd = socket(endpoint_family(&at), SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	int r;

	if (fd < 0)
		return -errno;
	endpoint_set_port(&at, 0);
	r = bind(fd, &at.sa, endpoint_len(&at)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* Its device or address was away. */
static int reopen_link(struct uplink_pair *pair)
{
	struct link_settings set = link_settings(pair);
	struct loop *loop = &pair->uplink->control->loop;
	int r = check_address(pair);

	if (r)
		return r;
	loop_unwatch(loop, &pair->source);
	r = link_follow_device(pair->link, &set);
	return loop_watch(loop, &pair->source, EPOLLIN) ? -ENOMEM : r;
}

/* What no waiting mends is an error of the configuration or of privileges. */
static bool is_final(int error)
{
	return error == -EADDRINUSE || error == -EACCES || error == -EPERM;
}

/* The system lacks the family, as with ipv6.disable=1, and the link has another. */
static bool does_without(const struct uplink_pair *pair, int error)
{
	int other = pair->family == AF_INET6 ? AF_INET : AF_INET6;

	return error == -EAFNOSUPPORT && uplink_allows(pair->uplink, other);
}

static void log_unusable(const struct uplink_pair *pair, int error)
{
	const char *name = pair->uplink->name;
	struct endpoint at = bind_address(pair);
	bool is_ipv6 = pair->family == AF_INET6;
	const char *device = *pair->device ? pair->device : NULL;
	char text[ENDPOINT_TEXT_LEN], hint[REFUSAL_HINT_LEN];

	if (!strcmp(pair->reason, strerror(-error)))
		return; /* said before */
	endpoint_format(&at, text);
	refusal_hint(-error, hint);
	if (is_final(error))
		log_error("link=%s: cannot use %s%s%s, %s%s", name, text,
		          device ? " on device " : "", device ? device : "", strerror(-error),
		          hint);
	else if (does_without(pair, error))
		log_warning("link=%s: this system has no %s, using %s alone", name,
		            is_ipv6 ? "IPv6" : "IPv4", is_ipv6 ? "IPv4" : "IPv6");
	else
		log_warning("link=%s: cannot use %s%s%s, %s; trying again in %.0f s%s", name, text,
		            device ? " on device " : "", device ? device : "", strerror(-error),
		            (double)pair->uplink->control->config->error_backoff_ns / NS_PER_S,
		            hint);
}

/* Another link that is up on the device of @pair, or NULL. */
static const struct uplink *find_twin(const struct uplink_pair *pair)
{
	const struct control *control = pair->uplink->control;

	for (unsigned i = 0; *pair->device && i < control->uplink_count; i++) {
		const struct uplink *other = &control->uplink[i];
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
	set_state(pair, UPLINK_UP, reason, now_ns);
}

/* Opens or, where it is open already, binds to its device anew. */
static int try_pair(struct uplink_pair *pair, uint64_t now_ns)
{
	struct endpoint at = bind_address(pair);
	const char *device = pair->device;
	char bound[ENDPOINT_TEXT_LEN];
	int r;

	line_device(&pair->uplink->line, &at, pair->device);
	if (*device && !netif_is_usable(device))
		r = -ENODEV;
	else
		r = pair->link->is_open ? reopen_link(pair) : open_link(pair);
	if (r) {
		log_unusable(pair, r);
		set_state(pair, UPLINK_WAITING, strerror(-r), now_ns);
		if (!does_without(pair, r))
			try_later(pair, now_ns);
		return r;
	}
	set_up(pair, now_ns);
	log_info("link=%s: up, bound to %s%s%s", pair->uplink->name,
	         endpoint_format(&pair->link->bound, bound), *device ? " on device " : "", device);
	tell_peers_back(pair, now_ns);
	return 0;
}

struct link *uplink_want(struct uplink *uplink, int family, uint64_t now_ns)
{
	struct uplink_pair *pair = pair_of(uplink, family);

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
		set_state(pair, UPLINK_UP, "rested", now_ns);
		log_info("link=%s: rested, trying again", pair->uplink->name);
		tell_peers_back(pair, now_ns);
	}
}

/* Which families the configuration names for it, by its own address or else by numeric endpoints
 * that it is to reach. A link that is meant for nothing waits to be contacted, over IPv4.
 */
static void find_families(const struct uplink *uplink, bool ret[LINK_FAMILIES])
{
	const struct config *config = uplink->control->config;
	bool has_endpoint = false;

	ret[0] = ret[1] = false;
	if (endpoint_family(&uplink->line.bind) != AF_UNSPEC) {
		ret[0] = uplink_allows(uplink, AF_INET);
		ret[1] = uplink_allows(uplink, AF_INET6);
		return;
	}
	for (size_t i = 0; i < config->peer_count; i++) {
		for (size_t k = 0; k < config->peers[i].endpoint_count; k++) {
			const struct config_peer_endpoint *e = &config->peers[i].endpoints[k];
			struct endpoint ep;

			if (e->link >= 0 && (unsigned)e->link != uplink->id)
				continue;
			has_endpoint = true;
			if (endpoint_parse(e->address, 0, &ep) == 0)
				ret[endpoint_family(&ep) == AF_INET6] = true;
		}
	}
	ret[0] |= !has_endpoint;
}

static void init_pair(struct uplink *uplink, unsigned i)
{
	struct control *control = uplink->control;

	uplink->pair[i] = (struct uplink_pair){
		.uplink = uplink,
		.link = engine_link(control->engine, uplink->id * LINK_FAMILIES + i),
		.family = i ? AF_INET6 : AF_INET,
		.deadline.expired = on_deadline};
	set_state(&uplink->pair[i], UPLINK_WAITING, "", control->loop.now_ns);
}

/* What the configuration says of it. */
static void learn(struct uplink *uplink, const struct config_link *config)
{
	snprintf(uplink->name, sizeof uplink->name, "%s", config->name);
	uplink->line = (struct line){.bind = config->bind,
	                             .any_device = config->any_device,
	                             .has_fwmark = config->has_fwmark,
	                             .fwmark = config->fwmark};
	if (config->device)
		snprintf(uplink->line.device, sizeof uplink->line.device, "%s", config->device);
	uplink->both_families = config->both_families;
	uplink->weight = config->weight;
}

void uplinks_init(struct control *control)
{
	control->uplink_count = (unsigned)control->config->link_count;
	for (unsigned i = 0; i < control->uplink_count; i++) {
		struct uplink *uplink = &control->uplink[i];

		*uplink = (struct uplink){.control = control, .id = i};
		learn(uplink, &control->config->links[i]);
		for (unsigned k = 0; k < LINK_FAMILIES; k++)
			init_pair(uplink, k);
	}
}

int uplinks_open(struct control *control, uint64_t now_ns)
{
	for (unsigned i = 0; i < control->uplink_count; i++) {
		struct uplink *uplink = &control->uplink[i];
		bool is_named[LINK_FAMILIES];

		find_families(uplink, is_named);
		if (!is_named[0] && !is_named[1])
			set_state(&uplink->pair[0], UPLINK_WAITING,
			          "for the address of a host name", now_ns);
		for (unsigned k = 0; k < LINK_FAMILIES; k++) {
			struct uplink_pair *pair = &uplink->pair[k];
			int r;

			if (!is_named[k])
				continue;
			pair->is_wanted = true;
			r = try_pair(pair, now_ns);
			if (is_final(r))
				return r;
		}
	}
	return 0;
}

/* ---- events ---- */

void uplink_refused(struct uplink *uplink, const struct link *link, int error, uint64_t now_ns)
{
	struct uplink_pair *pair = &uplink->pair[link->id % LINK_FAMILIES];

	if (pair->state != UPLINK_UP)
		return;
	log_warning("link=%s: the system refuses to send, %s; resting for %.0f s", uplink->name,
	            strerror(error), (double)uplink->control->config->error_backoff_ns / NS_PER_S);
	set_state(pair, UPLINK_RESTING, strerror(error), now_ns);
	try_later(pair, now_ns);
	tell_peers_failed(pair, refusal_reason(error), now_ns);
}

void uplinks_try_again(struct control *control, uint64_t now_ns)
{
	for (unsigned i = 0; i < control->uplink_count; i++) {
		for (unsigned k = 0; k < LINK_FAMILIES; k++) {
			struct uplink_pair *pair = &control->uplink[i].pair[k];

			if (pair->state == UPLINK_RESTING)
				deadline_set(&control->loop.deadlines, &pair->deadline, now_ns);
		}
	}
}

static void lose(struct uplink_pair *pair, const char *reason, uint64_t now_ns)
{
	if (pair->state == UPLINK_WAITING)
		return;
	log_warning("link=%s: down, %s; waiting for it", pair->uplink->name, reason);
	set_state(pair, UPLINK_WAITING, reason, now_ns);
	try_later(pair, now_ns);
	tell_peers_failed(pair, reason, now_ns);
}

static bool is_bound_to(const struct uplink *uplink, const struct prefix *address)
{
	const struct endpoint *ep = &uplink->line.bind;

	if (endpoint_family(ep) != address->family)
		return false;
	if (address->family == AF_INET)
		return !memcmp(&ep->in4.sin_addr, address->addr, 4);
	return !memcmp(&ep->in6.sin6_addr, address->addr, 16);
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
	struct endpoint at = bind_address(pair);
	char name[IF_NAMESIZE];

	line_device(&pair->uplink->line, &at, name);
	if (*name && !netif_is_usable(name))
		return false;
	if (!*name && !line_has_address(&at))
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
	if (event->kind == NETIF_LINK_DOWN)
		lose(pair, "its device is down", now_ns);
	else if (!follow(pair, now_ns))
		lose(pair,
		     event->kind == NETIF_ADDRESS_REMOVED ? "its address is gone"
		                                          : "its device is gone",
		     now_ns);
}

/* Whether @event is about the device that the pair has, or would have. */
static bool is_about_device(const struct uplink_pair *pair, const struct netif_event *event)
{
	struct endpoint at = bind_address(pair);
	char name[IF_NAMESIZE];

	if (!*event->name || event->kind == NETIF_ADDRESS_ADDED ||
	    event->kind == NETIF_ADDRESS_REMOVED)
		return false;
	if (!strcmp(pair->device, event->name))
		return true;
	line_device(&pair->uplink->line, &at, name);
	return !strcmp(name, event->name);
}

void uplink_netif_event(struct control *control, const struct netif_event *event)
{
	uint64_t now_ns = control->loop.now_ns;

	for (unsigned i = 0; i < control->uplink_count; i++) {
		struct uplink *uplink = &control->uplink[i];
		bool is_address = is_bound_to(uplink, &event->address);

		for (unsigned k = 0; k < LINK_FAMILIES; k++) {
			struct uplink_pair *pair = &uplink->pair[k];

			if (pair->is_wanted &&
			    ((is_address && pair->family == event->address.family) ||
			     is_about_device(pair, event)))
				look_at_pair(pair, event, now_ns);
		}
	}
}
