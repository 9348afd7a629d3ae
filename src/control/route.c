/* SPDX-License-Identifier: MIT */
#include "control/route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <string.h>

#include "control/netif.h"

#define REQUEST_LEN 256u   /* bytes; the longest of ours has three addresses */
#define BUFFER_LEN  32768u /* bytes; the most the kernel puts in one datagram of a dump */

struct request {
	alignas(struct nlmsghdr) uint8_t bytes[REQUEST_LEN];
};

static size_t bytes_of(int family)
{
	return family == AF_INET ? 4 : 16;
}

static const void *address_of(const struct endpoint *ep)
{
	return endpoint_family(ep) == AF_INET ? (const void *)&ep->in4.sin_addr
	                                      : (const void *)&ep->in6.sin6_addr;
}

static struct nlmsghdr *begin(struct request *request, uint16_t type, uint16_t flags,
                              const struct endpoint *to, struct rtmsg **ret)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request->bytes);
	struct rtmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof *msg);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	msg->rtm_family = (uint8_t)endpoint_family(to);
	*ret = msg;
	return nlh;
}

static void put_destination(struct nlmsghdr *nlh, struct rtmsg *msg, const struct endpoint *to)
{
	size_t bytes = bytes_of(endpoint_family(to));

	msg->rtm_dst_len = (uint8_t)(8 * bytes);
	mnl_attr_put(nlh, RTA_DST, bytes, address_of(to));
}

/* Sends the request and gives @each message of the answer to the callback, until that stops it, the
 * end of the dump or the acknowledgement.
 */
static int ask(const struct nlmsghdr *nlh, mnl_cb_t each, void *arg)
{
	alignas(struct nlmsghdr) uint8_t buf[BUFFER_LEN];
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int more = MNL_CB_ERROR, err;

	if (!nl)
		return -errno;
	if (!mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) &&
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) >= 0) {
		do {
			ssize_t len = mnl_socket_recvfrom(nl, buf, sizeof buf);

			if (len < 0 && errno == EINTR)
				more = MNL_CB_OK;
			else
				more = len < 0 ? MNL_CB_ERROR
				               : mnl_cb_run(buf, (size_t)len, nlh->nlmsg_seq,
				                            mnl_socket_get_portid(nl), each, arg);
		} while (more == MNL_CB_OK);
	}
	err = more == MNL_CB_ERROR ? -errno : 0;
	mnl_socket_close(nl);
	return err;
}

/* ---- where an address goes ---- */

static int read_device(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;
	int *ret_index = arg;

	mnl_attr_for_each(attr, nlh, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF)
			*ret_index = (int)mnl_attr_get_u32(attr);
	}
	return MNL_CB_STOP;
}

int route_device(const struct endpoint *to, const struct endpoint *from, uint32_t mark)
{
	struct request request;
	struct rtmsg *msg;
	struct nlmsghdr *nlh = begin(&request, RTM_GETROUTE, 0, to, &msg);
	size_t bytes = bytes_of(endpoint_family(to));
	int index = -ENETUNREACH, r;

	put_destination(nlh, msg, to);
	if (endpoint_family(from) == endpoint_family(to)) {
		msg->rtm_src_len = (uint8_t)(8 * bytes);
		mnl_attr_put(nlh, RTA_SRC, bytes, address_of(from));
	}
	if (mark)
		mnl_attr_put_u32(nlh, RTA_MARK, mark);
	r = ask(nlh, read_device, &index);
	return r ? r : index;
}

/* ---- the way beside ---- */

bool route_hop_equal(const struct route_hop *a, const struct route_hop *b)
{
	return a->ifindex == b->ifindex && a->gateway_family == b->gateway_family &&
	       a->has_source == b->has_source &&
	       !memcmp(a->gateway, b->gateway, sizeof a->gateway) &&
	       !memcmp(a->source, b->source, sizeof a->source);
}

bool route_is_before(const struct route_entry *a, const struct route_entry *b)
{
	return a->to.len != b->to.len ? a->to.len > b->to.len : a->metric < b->metric;
}

struct search {
	int without;      /* index of our device */
	struct prefix to; /* the address */
	struct route_entry best;
	bool is_found, has_host;
};

/* An attribute that is an address of @family. */
static void read_address(const struct nlattr *attr, int family, uint8_t ret[static 16])
{
	if (mnl_attr_get_payload_len(attr) >= bytes_of(family))
		memcpy(ret, mnl_attr_get_payload(attr), bytes_of(family));
}

static void read_via(const struct nlattr *attr, struct route_hop *ret)
{
	const struct rtvia *via = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len < sizeof *via || (via->rtvia_family != AF_INET && via->rtvia_family != AF_INET6) ||
	    len - sizeof *via < bytes_of(via->rtvia_family))
		return;
	ret->gateway_family = (uint8_t)via->rtvia_family;
	memcpy(ret->gateway, via->rtvia_addr, bytes_of(via->rtvia_family));
}

static void read_hop_attr(const struct nlattr *attr, int family, struct route_hop *ret)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_OIF:
		ret->ifindex = (int)mnl_attr_get_u32(attr);
		break;
	case RTA_GATEWAY:
		ret->gateway_family = (uint8_t)family;
		read_address(attr, family, ret->gateway);
		break;
	case RTA_VIA:
		read_via(attr, ret);
		break;
	default:
		break;
	}
}

/* Of several next hops the first that works and is not our device. */
static void read_multipath(const struct nlattr *attr, int family, int without,
                           struct route_hop *ret)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(attr);
	int left = mnl_attr_get_payload_len(attr);

	for (; RTNH_OK(hop, left); left -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		const struct nlattr *inner = (const void *)RTNH_DATA(hop);
		int inner_left = hop->rtnh_len - (int)sizeof *hop;

		if (hop->rtnh_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN) ||
		    hop->rtnh_ifindex == without)
			continue;
		ret->ifindex = hop->rtnh_ifindex;
		for (; mnl_attr_ok(inner, inner_left);
		     inner_left -= MNL_ALIGN(inner->nla_len), inner = mnl_attr_next(inner))
			read_hop_attr(inner, family, ret);
		return;
	}
}

/* The table in @ret_table: the header has no room for the numbers of all. */
static struct route_entry read_entry(const struct nlmsghdr *nlh, int without, uint32_t *ret_table)
{
	const struct rtmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct route_entry entry = {.to = {.family = msg->rtm_family, .len = msg->rtm_dst_len}};
	const struct nlattr *attr;

	*ret_table = msg->rtm_table;
	mnl_attr_for_each(attr, nlh, sizeof *msg)
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			read_address(attr, msg->rtm_family, entry.to.addr);
			break;
		case RTA_TABLE:
			*ret_table = mnl_attr_get_u32(attr);
			break;
		case RTA_PRIORITY:
			entry.metric = mnl_attr_get_u32(attr);
			break;
		case RTA_PREFSRC:
			entry.hop.has_source = true;
			read_address(attr, msg->rtm_family, entry.hop.source);
			break;
		case RTA_MULTIPATH:
			read_multipath(attr, msg->rtm_family, without, &entry.hop);
			break;
		default:
			read_hop_attr(attr, msg->rtm_family, &entry.hop);
		}
	}
	return entry;
}

static bool holds(const struct prefix *network, const struct prefix *address)
{
	struct prefix cut = *address;

	cut.len = network->len;
	prefix_mask(&cut);
	return prefix_equal(&cut, network);
}

static int look_at_route(const struct nlmsghdr *nlh, void *arg)
{
	const struct rtmsg *msg = mnl_nlmsg_get_payload(nlh);
	struct search *search = arg;
	struct route_entry entry;
	uint32_t table;

	if (nlh->nlmsg_type != RTM_NEWROUTE || msg->rtm_family != search->to.family ||
	    msg->rtm_type != RTN_UNICAST || msg->rtm_flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN))
		return MNL_CB_OK;
	entry = read_entry(nlh, search->without, &table);
	bool is_ours = msg->rtm_protocol == NETIF_ROUTE_PROTOCOL && entry.to.len == search->to.len;
	if (table != RT_TABLE_MAIN || !entry.hop.ifindex || entry.hop.ifindex == search->without ||
	    !holds(&entry.to, &search->to))
		return MNL_CB_OK;
	if (is_ours) {
		search->has_host = true;
		return MNL_CB_OK;
	}
	if (!search->is_found || route_is_before(&entry, &search->best))
		search->best = entry;
	search->is_found = true;
	return MNL_CB_OK;
}

int route_beside(int ifindex, const struct endpoint *to, struct route_hop *ret, bool *ret_has_host)
{
	struct search search = {.without = ifindex};
	size_t bytes = bytes_of(endpoint_family(to));
	struct request request;
	struct rtmsg *msg;
	struct nlmsghdr *nlh = begin(&request, RTM_GETROUTE, NLM_F_DUMP, to, &msg);
	int r;

	search.to.family = (uint8_t)endpoint_family(to);
	search.to.len = (uint8_t)(8 * bytes);
	memcpy(search.to.addr, address_of(to), bytes);
	r = ask(nlh, look_at_route, &search);
	*ret_has_host = search.has_host;
	if (!r && !search.is_found)
		r = -ENETUNREACH;
	if (!r)
		*ret = search.best.hop;
	return r;
}

/* ---- host routes of ours ---- */

static void put_gateway(struct nlmsghdr *nlh, struct rtmsg *msg, const struct route_hop *hop)
{
	size_t bytes = bytes_of(hop->gateway_family);
	_Alignas(struct rtvia) uint8_t bytes_of_via[sizeof(struct rtvia) + 16];
	struct rtvia *via = (struct rtvia *)bytes_of_via;

	if (hop->gateway_family == msg->rtm_family) {
		mnl_attr_put(nlh, RTA_GATEWAY, bytes, hop->gateway);
	} else {
		via->rtvia_family = hop->gateway_family;
		memcpy(via->rtvia_addr, hop->gateway, bytes);
		mnl_attr_put(nlh, RTA_VIA, sizeof *via + bytes, via);
	}
	/* It is known to be there, even where a route of ours covers its address. */
	msg->rtm_flags |= RTNH_F_ONLINK;
}

static int change_host(uint16_t type, uint16_t flags, const struct endpoint *to,
                       const struct route_hop *hop)
{
	struct request request;
	struct rtmsg *msg;
	struct nlmsghdr *nlh = begin(&request, type, NLM_F_ACK | flags, to, &msg);

	put_destination(nlh, msg, to);
	msg->rtm_table = RT_TABLE_MAIN;
	msg->rtm_protocol = NETIF_ROUTE_PROTOCOL;
	msg->rtm_type = RTN_UNICAST;
	msg->rtm_scope = endpoint_family(to) == AF_INET && hop->gateway_family == AF_UNSPEC
	                         ? RT_SCOPE_LINK
	                         : RT_SCOPE_UNIVERSE;
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)hop->ifindex);
	if (hop->gateway_family != AF_UNSPEC)
		put_gateway(nlh, msg, hop);
	if (hop->has_source)
		mnl_attr_put(nlh, RTA_PREFSRC, bytes_of(endpoint_family(to)), hop->source);
	return ask(nlh, NULL, NULL);
}

int route_set_host(const struct endpoint *to, const struct route_hop *hop)
{
	return change_host(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, to, hop);
}

int route_clear_host(const struct endpoint *to, const struct route_hop *hop)
{
	int r = change_host(RTM_DELROUTE, 0, to, hop);

	return r == -ESRCH || r == -ENODEV || r == -EINVAL ? 0 : r;
}
