/* SPDX-License-Identifier: MIT */
#include "dataplane/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/engine_private.h"

/* Room for bursts: the data socket for 30 ms of 1 Gbit/s, the other for some thousand handshakes,
 * which is the bound on work that strangers can queue for the control thread.
 */
#define DATA_BUFFER_BYTES      (4 << 20)
#define HANDSHAKE_BUFFER_BYTES (1 << 20)
#define HANDSHAKE_TOS          0x88

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

/* Beyond the system's limit where we may, up to it where we may not. */
static void set_buffers(int fd, int bytes)
{
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0)
		set_int(fd, SOL_SOCKET, SO_RCVBUF, bytes);
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, bytes) < 0)
		set_int(fd, SOL_SOCKET, SO_SNDBUF, bytes);
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
		return set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	return set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

/* No DF, as the kernel's WireGuard: behind a filter of ICMP a smaller path MTU would swallow packets. */
static int allow_fragments(int fd, int family)
{
	if (family == AF_INET6)
		return set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	return set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

/* One UDP socket bound to @at; returns it or a negative errno. @is_second joins the first one's port.
 *
 * The first is bound without SO_REUSEPORT and gets the option afterwards: with it, the system would give
 * out an ephemeral port that another daemon of the same user has, and would let a configured one be
 * shared unnoticed.
 */
static int open_socket(const struct link_settings *set, const struct endpoint *at, bool is_wildcard,
                       bool is_second, int buffer_bytes)
{
	int family = endpoint_family(at);
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	int r;

	if (fd < 0)
		return -errno;
	r = is_second ? set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1) : 0;
	if (!r && family == AF_INET6)
		r = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!r && set->device)
		r = set_device(fd, set->device);
	if (!r && set->has_fwmark)
		r = set_int(fd, SOL_SOCKET, SO_MARK, (int)set->fwmark);
	if (!r && is_wildcard)
		r = ask_local_address(fd, family);
	if (!r)
		r = allow_fragments(fd, family);
	if (!r && bind(fd, &at->sa, endpoint_len(at)) < 0)
		r = -errno;
	if (!r && !is_second)
		r = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (r) {
		close(fd);
		return r;
	}
	set_buffers(fd, buffer_bytes);
	return fd;
}

/* Socket 0 of the group, the one bound first, for transport data; socket 1 for all the rest. */
static int steer_by_type(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MESSAGE_TRANSPORT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 1),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0)
		return -errno;
	return 0;
}

static bool is_wildcard(const struct endpoint *ep)
{
	if (endpoint_family(ep) == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&ep->in6.sin6_addr);
	return ep->in4.sin_addr.s_addr == htonl(INADDR_ANY);
}

int link_open(struct link *link, const struct link_settings *set)
{
	socklen_t len = sizeof link->bound;
	int r;

	link->is_wildcard = is_wildcard(&set->bind);
	link->data_fd = open_socket(set, &set->bind, link->is_wildcard, false, DATA_BUFFER_BYTES);
	if (link->data_fd < 0)
		return link->data_fd;
	if (getsockname(link->data_fd, &link->bound.sa, &len) < 0) {
		r = -errno;
		goto err_data;
	}
	link->handshake_fd =
		open_socket(set, &link->bound, link->is_wildcard, true, HANDSHAKE_BUFFER_BYTES);
	if (link->handshake_fd < 0) {
		r = link->handshake_fd;
		goto err_data;
	}
	if (endpoint_family(&link->bound) == AF_INET6)
		set_int(link->handshake_fd, IPPROTO_IPV6, IPV6_TCLASS, HANDSHAKE_TOS);
	else
		set_int(link->handshake_fd, IPPROTO_IP, IP_TOS, HANDSHAKE_TOS);
	r = steer_by_type(link->data_fd);
	if (r)
		goto err_handshake;
	link->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (link->stop_fd < 0) {
		r = -errno;
		goto err_handshake;
	}
	link->ifindex = set->device ? if_nametoindex(set->device) : 0;
	link->is_open = true;
	return 0;

err_handshake:
	close(link->handshake_fd);
err_data:
	close(link->data_fd);
	return r;
}

void link_close(struct link *link)
{
	if (!link->is_open)
		return;
	close(link->stop_fd);
	close(link->handshake_fd);
	close(link->data_fd);
	link->is_open = false;
}

int link_follow_device(struct link *link, const struct link_settings *set)
{
	struct link_settings same_port = *set;
	struct link *fresh; /* not on the stack, which sanitizers align less than it wants */
	uint64_t one = 1;
	int r;

	if (!set->device || if_nametoindex(set->device) == link->ifindex)
		return 0;
	fresh = aligned_alloc(_Alignof(struct link), sizeof *fresh);
	if (!fresh)
		return -ENOMEM;
	memset(fresh, 0, sizeof *fresh);
	same_port.bind = link->bound;
	r = link_open(fresh, &same_port);
	if (r)
		goto out;
	/* The RX thread may hold the old socket in poll(): it is woken and finds the new one. */
	if (dup3(fresh->data_fd, link->data_fd, O_CLOEXEC) < 0 ||
	    dup3(fresh->handshake_fd, link->handshake_fd, O_CLOEXEC) < 0 ||
	    write(link->stop_fd, &one, sizeof one) < 0)
		r = -errno;
	else
		link->ifindex = fresh->ifindex;
	link_close(fresh);
out:
	free(fresh);
	return r;
}

/* Writes the control data that pins our own address. Returns its length, 0 when there is none. */
static size_t put_local(struct msghdr *msg, void *control, const struct endpoint *local)
{
	struct cmsghdr *c;

	msg->msg_control = control;
	msg->msg_controllen = LINK_CONTROL_LEN;
	c = CMSG_FIRSTHDR(msg);
	if (endpoint_family(local) == AF_INET6) {
		struct in6_pktinfo info = {.ipi6_addr = local->in6.sin6_addr,
		                           .ipi6_ifindex = local->in6.sin6_scope_id};

		c->cmsg_level = IPPROTO_IPV6;
		c->cmsg_type = IPV6_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof info);
		memcpy(CMSG_DATA(c), &info, sizeof info);
		return CMSG_SPACE(sizeof info);
	}
	struct in_pktinfo info = {.ipi_spec_dst = local->in4.sin_addr};

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof info);
	memcpy(CMSG_DATA(c), &info, sizeof info);
	return CMSG_SPACE(sizeof info);
}

void link_read_local(const struct msghdr *msg, struct endpoint *ret_local)
{
	*ret_local = (struct endpoint){0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR((struct msghdr *)msg, c)) {
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
}

/* The own address pinned in a route may be gone; then the system shall choose. */
static bool is_about_source(int error)
{
	return error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH ||
	       error == EHOSTUNREACH;
}

/* Lack of room is the everyday loss of a full queue; the rest says that the link does not work. */
static void note_refusal(struct dp_thread *self, struct link *link, int error, unsigned packets,
                         int *ret_error)
{
	if (error == EAGAIN || error == ENOBUFS) {
		dp_drop(self, DROP_SEND_BUFFER, packets);
		return;
	}
	counter_add_shared(&link->tx_errors, packets);
	if (error == EMSGSIZE) {
		dp_drop(self, DROP_TOO_BIG, packets);
		return;
	}
	dp_drop(self, DROP_SEND_ERROR, packets);
	*ret_error = error;
}

unsigned link_send(struct dp_thread *self, const struct route *route, const struct batch *b,
                   int *ret_error)
{
	struct link *link = route->link;
	struct mmsghdr msg[BATCH_MAX];
	struct iovec iov[BATCH_MAX];
	_Alignas(struct cmsghdr) uint8_t control[LINK_CONTROL_LEN];
	bool is_pinned = link->is_wildcard && endpoint_family(&route->local) != AF_UNSPEC;
	size_t control_len = 0;
	uint64_t bytes = 0;
	unsigned sent = 0, done = 0;

	for (unsigned i = 0; i < b->len; i++) {
		struct msghdr *m = &msg[i].msg_hdr;

		iov[i] = (struct iovec){segment_header(b, &b->segment[i]), b->segment[i].len};
		*m = (struct msghdr){.msg_name = (void *)&route->remote.sa,
		                     .msg_namelen = endpoint_len(&route->remote),
		                     .msg_iov = &iov[i],
		                     .msg_iovlen = 1};
		if (is_pinned) {
			if (i == 0)
				control_len = put_local(m, control, &route->local);
			m->msg_control = control;
			m->msg_controllen = control_len;
		}
	}
	while (done < b->len) {
		int n = sendmmsg(link->data_fd, msg + done, b->len - done, MSG_DONTWAIT);

		if (n > 0) {
			for (int i = 0; i < n; i++)
				bytes += iov[done + (unsigned)i].iov_len;
			sent += (unsigned)n;
			done += (unsigned)n;
		} else if (is_pinned && is_about_source(errno)) {
			is_pinned = false;
			for (unsigned i = done; i < b->len; i++) {
				msg[i].msg_hdr.msg_control = NULL;
				msg[i].msg_hdr.msg_controllen = 0;
			}
		} else if (errno == EMSGSIZE) {
			note_refusal(self, link, errno, 1, ret_error);
			done++;
		} else if (errno != EINTR) {
			note_refusal(self, link, errno, b->len - done, ret_error);
			break;
		}
	}
	counter_add_shared(&link->tx_packets, sent);
	counter_add_shared(&link->tx_bytes, bytes);
	return sent;
}

int link_send_handshake(struct link *link, const struct route *route, const void *msg, size_t len)
{
	_Alignas(struct cmsghdr) uint8_t control[LINK_CONTROL_LEN];
	struct iovec iov = {(void *)msg, len};
	struct msghdr m = {.msg_name = (void *)&route->remote.sa,
	                   .msg_namelen = endpoint_len(&route->remote),
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1};
	ssize_t n;

	if (link->is_wildcard && endpoint_family(&route->local) != AF_UNSPEC)
		m.msg_controllen = put_local(&m, control, &route->local);
	n = sendmsg(link->handshake_fd, &m, MSG_DONTWAIT);
	if (n < 0 && m.msg_controllen && is_about_source(errno)) {
		m.msg_control = NULL;
		m.msg_controllen = 0;
		n = sendmsg(link->handshake_fd, &m, MSG_DONTWAIT);
	}
	if (n < 0) {
		counter_add_shared(&link->tx_errors, 1);
		return -errno;
	}
	counter_add_shared(&link->tx_packets, 1);
	counter_add_shared(&link->tx_bytes, len);
	return 0;
}

int link_receive_handshake(struct link *link, void *buf, size_t size, struct route *ret_route)
{
	_Alignas(struct cmsghdr) uint8_t control[LINK_CONTROL_LEN];
	struct iovec iov = {buf, size};
	struct msghdr m = {.msg_name = &ret_route->remote.sa,
	                   .msg_namelen = sizeof ret_route->remote,
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof control};
	ssize_t n;

	ret_route->link = link;
	ret_route->remote = (struct endpoint){0};
	n = recvmsg(link->handshake_fd, &m, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	link_read_local(&m, &ret_route->local);
	return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : (int)n;
}
