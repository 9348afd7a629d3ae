/* SPDX-License-Identifier: MIT */
#include "control/uplink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "control/control.h"
#include "control/netif.h"
#include "control/refusal.h"
#include "crypto/secret.h"

/* Handshake messages taken from one link per turn of the loop: the rest waits in the socket, and
 * timers and probes get their turn. Meeting the bound means load (whitepaper 5.3).
 */
#define HANDSHAKES_PER_TURN 64u
#define LOADED_NS           NS_PER_S

const char *uplink_state_name(enum uplink_state state)
{
	static const char *const names[] = {
		[UPLINK_WAITING] = "waiting", [UPLINK_UP] = "up", [UPLINK_RESTING] = "resting"};

	return names[state];
}

bool uplink_is_usable(const struct uplink *uplink)
{
	return uplink->state == UPLINK_UP;
}

static void set_state(struct uplink *uplink, enum uplink_state state, const char *reason,
                      uint64_t now_ns)
{
	uplink->state = state;
	uplink->since_ns = now_ns;
	snprintf(uplink->reason, sizeof uplink->reason, "%s", reason);
}

static void tell_peers_failed(struct uplink *uplink, const char *reason, uint64_t now_ns)
{
	struct control *control = uplink->control;

	for (size_t i = 0; i < control->peer_count; i++) {
		path_uplink_failed(control->peers[i], uplink, reason, now_ns);
		deadline_set(&control->loop.deadlines, &control->peers[i]->deadline, now_ns);
	}
}

static void tell_peers_back(struct uplink *uplink, uint64_t now_ns)
{
	struct control *control = uplink->control;

	for (size_t i = 0; i < control->peer_count; i++) {
		path_uplink_back(control->peers[i], uplink);
		deadline_set(&control->loop.deadlines, &control->peers[i]->deadline, now_ns);
	}
}

/* A path's MTU that ICMP has lowered is forgotten by the system after ten minutes. */
#define TRAINS_RETRY_NS (11 * 60 * NS_PER_S)

static void tell_trains(struct uplink *uplink, uint64_t now_ns)
{
	struct link *link = uplink->link;
	int error = atomic_exchange(&link->train_errno, 0);
	unsigned max = atomic_load_explicit(&link->train_max, memory_order_relaxed);

	if (error) {
		uplink->trains_since_ns = now_ns;
		if (error != uplink->trains_told)
			log_warning("link=%s: trains of datagrams are refused, %s; those above %u "
			            "bytes leave one by one",
			            link->name, strerror(error), max);
		uplink->trains_told = error;
	} else if (max > 0 && max < UINT16_MAX &&
	           now_ns >= uplink->trains_since_ns + TRAINS_RETRY_NS) {
		atomic_store_explicit(&link->train_max, UINT16_MAX, memory_order_relaxed);
	}
}

void uplinks_tell_trains(struct control *control, uint64_t now_ns)
{
	for (unsigned i = 0; i < control->uplink_count; i++)
		tell_trains(&control->uplink[i], now_ns);
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
			handshake_receive(control, &m->route, m->at + at, len, now_ns);
	}
	return taken;
}

static void on_handshake(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct uplink *uplink = caa_container_of(source, struct uplink, source);
	struct control *control = uplink->control;
	struct link_message m;
	unsigned taken = 0;

	(void)events;
	while (taken < HANDSHAKES_PER_TURN) {
		int r = link_receive_handshakes(uplink->link, &m);

		if (r == -EAGAIN)
			return;
		taken += r ? 1 : take_messages(control, &m, now_ns);
	}
	if (now_ns >= control->loaded_until_ns)
		log_warning("link=%s: many handshake messages, asking senders for cookies",
		            uplink->config->name);
	control->loaded_until_ns = now_ns + LOADED_NS;
}

/* 0.0.0.0:0 or [::]:0 where the configuration names no address. */
static struct endpoint bind_address(const struct uplink *uplink)
{
	struct endpoint any = {0};

	if (endpoint_family(&uplink->config->bind) != AF_UNSPEC)
		return uplink->config->bind;
	any.sa.sa_family = (sa_family_t)uplink->family;
	return any;
}

static int rx_cpu(const struct uplink *uplink)
{
	const struct config_cpus *cpus = &uplink->control->config->cpus_rx;

	return cpus->count ? cpus->cpu[uplink->id % cpus->count] : -1;
}

static struct link_settings link_settings(const struct uplink *uplink)
{
	const struct config_link *config = uplink->config;
	struct link_settings set = {.bind = bind_address(uplink),
	                            .device = config->device,
	                            .fwmark = config->fwmark,
	                            .has_fwmark = config->has_fwmark,
	                            .has_offloads = uplink->control->config->has_offloads};

	snprintf(set.name, sizeof set.name, "%s", config->name);
	return set;
}

static int open_link(struct uplink *uplink)
{
	struct link_settings set = link_settings(uplink);
	struct control *control = uplink->control;
	int r;

	memcpy(uplink->link->name, set.name, sizeof set.name);
	r = link_open(uplink->link, &set);
	if (r)
		return r;
	uplink->source =
		(struct event_source){.fd = uplink->link->handshake_fd, .ready = on_handshake};
	r = loop_watch(&control->loop, &uplink->source, EPOLLIN);
	if (!r)
		r = engine_link_start(control->engine, uplink->link, rx_cpu(uplink));
	if (r) {
		loop_unwatch(&control->loop, &uplink->source);
		link_close(uplink->link);
	}
	return r;
}

/* Whether its own address is still ours: a socket of another port can be bound to it. */
static int check_address(const struct uplink *uplink)
{
	struct endpoint at = uplink->link->bound;
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
static int reopen_link(struct uplink *uplink)
{
	struct link_settings set = link_settings(uplink);
	int r = check_address(uplink);

	if (r)
		return r;
	loop_unwatch(&uplink->control->loop, &uplink->source);
	r = link_follow_device(uplink->link, &set);
	return loop_watch(&uplink->control->loop, &uplink->source, EPOLLIN) ? -ENOMEM : r;
}

/* What no waiting mends is an error of the configuration or of privileges. */
static bool is_final(int error)
{
	return error == -EADDRINUSE || error == -EACCES || error == -EPERM;
}

static void log_unusable(const struct uplink *uplink, int error)
{
	struct endpoint at = bind_address(uplink);
	const char *device = uplink->config->device;
	char text[ENDPOINT_TEXT_LEN], hint[REFUSAL_HINT_LEN];

	if (!strcmp(uplink->reason, strerror(-error)))
		return; /* said before */
	endpoint_format(&at, text);
	refusal_hint(-error, hint);
	if (is_final(error))
		log_error("link=%s: cannot use %s%s%s, %s%s", uplink->config->name, text,
		          device ? " on device " : "", device ? device : "", strerror(-error),
		          hint);
	else
		log_warning("link=%s: cannot use %s%s%s, %s; trying again in %.0f s%s",
		            uplink->config->name, text, device ? " on device " : "",
		            device ? device : "", strerror(-error),
		            (double)uplink->control->config->error_backoff_ns / NS_PER_S, hint);
}

int uplink_open(struct uplink *uplink, uint64_t now_ns)
{
	char bound[ENDPOINT_TEXT_LEN];
	int r;

	if (uplink->config->device && !netif_is_usable(uplink->config->device))
		r = -ENODEV;
	else
		r = uplink->link->is_open ? reopen_link(uplink) : open_link(uplink);
	if (r) {
		log_unusable(uplink, r);
		set_state(uplink, UPLINK_WAITING, strerror(-r), now_ns);
		deadline_set(&uplink->control->loop.deadlines, &uplink->deadline,
		             now_ns + uplink->control->config->error_backoff_ns);
		return r;
	}
	set_state(uplink, UPLINK_UP, "open", now_ns);
	log_info("link=%s: up, bound to %s%s%s", uplink->config->name,
	         endpoint_format(&uplink->link->bound, bound),
	         uplink->config->device ? " on device " : "",
	         uplink->config->device ? uplink->config->device : "");
	tell_peers_back(uplink, now_ns);
	return 0;
}

static void on_deadline(struct deadline *d, uint64_t now_ns)
{
	struct uplink *uplink = caa_container_of(d, struct uplink, deadline);

	if (uplink->state == UPLINK_WAITING) {
		if (uplink->family != AF_UNSPEC)
			uplink_open(uplink, now_ns);
		return;
	}
	if (uplink->state == UPLINK_RESTING) {
		set_state(uplink, UPLINK_UP, "rested", now_ns);
		log_info("link=%s: rested, trying again", uplink->config->name);
		tell_peers_back(uplink, now_ns);
	}
}

/* The family of the first numeric endpoint in the configuration that goes over it. */
static int configured_family(const struct uplink *uplink)
{
	const struct config *config = uplink->control->config;
	bool has_names = false;

	if (endpoint_family(&uplink->config->bind) != AF_UNSPEC)
		return endpoint_family(&uplink->config->bind);
	for (size_t i = 0; i < config->peer_count; i++) {
		for (size_t k = 0; k < config->peers[i].endpoint_count; k++) {
			const struct config_peer_endpoint *e = &config->peers[i].endpoints[k];
			struct endpoint ep;

			if (e->link >= 0 && (unsigned)e->link != uplink->id)
				continue;
			if (endpoint_parse(e->address, 0, &ep) == 0)
				return endpoint_family(&ep);
			has_names = true;
		}
	}
	return has_names ? AF_UNSPEC : AF_INET;
}

int uplinks_open(struct control *control, uint64_t now_ns)
{
	for (unsigned i = 0; i < control->uplink_count; i++) {
		struct uplink *uplink = &control->uplink[i];
		int r;

		uplink->deadline.expired = on_deadline;
		uplink->family = configured_family(uplink);
		set_state(uplink, UPLINK_WAITING, "", now_ns);
		if (uplink->family == AF_UNSPEC) {
			set_state(uplink, UPLINK_WAITING, "for the address of a host name", now_ns);
			continue;
		}
		r = uplink_open(uplink, now_ns);
		if (is_final(r))
			return r;
	}
	return 0;
}

/* ---- events ---- */

void uplink_refused(struct uplink *uplink, int error, uint64_t now_ns)
{
	struct control *control = uplink->control;

	if (uplink->state != UPLINK_UP)
		return;
	log_warning("link=%s: the system refuses to send, %s; resting for %.0f s",
	            uplink->config->name, strerror(error),
	            (double)control->config->error_backoff_ns / NS_PER_S);
	set_state(uplink, UPLINK_RESTING, strerror(error), now_ns);
	deadline_set(&control->loop.deadlines, &uplink->deadline,
	             now_ns + control->config->error_backoff_ns);
	tell_peers_failed(uplink, refusal_reason(error), now_ns);
}

static void lose(struct uplink *uplink, const char *reason, uint64_t now_ns)
{
	if (uplink->state == UPLINK_WAITING)
		return;
	log_warning("link=%s: down, %s; waiting for it", uplink->config->name, reason);
	set_state(uplink, UPLINK_WAITING, reason, now_ns);
	deadline_set(&uplink->control->loop.deadlines, &uplink->deadline,
	             now_ns + uplink->control->config->error_backoff_ns);
	tell_peers_failed(uplink, reason, now_ns);
}

static bool is_bound_to(const struct uplink *uplink, const struct prefix *address)
{
	const struct endpoint *ep = &uplink->config->bind;

	if (endpoint_family(ep) != address->family)
		return false;
	if (address->family == AF_INET)
		return !memcmp(&ep->in4.sin_addr, address->addr, 4);
	return !memcmp(&ep->in6.sin6_addr, address->addr, 16);
}

static void device_event(struct uplink *uplink, const struct netif_event *event, uint64_t now_ns)
{
	if (event->kind == NETIF_LINK_GONE || event->kind == NETIF_LINK_DOWN)
		lose(uplink,
		     event->kind == NETIF_LINK_GONE ? "its device is gone" : "its device is down",
		     now_ns);
	else if (event->kind == NETIF_LINK_UP && uplink->state == UPLINK_WAITING &&
	         uplink->family != AF_UNSPEC)
		uplink_open(uplink, now_ns);
}

void uplink_netif_event(struct control *control, const struct netif_event *event)
{
	for (unsigned i = 0; i < control->uplink_count; i++) {
		struct uplink *uplink = &control->uplink[i];

		if (uplink->config->device && !strcmp(uplink->config->device, event->name))
			device_event(uplink, event, control->loop.now_ns);
		if (event->kind == NETIF_ADDRESS_REMOVED && is_bound_to(uplink, &event->address))
			lose(uplink, "its address is gone", control->loop.now_ns);
		if (event->kind == NETIF_ADDRESS_ADDED && uplink->state == UPLINK_WAITING &&
		    is_bound_to(uplink, &event->address))
			uplink_open(uplink, control->loop.now_ns);
	}
}
