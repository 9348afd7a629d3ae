/* SPDX-License-Identifier: MIT */
#include "dataplane/link_message.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/ecn.h"
#include "vtrunkd/limits.h"

static void read_local(const struct cmsghdr *c, struct endpoint *ret_local)
{
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof info);
		ret_local->in4.sin_family = AF_INET;
		ret_local->in4.sin_addr = info.ipi_addr;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof info);
		ret_local->in6.sin6_family = AF_INET6;
		ret_local->in6.sin6_addr = info.ipi6_addr;
		if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
			ret_local->in6.sin6_scope_id = info.ipi6_ifindex;
	}
}

static uint64_t read_stamp(const struct cmsghdr *c)
{
	struct timespec at;

	memcpy(&at, CMSG_DATA(c), sizeof at);
	return (uint64_t)at.tv_sec * NS_PER_S + (uint64_t)at.tv_nsec;
}

/* Of IPv4 a byte, of IPv6 an int. */
static void read_ecn(const struct cmsghdr *c, uint8_t *ret_ecn)
{
	int class;

	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
		*ret_ecn = *CMSG_DATA(c) & ECN_CE;
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
		memcpy(&class, CMSG_DATA(c), sizeof class);
		*ret_ecn = class & ECN_CE;
	}
}

void link_read_message(struct link *link, const struct msghdr *msg, unsigned len,
                       struct link_message *ret)
{
	ret->len = ret->step = len;
	ret->route.link = link;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR((struct msghdr *)msg, c)) {
		int step;

		read_local(c, &ret->route.local);
		read_ecn(c, &ret->ecn);
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
			ret->stamp_ns = read_stamp(c);
		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&step, CMSG_DATA(c), sizeof step);
		if (step > 0)
			ret->step = (unsigned)step;
	}
}
