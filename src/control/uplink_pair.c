/* SPDX-License-Identifier: MIT */
#include "control/uplink_pair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/netif.h"

/* Any address where the configuration names none or that of IPv6, which stands for both families.
 */
static struct endpoint address_in(int family, const struct endpoint *bind)
{
	struct endpoint any = {.sa.sa_family = (sa_family_t)family};

	if (endpoint_family(bind) == family)
		return *bind;
	if (endpoint_family(bind) != AF_UNSPEC)
		endpoint_set_port(&any, endpoint_port(bind));
	return any;
}

const char *uplink_state_name(enum uplink_state state)
{
	static const char *const names[] = {
		[UPLINK_WAITING] = "waiting", [UPLINK_UP] = "up", [UPLINK_RESTING] = "resting"};

	return names[state];
}

void uplink_pair_init(struct uplink_pair *pair, struct link *link, int family,
                      const struct line *line, bool has_offloads)
{
	*pair = (struct uplink_pair){.link = link,
	                             .family = family,
	                             .has_offloads = has_offloads,
	                             .leaves_for = LINK_STATE_NO_DEVICE};
	uplink_pair_set_line(pair, line);
}

void uplink_pair_set_line(struct uplink_pair *pair, const struct line *line)
{
	pair->line = *line;
	pair->line.bind = address_in(pair->family, &line->bind);
	*pair->device = '\0';
}

void uplink_pair_set_state(struct uplink_pair *pair, enum uplink_state state, const char *reason,
                           uint64_t now_ns)
{
	pair->state = state;
	pair->since_ns = now_ns;
	snprintf(pair->reason, sizeof pair->reason, "%s", reason);
}

enum link_state_word uplink_pair_link_state(const struct uplink_pair *pair)
{
	switch (pair->state) {
	case UPLINK_UP:
		return LINK_STATE_CARRIES;
	case UPLINK_RESTING:
		return LINK_STATE_REFUSED;
	case UPLINK_WAITING:
		break;
	}
	return pair->leaves_for;
}

bool uplink_pair_has_port(const struct uplink_pair *pair, const struct endpoint *from)
{
	const struct link *link = pair->link;

	return link->is_open && endpoint_family(&link->bound) == endpoint_family(from) &&
	       endpoint_port(&link->bound) == endpoint_port(from);
}

int uplink_pair_find_device(struct uplink_pair *pair)
{
	line_device(&pair->line, &pair->line.bind, pair->device);
	return *pair->device && !netif_is_usable(pair->device) ? -ENODEV : 0;
}

static struct link_settings settings(const struct uplink_pair *pair)
{
	struct link_settings set = {.bind = pair->line.bind,
	                            .device = *pair->device ? pair->device : NULL,
	                            .fwmark = pair->line.fwmark,
	                            .has_fwmark = pair->line.has_fwmark,
	                            .has_offloads = pair->has_offloads};

	memcpy(set.name, pair->link->name, sizeof set.name);
	return set;
}

int uplink_pair_open(struct uplink_pair *pair, uint16_t wanted_port)
{
	struct link_settings set = settings(pair);
	bool is_free = endpoint_port(&set.bind) == 0;
	int r;

	if (is_free)
		endpoint_set_port(&set.bind, wanted_port);
	r = link_open(pair->link, &set);
	if (r != -EADDRINUSE || !is_free)
		return r;
	endpoint_set_port(&set.bind, 0);
	return link_open(pair->link, &set);
}

int uplink_pair_check_address(const struct uplink_pair *pair)
{
	struct endpoint at = pair->link->bound;
	int fd = socket(endpoint_family(&at), SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
	int r;

	if (fd < 0)
		return -errno;
	endpoint_set_port(&at, 0); /* a socket of another port can be bound to it */
	r = bind(fd, &at.sa, endpoint_len(&at)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int uplink_pair_follow(struct uplink_pair *pair)
{
	struct link_settings set = settings(pair);

	return link_follow_device(pair->link, &set);
}
