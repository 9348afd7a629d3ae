/* SPDX-License-Identifier: MIT */
#include "dataplane/link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Room for bursts: the data socket for 30 ms of 1 Gbit/s, the other for some thousand handshakes,
 * which is the bound on work that strangers can queue for control.
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

/* No DF, as the kernel's WireGuard: behind a filter of ICMP a smaller path MTU would swallow
 * packets.
 */
static int allow_fragments(int fd, int family)
{
	if (family == AF_INET6)
		return set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
	return set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
}

/* One UDP socket bound to @at; returns it or a negative errno. @is_second joins the first one's
 * port, by the option @share.
 *
 * The first is bound without the option and gets it afterwards: with it, the system would give out
 * an ephemeral port that another daemon of the same user has, and would let a configured one be
 * shared unnoticed.
 */
static int open_socket(const struct link_settings *set, const struct endpoint *at, bool is_wildcard,
                       bool is_second, int share, int buffer_bytes)
{
	int family = endpoint_family(at);
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
	int r;

	if (fd < 0)
		return -errno;
	r = is_second ? set_int(fd, SOL_SOCKET, share, 1) : 0;
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
		r = set_int(fd, SOL_SOCKET, share, 1);
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

/* Trains in one piece where the kernel can: since Linux 4.18 it sends them, since 5.0 it receives
 * them. The limit of a kernel that cannot is found by asking for one.
 */
static void use_trains(struct link *link)
{
	bool can_send = set_int(link->data_fd, IPPROTO_UDP, UDP_SEGMENT, 0) == 0;

	train_limit_set(&link->trains, can_send ? TRAIN_ANY : 0);
	/* Both or none: whether to join datagrams the system decides by either of the two, whatever
	 * they are steered to afterwards.
	 */
	link->has_gro = set_int(link->data_fd, IPPROTO_UDP, UDP_GRO, 1) == 0 &&
	                set_int(link->handshake_fd, IPPROTO_UDP, UDP_GRO, 1) == 0;
}

/* Both sockets of the link on one address and port, that for data bound first or last. */
static int open_pair(struct link *link, const struct link_settings *set, bool is_data_first,
                     int share)
{
	int *first = is_data_first ? &link->data_fd : &link->handshake_fd;
	int *second = is_data_first ? &link->handshake_fd : &link->data_fd;
	int bytes[] = {HANDSHAKE_BUFFER_BYTES, DATA_BUFFER_BYTES};
	socklen_t len = sizeof link->bound;
	int r = 0;

	*first =
		open_socket(set, &set->bind, link->is_wildcard, false, share, bytes[is_data_first]);
	if (*first < 0)
		return *first;
	if (getsockname(*first, &link->bound.sa, &len) < 0)
		r = -errno;
	if (!r) {
		*second = open_socket(set, &link->bound, link->is_wildcard, true, share,
		                      bytes[!is_data_first]);
		r = *second < 0 ? *second : 0;
	}
	if (r)
		close(*first);
	return r;
}

static void close_pair(const struct link *link)
{
	close(link->handshake_fd);
	close(link->data_fd);
}

/* Where the system cannot steer (sandboxes): of two sockets that share a port by SO_REUSEADDR all
 * goes to the one bound last. That is the data socket; from there handshake messages are passed on
 * as those in a train of data are, so a flood of them may then fill the buffer of data. Afterwards
 * nobody else may join.
 */
static int open_unsteered(struct link *link, const struct link_settings *set)
{
	int r = open_pair(link, set, false, SO_REUSEADDR);

	if (r)
		return r;
	set_int(link->data_fd, SOL_SOCKET, SO_REUSEADDR, 0);
	set_int(link->handshake_fd, SOL_SOCKET, SO_REUSEADDR, 0);
	return 0;
}

static int open_sockets(struct link *link, const struct link_settings *set)
{
	int r = open_pair(link, set, true, SO_REUSEPORT);

	if (r)
		return r;
	link->is_steered = !steer_by_type(link->data_fd);
	if (link->is_steered)
		return 0;
	close_pair(link);
	return open_unsteered(link, set);
}

static int open_link(struct link *link, const struct link_settings *set)
{
	int r;

	link->is_wildcard = endpoint_is_wildcard(&set->bind);
	r = open_sockets(link, set);
	if (r)
		return r;
	if (endpoint_family(&link->bound) == AF_INET6)
		set_int(link->handshake_fd, IPPROTO_IPV6, IPV6_TCLASS, HANDSHAKE_TOS);
	else
		set_int(link->handshake_fd, IPPROTO_IP, IP_TOS, HANDSHAKE_TOS);
	link->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (link->wake_fd < 0) {
		r = -errno;
		goto err_sockets;
	}
	link->handshake_buffer = malloc(TRAIN_BYTES);
	if (!link->handshake_buffer) {
		r = -ENOMEM;
		goto err_stop;
	}
	train_limit_set(&link->trains, 0);
	if (set->has_offloads)
		use_trains(link);
	link->ifindex = set->device ? if_nametoindex(set->device) : 0;
	link->is_open = true;
	return 0;

err_stop:
	close(link->wake_fd);
err_sockets:
	close_pair(link);
	return r;
}

void link_read_drops(struct link *link)
{
	socket_drops_read(&link->data_drops, link->data_fd);
	socket_drops_read(&link->handshake_drops, link->handshake_fd);
}

void link_close(struct link *link)
{
	if (!link->is_open && !link->is_parked)
		return;
	if (link->is_open) {
		link_read_drops(link);
		free(link->handshake_buffer);
	}
	socket_drops_restart(&link->data_drops);
	socket_drops_restart(&link->handshake_drops);
	close(link->wake_fd);
	close_pair(link);
	link->is_open = link->is_parked = false;
}

/* The event counter takes the place of the sockets: it is there, and sends nothing. */
void link_park(struct link *link)
{
	if (!link->is_open)
		return;
	dup3(link->wake_fd, link->data_fd, O_CLOEXEC);
	dup3(link->wake_fd, link->handshake_fd, O_CLOEXEC);
	free(link->handshake_buffer);
	link->is_open = false;
	link->is_parked = true;
}

/* @fd is @fresh from now on. What the kernel dropped at the old one stays counted. */
static int replace_socket(int fd, int fresh, struct socket_drops *drops)
{
	socket_drops_read(drops, fd);
	if (dup3(fresh, fd, O_CLOEXEC) < 0)
		return -errno;
	socket_drops_restart(drops);
	return 0;
}

static int replace_sockets(struct link *link, const struct link *fresh)
{
	int r = replace_socket(link->data_fd, fresh->data_fd, &link->data_drops);

	return r ? r
	         : replace_socket(link->handshake_fd, fresh->handshake_fd, &link->handshake_drops);
}

/* Another pair of sockets, opened apart: not on the stack, which sanitizers align less than it
 * wants.
 */
static int open_apart(const struct link_settings *set, struct link **ret)
{
	struct link *fresh = aligned_alloc(_Alignof(struct link), sizeof *fresh);
	int r;

	if (!fresh)
		return -ENOMEM;
	memset(fresh, 0, sizeof *fresh);
	r = open_link(fresh, set);
	if (r)
		free(fresh);
	else
		*ret = fresh;
	return r;
}

static void close_apart(struct link *fresh)
{
	link_close(fresh);
	free(fresh);
}

void link_count_anew(struct link *link)
{
	counter_t *const counters[] = {&link->tx_packets, &link->tx_bytes, &link->rx_packets,
	                               &link->rx_bytes, &link->tx_errors};

	for (unsigned i = 0; i < sizeof counters / sizeof counters[0]; i++)
		atomic_store_explicit(counters[i], 0, memory_order_relaxed);
	link->data_drops = link->handshake_drops = (struct socket_drops){0};
}

/* It goes on to count, unless it is another link that has the place. */
static void begin_anew(struct link *link, struct link *fresh)
{
	eventfd_t count;

	eventfd_read(link->wake_fd, &count);
	link->bound = fresh->bound;
	link->is_wildcard = fresh->is_wildcard;
	link->is_steered = fresh->is_steered;
	link->has_gro = fresh->has_gro;
	link->ifindex = fresh->ifindex;
	train_limit_set(&link->trains, (uint16_t)train_limit_max(&fresh->trains));
	link->handshake_buffer = fresh->handshake_buffer;
	fresh->handshake_buffer = NULL;
	link->is_parked = false;
	link->is_open = true;
}

static int open_parked(struct link *link, const struct link_settings *set)
{
	struct link *fresh;
	int r = open_apart(set, &fresh);

	if (r)
		return r;
	r = replace_sockets(link, fresh);
	if (!r)
		begin_anew(link, fresh);
	close_apart(fresh);
	return r;
}

int link_open(struct link *link, const struct link_settings *set)
{
	return link->is_parked ? open_parked(link, set) : open_link(link, set);
}

int link_follow_device(struct link *link, const struct link_settings *set)
{
	struct link_settings same_port = *set;
	struct link *fresh;
	int r;

	if ((set->device ? if_nametoindex(set->device) : 0) == link->ifindex)
		return 0;
	same_port.bind = link->bound;
	r = open_apart(&same_port, &fresh);
	if (r)
		return r;
	/* The RX thread may hold the old socket in poll(): it is woken and finds the new one. */
	r = replace_sockets(link, fresh);
	if (!r && eventfd_write(link->wake_fd, 1))
		r = -errno;
	if (!r) {
		link->ifindex = fresh->ifindex;
		/* Another device may do what the one before could not. */
		train_limit_set(&link->trains, (uint16_t)train_limit_max(&fresh->trains));
	}
	close_apart(fresh);
	return r;
}

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

void link_read_message(struct link *link, const struct msghdr *msg, unsigned len,
                       struct link_message *ret)
{
	ret->len = ret->step = len;
	ret->route.link = link;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR((struct msghdr *)msg, c)) {
		int step;

		read_local(c, &ret->route.local);
		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&step, CMSG_DATA(c), sizeof step);
		if (step > 0)
			ret->step = (unsigned)step;
	}
}

int link_receive_handshakes(struct link *link, struct link_message *ret)
{
	_Alignas(struct cmsghdr) uint8_t control[LINK_CONTROL_LEN];
	struct iovec iov = {link->handshake_buffer, TRAIN_BYTES};
	struct msghdr m = {.msg_name = &ret->route.remote.sa,
	                   .msg_namelen = sizeof ret->route.remote,
	                   .msg_iov = &iov,
	                   .msg_iovlen = 1,
	                   .msg_control = control,
	                   .msg_controllen = sizeof control};
	ssize_t n;

	*ret = (struct link_message){.at = link->handshake_buffer};
	n = recvmsg(link->handshake_fd, &m, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	link_read_message(link, &m, (unsigned)n, ret);
	return 0;
}
