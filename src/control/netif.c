/* SPDX-License-Identifier: MIT */
#include "control/netif.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REQUEST_LEN 256u  /* bytes; the longest of ours has three addresses */
#define ANSWER_LEN  8192u /* bytes; an error repeats the request and adds a text */

struct request {
	alignas(struct nlmsghdr) uint8_t bytes[REQUEST_LEN];
};

__attribute__((format(printf, 2, 3))) static void set_error(struct netif *netif, const char *fmt,
                                                            ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(netif->error, sizeof netif->error, fmt, args);
	va_end(args);
}

/* Appends ": cause" to the step that stands in the error text. Returns @err. */
static int failed(struct netif *netif, int err, const char *cause)
{
	size_t len = strlen(netif->error);

	snprintf(netif->error + len, sizeof netif->error - len, ": %s%s%s%s", strerror(-err),
	         cause ? " (" : "", cause ? cause : "", cause ? ")" : "");
	return err;
}

int netif_index(const char *name)
{
	unsigned index = if_nametoindex(name);

	return index ? (int)index : -errno;
}

bool netif_is_usable(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
	int err = ioctl(fd, SIOCGIFFLAGS, &request);
	close(fd);
	return !err && (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
}

int netif_init(struct netif *netif, const char *name)
{
	int on = 1;

	*netif = (struct netif){0};
	set_error(netif, "find interface %.*s", IF_NAMESIZE, name);
	netif->index = netif_index(name);
	if (netif->index < 0)
		return failed(netif, netif->index, NULL);
	strncpy(netif->name, name, sizeof netif->name - 1);

	set_error(netif, "open netlink for %s", name);
	netif->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!netif->nl || mnl_socket_bind(netif->nl, 0, MNL_SOCKET_AUTOPID))
		return failed(netif, -errno, NULL);
	/* The kernel then adds a text to many errors. Without it we merely say less. */
	mnl_socket_setsockopt(netif->nl, NETLINK_EXT_ACK, &on, sizeof on);
	return 0;
}

void netif_fini(struct netif *netif)
{
	if (!netif || !netif->nl)
		return;
	mnl_socket_close(netif->nl);
	netif->nl = NULL;
}

const char *netif_error(const struct netif *netif)
{
	return netif->error;
}

static int keep_text(const struct nlattr *attr, void *arg)
{
	const char **ret_text = arg;

	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		*ret_text = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

/* The kernel's own words in an error message, or NULL. Attributes follow the request, of which only
 * the header is repeated when NLM_F_CAPPED says so.
 */
static const char *kernel_text(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *msg = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof *msg;
	const char *text = NULL;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += mnl_nlmsg_get_payload_len(&msg->msg);
	if (offset <= mnl_nlmsg_get_payload_len(nlh))
		mnl_attr_parse(nlh, offset, keep_text, &text);
	return text;
}

/* Waits for the acknowledgement of @seq; the kernel sends it before the request's send returns. */
static int receive_ack(struct netif *netif, uint32_t seq, const char **ret_text, void *buf)
{
	for (;;) {
		ssize_t len = mnl_socket_recvfrom(netif->nl, buf, ANSWER_LEN);
		int left = (int)len;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		for (const struct nlmsghdr *nlh = buf; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			if (nlh->nlmsg_type != NLMSG_ERROR || nlh->nlmsg_seq != seq ||
			    mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nlmsgerr))
				continue;
			*ret_text = kernel_text(nlh);
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
		}
	}
}

static struct nlmsghdr *request_begin(struct request *request, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request->bytes);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return nlh;
}

/* Sends the request and waits for the verdict. The errno @accepted (0 for none) yields @outcome; of
 * others the error text is completed.
 */
static int request_end(struct netif *netif, struct nlmsghdr *nlh, int accepted, int outcome)
{
	alignas(struct nlmsghdr) uint8_t answer[ANSWER_LEN];
	const char *text = NULL;
	int err;

	nlh->nlmsg_seq = ++netif->seq;
	if (mnl_socket_sendto(netif->nl, nlh, nlh->nlmsg_len) < 0)
		err = -errno;
	else
		err = receive_ack(netif, nlh->nlmsg_seq, &text, answer);
	if (err && err == -accepted)
		return outcome;
	return err ? failed(netif, err, text) : 0;
}

static struct ifinfomsg *link_begin(struct netif *netif, struct request *request,
                                    struct nlmsghdr **ret)
{
	*ret = request_begin(request, RTM_NEWLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(*ret, sizeof *link);

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = netif->index;
	return link;
}

int netif_set_mtu(struct netif *netif, uint32_t inner_mtu)
{
	struct request request;
	struct nlmsghdr *nlh;

	set_error(netif, "set MTU %u of %s", inner_mtu, netif->name);
	link_begin(netif, &request, &nlh);
	mnl_attr_put_u32(nlh, IFLA_MTU, inner_mtu);
	return request_end(netif, nlh, 0, 0);
}

static int clear_multicast(struct netif *netif)
{
	struct request request;
	struct nlmsghdr *nlh;

	set_error(netif, "clear the multicast flag of %s", netif->name);
	struct ifinfomsg *link = link_begin(netif, &request, &nlh);
	link->ifi_change = IFF_MULTICAST;
	return request_end(netif, nlh, 0, 0);
}

/* EAFNOSUPPORT: a kernel without IPv6, or with it switched off at boot. */
static int make_no_link_local(struct netif *netif)
{
	struct request request;
	struct nlmsghdr *nlh;

	set_error(netif, "switch off link-local addresses of %s", netif->name);
	link_begin(netif, &request, &nlh);
	struct nlattr *families = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	struct nlattr *ipv6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, ipv6);
	mnl_attr_nest_end(nlh, families);
	return request_end(netif, nlh, EAFNOSUPPORT, NETIF_SKIPPED);
}

int netif_keep_quiet(struct netif *netif)
{
	int r = clear_multicast(netif);

	return r ? r : make_no_link_local(netif);
}

int netif_bring_up(struct netif *netif)
{
	struct request request;
	struct nlmsghdr *nlh;

	set_error(netif, "bring up %s", netif->name);
	struct ifinfomsg *link = link_begin(netif, &request, &nlh);
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	return request_end(netif, nlh, 0, 0);
}

static int keep_tx_dropped(const struct nlattr *attr, void *arg)
{
	struct rtnl_link_stats64 stats; /* longer or shorter than the kernel's */
	size_t len = mnl_attr_get_payload_len(attr);
	uint64_t **ret = arg;

	if (mnl_attr_get_type(attr) != IFLA_STATS64 ||
	    len < offsetof(struct rtnl_link_stats64, tx_dropped) + sizeof stats.tx_dropped)
		return MNL_CB_OK;
	memcpy(&stats, mnl_attr_get_payload(attr), len < sizeof stats ? len : sizeof stats);
	**ret = stats.tx_dropped;
	*ret = NULL;
	return MNL_CB_STOP;
}

static int take_link(const struct nlmsghdr *nlh, void *arg)
{
	if (nlh->nlmsg_type == RTM_NEWLINK)
		mnl_attr_parse(nlh, sizeof(struct ifinfomsg), keep_tx_dropped, arg);
	return MNL_CB_STOP;
}

/* The one answer to a question about one interface. */
static int ask_link(struct netif *netif, struct nlmsghdr *nlh, uint64_t *ret)
{
	alignas(struct nlmsghdr) uint8_t answer[ANSWER_LEN];
	uint64_t *wanted = ret;
	ssize_t len;

	if (mnl_socket_sendto(netif->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		len = mnl_socket_recvfrom(netif->nl, answer, sizeof answer);
	} while (len < 0 && errno == EINTR);
	if (len < 0 || mnl_cb_run(answer, (size_t)len, nlh->nlmsg_seq, 0, take_link, &wanted) < 0)
		return -errno;
	return wanted ? -ENODATA : 0;
}

int netif_tx_dropped(struct netif *netif, uint64_t *ret)
{
	struct request request;
	struct nlmsghdr *nlh = request_begin(&request, RTM_GETLINK, 0);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(nlh, sizeof *link);
	int err;

	set_error(netif, "ask for the counters of %s", netif->name);
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = netif->index;
	nlh->nlmsg_flags = NLM_F_REQUEST; /* the answer is the acknowledgement */
	nlh->nlmsg_seq = ++netif->seq;
	err = ask_link(netif, nlh, ret);
	return err ? failed(netif, err, NULL) : 0;
}

static size_t address_bytes(const struct prefix *prefix)
{
	return prefix->family == AF_INET ? 4 : 16;
}

static struct nlmsghdr *address_begin(struct netif *netif, struct request *request, uint16_t type,
                                      uint16_t flags, const struct prefix *address)
{
	struct nlmsghdr *nlh = request_begin(request, type, flags);
	struct ifaddrmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof *msg);

	msg->ifa_family = address->family;
	msg->ifa_prefixlen = address->len;
	msg->ifa_scope = RT_SCOPE_UNIVERSE;
	msg->ifa_index = (uint32_t)netif->index;
	mnl_attr_put(nlh, IFA_LOCAL, address_bytes(address), address->addr);
	return nlh;
}

int netif_add_address(struct netif *netif, const struct prefix *address,
                      const struct prefix *destination)
{
	char text[PREFIX_TEXT_LEN];
	struct request request;

	set_error(netif, "add address %s to %s", prefix_format(address, text), netif->name);
	if (destination && destination->family != address->family)
		return failed(netif, -EINVAL, "destination of another family");
	const struct prefix *far_end = destination ? destination : address;
	struct nlmsghdr *nlh =
		address_begin(netif, &request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
	mnl_attr_put(nlh, IFA_ADDRESS, address_bytes(far_end), far_end->addr);
	return request_end(netif, nlh, EEXIST, NETIF_EXISTS);
}

int netif_remove_address(struct netif *netif, const struct prefix *address)
{
	char text[PREFIX_TEXT_LEN];
	struct request request;

	set_error(netif, "remove address %s from %s", prefix_format(address, text), netif->name);
	struct nlmsghdr *nlh = address_begin(netif, &request, RTM_DELADDR, 0, address);
	return request_end(netif, nlh, EADDRNOTAVAIL, NETIF_ABSENT);
}

static struct nlmsghdr *route_begin(struct netif *netif, struct request *request, uint16_t type,
                                    uint16_t flags, const struct prefix *prefix)
{
	struct prefix network = *prefix;
	struct nlmsghdr *nlh = request_begin(request, type, flags);
	struct rtmsg *msg = mnl_nlmsg_put_extra_header(nlh, sizeof *msg);

	prefix_mask(&network); /* the kernel refuses host bits */
	msg->rtm_family = network.family;
	msg->rtm_dst_len = network.len;
	msg->rtm_table = RT_TABLE_MAIN;
	msg->rtm_protocol = NETIF_ROUTE_PROTOCOL;
	msg->rtm_scope = network.family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	msg->rtm_type = RTN_UNICAST;
	mnl_attr_put(nlh, RTA_DST, address_bytes(&network), network.addr);
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)netif->index);
	return nlh;
}

int netif_add_route(struct netif *netif, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];
	struct request request;

	set_error(netif, "add route %s to %s", prefix_format(prefix, text), netif->name);
	if (prefix->len == 0)
		return NETIF_SKIPPED;
	struct nlmsghdr *nlh =
		route_begin(netif, &request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, prefix);
	return request_end(netif, nlh, EEXIST, NETIF_EXISTS);
}

int netif_remove_route(struct netif *netif, const struct prefix *prefix)
{
	char text[PREFIX_TEXT_LEN];
	struct request request;

	set_error(netif, "remove route %s from %s", prefix_format(prefix, text), netif->name);
	if (prefix->len == 0)
		return NETIF_SKIPPED;
	struct nlmsghdr *nlh = route_begin(netif, &request, RTM_DELROUTE, 0, prefix);
	return request_end(netif, nlh, ESRCH, NETIF_ABSENT);
}
