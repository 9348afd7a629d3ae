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

#include "dataplane/link_socket.h"

/* Room for bursts: the data socket for 30 ms of 1 Gbit/s, the other for some thousand handshakes,
 * which is the bound on work that strangers can queue for control.
 */
#define DATA_BUFFER_BYTES      (4 << 20)
#define HANDSHAKE_BUFFER_BYTES (1 << 20)
#define HANDSHAKE_TOS          0x88

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
	bool can_send = link_socket_set(link->data_fd, IPPROTO_UDP, UDP_SEGMENT, 0) == 0;

	train_limit_set(&link->trains, can_send ? TRAIN_ANY : 0);
	/* All or none: whether to join datagrams the system decides by any of the group, whatever
	 * they are steered to afterwards.
	 */
	link->has_gro = link_socket_set(link->data_fd, IPPROTO_UDP, UDP_GRO, 1) == 0 &&
	                link_socket_set(link->handshake_fd, IPPROTO_UDP, UDP_GRO, 1) == 0;
	if (link->has_gro && link->is_steered)
		link_socket_set(link->whole_fd, IPPROTO_UDP, UDP_GRO, 1);
}

/* The first of them is bound as @set says, those that share its port where it is then. */
static struct link_socket socket_as(const struct link_settings *set, int share)
{
	return (struct link_socket){.at = set->bind,
	                            .device = set->device,
	                            .fwmark = set->fwmark,
	                            .has_fwmark = set->has_fwmark,
	                            .share = share};
}

static int open_second(const struct link *link, struct link_socket kind, int buffer_bytes)
{
	kind.at = link->bound;
	kind.is_second = true;
	kind.buffer_bytes = buffer_bytes;
	return link_socket_open(&kind);
}

/* Both sockets of the link on one address and port, that for data bound first or last. */
static int open_pair(struct link *link, const struct link_settings *set, bool is_data_first,
                     int share)
{
	int *first = is_data_first ? &link->data_fd : &link->handshake_fd;
	int *second = is_data_first ? &link->handshake_fd : &link->data_fd;
	int bytes[] = {HANDSHAKE_BUFFER_BYTES, DATA_BUFFER_BYTES};
	struct link_socket kind = socket_as(set, share);
	socklen_t len = sizeof link->bound;
	int r = 0;

	kind.buffer_bytes = bytes[is_data_first];
	*first = link_socket_open(&kind);
	if (*first < 0)
		return *first;
	if (getsockname(*first, &link->bound.sa, &len) < 0)
		r = -errno;
	if (!r) {
		*second = open_second(link, kind, bytes[!is_data_first]);
		r = *second < 0 ? *second : 0;
	}
	if (r)
		close(*first);
	return r;
}

/* In the group of the others, where nothing is steered to it. */
static int open_whole(struct link *link, const struct link_settings *set)
{
	struct link_socket kind = socket_as(set, SO_REUSEPORT);

	kind.is_whole = true;
	link->whole_fd = open_second(link, kind, HANDSHAKE_BUFFER_BYTES);
	return link->whole_fd < 0 ? link->whole_fd : 0;
}

static void close_pair(const struct link *link)
{
	close(link->handshake_fd);
	close(link->data_fd);
	if (link->is_steered)
		close(link->whole_fd);
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
	link_socket_set(link->data_fd, SOL_SOCKET, SO_REUSEADDR, 0);
	link_socket_set(link->handshake_fd, SOL_SOCKET, SO_REUSEADDR, 0);
	return 0;
}

static int open_sockets(struct link *link, const struct link_settings *set)
{
	int r = open_pair(link, set, true, SO_REUSEPORT);

	if (r)
		return r;
	link->is_steered = false;
	if (steer_by_type(link->data_fd)) {
		close_pair(link);
		return open_unsteered(link, set);
	}
	r = open_whole(link, set);
	if (r)
		close_pair(link);
	link->is_steered = !r;
	return r;
}

static int open_link(struct link *link, const struct link_settings *set)
{
	int r;

	link->is_wildcard = endpoint_is_wildcard(&set->bind);
	r = open_sockets(link, set);
	if (r)
		return r;
	if (endpoint_family(&link->bound) == AF_INET6)
		link_socket_set(link->handshake_fd, IPPROTO_IPV6, IPV6_TCLASS, HANDSHAKE_TOS);
	else
		link_socket_set(link->handshake_fd, IPPROTO_IP, IP_TOS, HANDSHAKE_TOS);
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
	link->has_stamps = link_socket_set(link->data_fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) == 0;
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
	if (link->is_steered)
		dup3(link->wake_fd, link->whole_fd, O_CLOEXEC);
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
	int r;

	/* Whether it can steer is a matter of the system, which is still the same one. */
	if (link->is_steered != fresh->is_steered)
		return -EOPNOTSUPP;
	r = replace_socket(link->data_fd, fresh->data_fd, &link->data_drops);
	if (!r)
		r = replace_socket(link->handshake_fd, fresh->handshake_fd, &link->handshake_drops);
	if (!r && link->is_steered && dup3(fresh->whole_fd, link->whole_fd, O_CLOEXEC) < 0)
		r = -errno;
	return r;
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
	link->has_stamps = fresh->has_stamps;
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
