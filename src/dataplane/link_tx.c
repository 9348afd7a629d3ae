/* SPDX-License-Identifier: MIT */
#include "dataplane/link_tx.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

/* Control data of one message: at most our own address, the ECN field, and the size of a train's
 * segments.
 */
struct control {
	_Alignas(struct cmsghdr) uint8_t bytes[LINK_CONTROL_LEN];
};

/* Appends an item of @len bytes to the control data of @msg. */
static void put_control(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (void *)((uint8_t *)msg->msg_control + msg->msg_controllen);

	assert(msg->msg_controllen + CMSG_SPACE(len) <= LINK_CONTROL_LEN);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

/* Pins our own address. */
static void put_local(struct msghdr *msg, const struct endpoint *local)
{
	if (endpoint_family(local) == AF_INET6) {
		struct in6_pktinfo info = {.ipi6_addr = local->in6.sin6_addr,
		                           .ipi6_ifindex = local->in6.sin6_scope_id};

		put_control(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
	} else {
		struct in_pktinfo info = {.ipi_spec_dst = local->in4.sin_addr};

		put_control(msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
	}
}

/* The socket's own is Not-ECT. DSCP is 0 in any case: what is inside is nobody's business. */
static void put_ecn(struct msghdr *msg, int family, int ecn)
{
	if (family == AF_INET6)
		put_control(msg, IPPROTO_IPV6, IPV6_TCLASS, &ecn, sizeof ecn);
	else
		put_control(msg, IPPROTO_IP, IP_TOS, &ecn, sizeof ecn);
}

/* The own address pinned in a route may be gone; then the system shall choose. */
static bool is_about_source(int error)
{
	return error == EINVAL || error == EADDRNOTAVAIL || error == ENETUNREACH ||
	       error == EHOSTUNREACH;
}

/* Lack of room is the everyday loss of a full queue; the rest says that the link does not work. */
static void note_refusal(struct dp_thread *self, struct link *link, int error, unsigned packets,
                         struct link_sent *sent)
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
	sent->error = error;
}

/* What one call of sendmmsg() needs beside the segments. */
struct dispatch {
	struct mmsghdr msg[BATCH_MAX];
	uint16_t segments[BATCH_MAX]; /* in each message */
	struct control control[BATCH_MAX];
	unsigned len; /* messages */
};

/* How many of the segments from number @first on make one message, none longer than @longest if
 * more than one.
 */
static unsigned train_len(const struct link_datagrams *all, unsigned first, unsigned longest)
{
	const struct iovec *segment = all->at + first;
	const uint8_t *ecn = all->ecn + first;
	size_t len = segment[0].iov_len, bytes = len;
	unsigned n = 1, count = all->count - first;

	if (len > longest)
		return 1;
	while (n < count && segment[n].iov_len <= len && ecn[n] == ecn[0] &&
	       bytes + segment[n].iov_len <= UDP_PAYLOAD_MAX) {
		bytes += segment[n].iov_len;
		n++;
		if (segment[n - 1].iov_len < len)
			break;
	}
	return n;
}

/* Messages for the segments from number @first on. @local: our own address to be pinned, or NULL.
 */
static void fill(struct dispatch *d, const struct route *route, const struct link_datagrams *all,
                 unsigned first, const struct endpoint *local, unsigned longest)
{
	d->len = 0;
	for (unsigned i = first, n; i < all->count; i += n) {
		struct msghdr *m = &d->msg[d->len].msg_hdr;
		uint16_t len = (uint16_t)all->at[i].iov_len;

		n = train_len(all, i, longest);
		*m = (struct msghdr){.msg_name = (void *)&route->remote.sa,
		                     .msg_namelen = endpoint_len(&route->remote),
		                     .msg_iov = (struct iovec *)&all->at[i],
		                     .msg_iovlen = n,
		                     .msg_control = &d->control[d->len]};
		if (local)
			put_local(m, local);
		if (all->ecn[i])
			put_ecn(m, endpoint_family(&route->remote), all->ecn[i]);
		if (n > 1)
			put_control(m, IPPROTO_UDP, UDP_SEGMENT, &len, sizeof len);
		d->segments[d->len++] = (uint16_t)n;
	}
}

/* How long the datagrams of a train may be on a path of the link. */
static unsigned train_max(const struct link *link, const struct train_limit *path)
{
	unsigned of_link = train_limit_max(&link->trains);
	unsigned of_path = path ? train_limit_max(path) : 0;

	return of_link < of_path ? of_link : of_path;
}

/* No trains on the link, or shorter ones on the path, after @error; false when the refusal is not
 * about trains.
 */
static bool give_up_train(struct link *link, struct train_limit *path, unsigned segments,
                          unsigned segment_len, int error)
{
	if (segments < 2)
		return false;
	if (error == EIO)
		train_limit_lower(&link->trains, 0, error);
	else if (error == EINVAL || error == EMSGSIZE)
		train_limit_lower(path, (uint16_t)(segment_len - 1), error);
	else
		return false;
	return true;
}

struct link_sent link_send(struct dp_thread *self, const struct route *route,
                           struct train_limit *trains, const struct link_datagrams *datagrams)
{
	struct link *link = route->link;
	bool is_pinned = link->is_wildcard && endpoint_family(&route->local) != AF_UNSPEC;
	const struct endpoint *local = is_pinned ? &route->local : NULL;
	unsigned done = 0, count = datagrams->count;
	struct link_sent sent = {0};
	struct dispatch d;

	while (done < count) {
		int n, error;

		fill(&d, route, datagrams, done, local, train_max(link, trains));
		n = sendmmsg(link->data_fd, d.msg, d.len, MSG_DONTWAIT);
		error = errno;
		for (int i = 0; i < n; i++) {
			sent.bytes += d.msg[i].msg_len;
			sent.packets += d.segments[i];
			done += d.segments[i];
		}
		if (n > 0 || error == EINTR)
			continue;
		if (local && is_about_source(error)) {
			local = NULL;
		} else if (give_up_train(link, trains, d.segments[0],
		                         (unsigned)datagrams->at[done].iov_len, error)) {
			/* EINVAL did not mean the address then. */
			local = is_pinned ? &route->local : NULL;
		} else if (error == EMSGSIZE) {
			note_refusal(self, link, error, 1, &sent);
			done++;
		} else {
			note_refusal(self, link, error, count - done, &sent);
			break;
		}
	}
	counter_add_shared(&link->tx_packets, sent.packets);
	counter_add_shared(&link->tx_bytes, sent.bytes);
	return sent;
}

/* One datagram through another socket than that of data. */
static int send_one(int fd, struct link *link, const struct route *route,
                    const struct iovec *datagram)
{
	struct control control;
	struct msghdr m = {.msg_name = (void *)&route->remote.sa,
	                   .msg_namelen = endpoint_len(&route->remote),
	                   .msg_iov = (struct iovec *)datagram,
	                   .msg_iovlen = 1,
	                   .msg_control = &control};
	ssize_t n;

	if (link->is_wildcard && endpoint_family(&route->local) != AF_UNSPEC)
		put_local(&m, &route->local);
	n = sendmsg(fd, &m, MSG_DONTWAIT);
	if (n < 0 && m.msg_controllen && is_about_source(errno)) {
		m.msg_controllen = 0;
		n = sendmsg(fd, &m, MSG_DONTWAIT);
	}
	if (n < 0)
		return -errno;
	counter_add_shared(&link->tx_packets, 1);
	counter_add_shared(&link->tx_bytes, datagram->iov_len);
	return 0;
}

int link_send_handshake(struct link *link, const struct route *route, const void *msg, size_t len)
{
	const struct iovec datagram = {(void *)msg, len};
	int r = send_one(link->handshake_fd, link, route, &datagram);

	if (r)
		counter_add_shared(&link->tx_errors, 1);
	return r;
}

int link_send_whole(struct link *link, const struct route *route, const struct iovec *datagram)
{
	int r = link->is_steered ? send_one(link->whole_fd, link, route, datagram) : -EOPNOTSUPP;

	if (r && r != -EMSGSIZE)
		counter_add_shared(&link->tx_errors, 1);
	return r;
}
