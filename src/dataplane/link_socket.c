/* SPDX-License-Identifier: MIT */
#include "dataplane/link_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int link_socket_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

/* Beyond the system's limit where we may, up to it where we may not. */
static void set_buffers(int fd, int bytes)
{
	if (link_socket_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0)
		link_socket_set(fd, SOL_SOCKET, SO_RCVBUF, bytes);
	if (link_socket_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes) < 0)
		link_socket_set(fd, SOL_SOCKET, SO_SNDBUF, bytes);
}

static int set_device(int fd, const char *device)
{
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) < 0)
		return -errno;
	return 0;
}

/* Asks for our own address of each datagram, where several may be ours. */
static int ask_local_address(int fd, int family)
{
	if (family == AF_INET6)
		return link_socket_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	return link_socket_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

/* Asks for the ECN field of each datagram. Where the system refuses, marks are not carried on. */
static void ask_ecn(int fd, int family)
{
	if (family == AF_INET6)
		link_socket_set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	else
		link_socket_set(fd, IPPROTO_IP, IP_RECVTOS, 1);
}

/* No DF, as the kernel's WireGuard: behind a filter of ICMP a smaller path MTU would swallow
 * packets.
 */
static int allow_fragments(int fd, int family)
{
	if (family == AF_INET6)
		return link_socket_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	return link_socket_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

/* Up to the MTU of the device, whatever ICMP has told of the way: that is to be found out. */
static int forbid_fragments(int fd, int family)
{
	int r;

	if (family != AF_INET6)
		return link_socket_set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	r = link_socket_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	return r ? r : link_socket_set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
}

int link_socket_open(const struct link_socket *kind)
{
	int family = endpoint_family(&kind->at);
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	int r;

	if (fd < 0)
		return -errno;
	r = kind->is_second ? link_socket_set(fd, SOL_SOCKET, kind->share, 1) : 0;
	if (!r && family == AF_INET6)
		r = link_socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!r && kind->device)
		r = set_device(fd, kind->device);
	if (!r && kind->has_fwmark)
		r = link_socket_set(fd, SOL_SOCKET, SO_MARK, (int)kind->fwmark);
	if (!r && endpoint_is_wildcard(&kind->at))
		r = ask_local_address(fd, family);
	if (!r)
		r = kind->is_whole ? forbid_fragments(fd, family) : allow_fragments(fd, family);
	if (!r && bind(fd, &kind->at.sa, endpoint_len(&kind->at)) < 0)
		r = -errno;
	if (!r && !kind->is_second)
		r = link_socket_set(fd, SOL_SOCKET, kind->share, 1);
	if (r) {
		close(fd);
		return r;
	}
	ask_ecn(fd, family);
	set_buffers(fd, kind->buffer_bytes);
	return fd;
}
