/* SPDX-License-Identifier: MIT */
/* Subscribing comes before the first dump, so a change in between is seen twice and none is missed.
 * The kernel drops notifications when we are slow and says so once (ENOBUFS); what was queued
 * before is read first, then a new dump is compared with the table.
 */
#include "control/netif_monitor.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "control/netif.h"

#define GROUPS                                                                       \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | \
	 RTMGRP_IPV6_ROUTE)
#define BUFFER_LEN   32768u    /* bytes; the most the kernel puts in one datagram of a dump */
#define READS_MAX    256u      /* datagrams per call, so that a flood of routes stops nobody */
#define SOCKET_BYTES (1 << 20) /* a few thousand notifications may wait */
#define FIRST_ROOM   16u       /* known links; doubles from there */
#define DUMP_TRIES   8u        /* links that change while they are listed make it start anew */

struct netif_link {
	int index;
	bool is_usable;
	bool was_seen; /* in the dump that runs */
	char name[IF_NAMESIZE];
};

static void tell(struct netif_monitor *monitor, const struct netif_event *event)
{
	if (monitor->event)
		monitor->event(event, monitor->arg);
}

static void tell_link(struct netif_monitor *monitor, enum netif_event_kind kind,
                      const struct netif_link *link)
{
	tell(monitor, &(struct netif_event){kind, link->index, link->name, {0}});
}

static struct netif_link *find(const struct netif_monitor *monitor, int index)
{
	for (size_t i = 0; i < monitor->link_count; i++)
		if (monitor->links[i].index == index)
			return &monitor->links[i];
	return NULL;
}

static void forget(struct netif_monitor *monitor, struct netif_link *link)
{
	struct netif_link gone = *link;

	*link = monitor->links[--monitor->link_count];
	tell_link(monitor, NETIF_LINK_GONE, &gone);
}

static struct netif_link *learn(struct netif_monitor *monitor, int index, const char *name)
{
	if (monitor->link_count == monitor->link_room) {
		size_t room = monitor->link_room ? 2 * monitor->link_room : FIRST_ROOM;
		struct netif_link *links =
			reallocarray(monitor->links, room, sizeof *monitor->links);
		if (!links)
			return NULL;
		monitor->links = links;
		monitor->link_room = room;
	}
	struct netif_link *link = &monitor->links[monitor->link_count++];
	*link = (struct netif_link){.index = index};
	strncpy(link->name, name, sizeof link->name - 1);
	tell_link(monitor, NETIF_LINK_APPEARED, link);
	return link;
}

static int update_link(struct netif_monitor *monitor, int index, const char *name, bool is_usable)
{
	struct netif_link *link = find(monitor, index);

	if (link && strcmp(link->name, name) != 0) {
		forget(monitor, link);
		link = NULL;
	}
	if (!link)
		link = learn(monitor, index, name);
	if (!link)
		return -ENOMEM;
	link->was_seen = true;
	if (link->is_usable == is_usable)
		return 0;
	link->is_usable = is_usable;
	tell_link(monitor, is_usable ? NETIF_LINK_UP : NETIF_LINK_DOWN, link);
	return 0;
}

static const char *link_name(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	}
	return NULL;
}

static int on_link(struct netif_monitor *monitor, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *msg = mnl_nlmsg_get_payload(nlh);
	const char *name = link_name(nlh);

	if (msg->ifi_family != AF_UNSPEC)
		return 0; /* a bridge tells of its ports; leaving one is no end of the link */
	if (nlh->nlmsg_type == RTM_DELLINK) {
		struct netif_link *link = find(monitor, msg->ifi_index);

		if (link)
			forget(monitor, link);
		return 0;
	}
	if (!name)
		return 0;
	return update_link(monitor, msg->ifi_index, name,
	                   (msg->ifi_flags & IFF_UP) && (msg->ifi_flags & IFF_RUNNING));
}

/* Of a point-to-point address IFA_ADDRESS is the far end and IFA_LOCAL ours; plain IPv6 ones have
 * only IFA_ADDRESS.
 */
static void address_of(const struct nlmsghdr *nlh, struct prefix *ret, uint32_t *ret_flags)
{
	const struct ifaddrmsg *msg = mnl_nlmsg_get_payload(nlh);
	size_t bytes = msg->ifa_family == AF_INET ? 4 : 16;
	const struct nlattr *attr, *address = NULL, *local = NULL;

	*ret = (struct prefix){.family = msg->ifa_family, .len = msg->ifa_prefixlen};
	*ret_flags = msg->ifa_flags;
	mnl_attr_for_each(attr, nlh, sizeof *msg)
	{
		uint16_t type = mnl_attr_get_type(attr), len = mnl_attr_get_payload_len(attr);

		if (type == IFA_LOCAL && len == bytes)
			local = attr;
		else if (type == IFA_ADDRESS && len == bytes)
			address = attr;
		else if (type == IFA_FLAGS && len == sizeof(uint32_t))
			*ret_flags = mnl_attr_get_u32(attr);
	}
	if (local || address)
		memcpy(ret->addr, mnl_attr_get_payload(local ? local : address), bytes);
}

static int on_address(struct netif_monitor *monitor, const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *msg = mnl_nlmsg_get_payload(nlh);
	bool is_added = nlh->nlmsg_type == RTM_NEWADDR;
	const struct netif_link *link = find(monitor, (int)msg->ifa_index);
	struct netif_event event = {is_added ? NETIF_ADDRESS_ADDED : NETIF_ADDRESS_REMOVED,
	                            (int)msg->ifa_index,
	                            link ? link->name : "",
	                            {0}};
	uint32_t flags;

	if (msg->ifa_family != AF_INET && msg->ifa_family != AF_INET6)
		return 0;
	address_of(nlh, &event.address, &flags);
	/* Nothing can be bound to it; another notification follows when it has passed. */
	bool is_pending = flags & IFA_F_TENTATIVE && !(flags & IFA_F_OPTIMISTIC);
	if (is_added && (is_pending || flags & IFA_F_DADFAILED))
		return 0;
	tell(monitor, &event);
	return 0;
}

static int on_route(struct netif_monitor *monitor, const struct nlmsghdr *nlh)
{
	const struct rtmsg *msg = mnl_nlmsg_get_payload(nlh);

	if (msg->rtm_flags & RTM_F_CLONED || msg->rtm_table == RT_TABLE_LOCAL)
		return 0; /* caches, and what goes with addresses */
	if (msg->rtm_protocol != NETIF_ROUTE_PROTOCOL)
		monitor->routes_changed = true;
	return 0;
}

static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	static const struct {
		int (*handle)(struct netif_monitor *monitor, const struct nlmsghdr *nlh);
		size_t header_len;
	} handlers[] = {
		[RTM_NEWLINK] = {on_link, sizeof(struct ifinfomsg)},
		[RTM_DELLINK] = {on_link, sizeof(struct ifinfomsg)},
		[RTM_NEWADDR] = {on_address, sizeof(struct ifaddrmsg)},
		[RTM_DELADDR] = {on_address, sizeof(struct ifaddrmsg)},
		[RTM_NEWROUTE] = {on_route, sizeof(struct rtmsg)},
		[RTM_DELROUTE] = {on_route, sizeof(struct rtmsg)},
	};
	size_t type = nlh->nlmsg_type;

	if (type >= sizeof handlers / sizeof handlers[0] || !handlers[type].handle ||
	    mnl_nlmsg_get_payload_len(nlh) < handlers[type].header_len)
		return MNL_CB_OK;
	int err = handlers[type].handle(arg, nlh);
	if (!err)
		return MNL_CB_OK;
	errno = -err;
	return MNL_CB_ERROR;
}

/* Asks for all links on a socket of its own and compares them with the table as they come. */
static int dump_once(struct netif_monitor *monitor)
{
	alignas(struct nlmsghdr) uint8_t buf[BUFFER_LEN];
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int more = MNL_CB_ERROR;

	if (!nl)
		return -errno;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (!mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) &&
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) >= 0) {
		do {
			ssize_t len = mnl_socket_recvfrom(nl, buf, sizeof buf);

			more = len < 0 ? MNL_CB_ERROR
			               : mnl_cb_run(buf, (size_t)len, 1, mnl_socket_get_portid(nl),
			                            on_message, monitor);
		} while (more == MNL_CB_OK);
	}
	int err = more == MNL_CB_ERROR ? -errno : 0;
	mnl_socket_close(nl);
	return err;
}

/* Brings the table up to date. libmnl says EINTR when the list changed while it was dumped. */
static int sync_links(struct netif_monitor *monitor)
{
	int err = -EINTR;

	for (unsigned try = 0; err == -EINTR && try < DUMP_TRIES; try++) {
		for (size_t i = 0; i < monitor->link_count; i++)
			monitor->links[i].was_seen = false;
		err = dump_once(monitor);
	}
	if (err)
		return err;
	for (size_t i = monitor->link_count; i-- > 0;)
		if (!monitor->links[i].was_seen)
			forget(monitor, &monitor->links[i]);
	return 0;
}

int netif_monitor_init(struct netif_monitor *monitor)
{
	int bytes = SOCKET_BYTES, err;

	*monitor = (struct netif_monitor){0};
	monitor->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!monitor->nl)
		return -errno;
	int fd = mnl_socket_get_fd(monitor->nl);
	/* Past net.core.rmem_max with CAP_NET_ADMIN; else as far as allowed. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
	err = mnl_socket_bind(monitor->nl, GROUPS, MNL_SOCKET_AUTOPID) ? -errno : 0;
	if (!err)
		err = sync_links(monitor);
	if (err)
		netif_monitor_fini(monitor);
	return err;
}

void netif_monitor_fini(struct netif_monitor *monitor)
{
	if (!monitor)
		return;
	if (monitor->nl)
		mnl_socket_close(monitor->nl);
	free(monitor->links);
	*monitor = (struct netif_monitor){0};
}

int netif_monitor_fd(const struct netif_monitor *monitor)
{
	return mnl_socket_get_fd(monitor->nl);
}

/* Reads what waits. Returns 0 when nothing is left, a positive value when READS_MAX ended it first,
 * or a negative errno.
 */
static int drain(struct netif_monitor *monitor)
{
	alignas(struct nlmsghdr) uint8_t buf[BUFFER_LEN];

	for (unsigned i = 0; i < READS_MAX; i++) {
		ssize_t len = mnl_socket_recvfrom(monitor->nl, buf, sizeof buf);

		if (len < 0 && errno == EAGAIN)
			return 0;
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != ENOBUFS && errno != ENOSPC)
			return -errno;
		if (len < 0 || mnl_cb_run(buf, (size_t)len, 0, 0, on_message, monitor) < 0)
			monitor->must_resync = true; /* lost, cut off or not remembered */
	}
	return 1;
}

static int resync(struct netif_monitor *monitor)
{
	int err = sync_links(monitor);

	if (err)
		return err;
	monitor->must_resync = false;
	tell(monitor, &(struct netif_event){NETIF_RESYNC, 0, "", {0}});
	return 0;
}

int netif_monitor_read(struct netif_monitor *monitor, netif_event_fn event, void *arg)
{
	thread_assert_role(THREAD_CONTROL);
	monitor->event = event;
	monitor->arg = arg;
	int err = drain(monitor);
	if (!err && monitor->must_resync)
		err = resync(monitor);
	if (monitor->routes_changed)
		tell(monitor, &(struct netif_event){NETIF_ROUTES_CHANGED, 0, "", {0}});
	monitor->routes_changed = false;
	monitor->event = NULL;
	return err < 0 ? err : 0;
}
