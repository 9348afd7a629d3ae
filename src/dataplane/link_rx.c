/* SPDX-License-Identifier: MIT */
/* The RX thread of a link: datagrams in, batches of one keypair and one origin out.
 *
 * A whole call of recvmmsg() lands in one batch. Nearly always all of it has one receiver index and
 * one origin; then the batch goes on as it is. Where several peers are mixed, the datagrams are
 * copied into a batch per group: a copy costs a fraction of what opening costs.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/keypair.h"
#include "dataplane/engine_private.h"

/* What one call of recvmmsg() needs; on the RX thread's stack. */
struct reception {
	struct mmsghdr msg[BATCH_MAX];
	struct iovec iov[BATCH_MAX];
	struct endpoint remote[BATCH_MAX];
	_Alignas(struct cmsghdr) uint8_t control[BATCH_MAX][LINK_CONTROL_LEN];
};

static int receive(struct link *link, struct reception *rec, struct batch *b)
{
	const struct batch_pool *pool = &link->rx.pool;

	for (unsigned i = 0; i < pool->slots; i++) {
		rec->iov[i] = (struct iovec){b->data + i * pool->stride, pool->stride};
		rec->msg[i].msg_hdr = (struct msghdr){.msg_name = &rec->remote[i].sa,
		                                      .msg_namelen = sizeof rec->remote[i],
		                                      .msg_iov = &rec->iov[i],
		                                      .msg_iovlen = 1};
		if (link->is_wildcard) {
			rec->msg[i].msg_hdr.msg_control = rec->control[i];
			rec->msg[i].msg_hdr.msg_controllen = LINK_CONTROL_LEN;
		}
	}
	return recvmmsg(link->data_fd, rec->msg, pool->slots, MSG_DONTWAIT, NULL);
}

/* Could this be transport data? Only lengths and the first word are looked at. */
static bool is_transport(const struct mmsghdr *msg, const uint8_t *at)
{
	return msg->msg_len >= TRANSPORT_OVERHEAD && !(msg->msg_hdr.msg_flags & MSG_TRUNC) &&
	       load_le32(at) == MESSAGE_TRANSPORT;
}

static uint32_t receiver_index(const uint8_t *datagram)
{
	return load_le32(datagram + offsetof(struct message_transport, receiver_index));
}

/* The groups of one reception: a batch for each keypair and origin met so far. */
struct grouping {
	struct batch *batch[BATCH_MAX];
	unsigned len;
};

static bool same_route(const struct route *a, const struct route *b)
{
	return endpoint_equal(&a->remote, &b->remote) && endpoint_equal(&a->local, &b->local);
}

static struct batch *find_group(const struct grouping *groups, uint32_t index,
                                const struct route *route)
{
	for (unsigned i = 0; i < groups->len; i++) {
		struct batch *b = groups->batch[i];

		if (b->keypair->local_index == index && same_route(&b->route, route))
			return b;
	}
	return NULL;
}

/* Gives @b its keypair, peer and origin. False, counted, when there is no such session. */
static bool assign(struct dp_thread *self, struct batch *b, uint32_t index,
                   const struct route *route)
{
	struct keypair *kp = index_lookup(self->engine->index, index);

	if (!kp || !keypair_get(kp)) {
		dp_drop(self, DROP_UNKNOWN_INDEX, 1);
		return false;
	}
	if (!keypair_can_receive(kp, self->now_ns)) {
		dp_drop(self, DROP_KEY_EXPIRED, 1);
		keypair_put(kp);
		return false;
	}
	b->kind = BATCH_OPEN;
	b->keypair = kp;
	b->peer = dp_peer_get(kp->owner);
	b->route = *route;
	b->time_ns = self->now_ns;
	return true;
}

/* A new group for @index and @route: @from while it has no owner yet, else an empty batch. NULL when
 * the datagram is to be dropped (counted).
 */
static struct batch *add_group(struct dp_thread *self, struct grouping *groups, struct batch *from,
                               uint32_t index, const struct route *route)
{
	struct batch *b = from->keypair ? batch_get(&self->pool) : from;

	if (!b) {
		dp_drop(self, DROP_POOL_EMPTY, 1);
		return NULL;
	}
	if (!assign(self, b, index, route)) {
		if (b != from)
			batch_free(b);
		return NULL;
	}
	groups->batch[groups->len++] = b;
	return b;
}

/* Takes up the datagram of @len bytes at @at: in its slot when it belongs to @from, else copied. */
static void add_datagram(struct batch *b, const struct batch *from, uint32_t stride,
                         const uint8_t *at, unsigned len)
{
	struct segment *seg = batch_append(b, stride);

	if (b == from)
		seg->offset = (uint32_t)(at - from->data);
	else
		memcpy(segment_header(b, seg), at, len);
	seg->len = (uint16_t)len;
}

/* Sorts @n datagrams received into @from by keypair and origin, and passes the groups on. */
static void sort_and_submit(struct link *link, struct reception *rec, struct batch *from, int n)
{
	struct dp_thread *self = &link->rx;
	struct grouping groups = {.len = 0};
	uint64_t bytes = 0;

	for (int i = 0; i < n; i++) {
		const uint8_t *at = rec->iov[i].iov_base;
		struct route route = {.link = link, .remote = rec->remote[i]};
		struct batch *b;

		bytes += rec->msg[i].msg_len;
		if (!is_transport(&rec->msg[i], at)) {
			dp_drop(self, DROP_MALFORMED, 1);
			continue;
		}
		if (link->is_wildcard)
			link_read_local(&rec->msg[i].msg_hdr, &route.local);
		b = find_group(&groups, receiver_index(at), &route);
		if (!b)
			b = add_group(self, &groups, from, receiver_index(at), &route);
		if (b)
			add_datagram(b, from, self->pool.stride, at, rec->msg[i].msg_len);
	}
	counter_add(&link->rx_packets, (uint64_t)n);
	counter_add(&link->rx_bytes, bytes);
	if (!from->keypair)
		batch_free(from);
	for (unsigned i = 0; i < groups.len; i++) {
		sequencer_enter(&groups.batch[i]->peer->arriving, groups.batch[i]);
		engine_submit(self, groups.batch[i], n == (int)self->pool.slots);
	}
}

/* Sleeps until a datagram, a new socket or the end comes. */
static void wait_for_datagram(struct link *link)
{
	struct pollfd fds[] = {{.fd = link->data_fd, .events = POLLIN},
	                       {.fd = link->stop_fd, .events = POLLIN}};

	uint64_t count;

	rcu_thread_offline();
	poll(fds, 2, -1);
	rcu_thread_online();
	if (fds[1].revents && read(link->stop_fd, &count, sizeof count) < 0)
		return; /* somebody else's turn: the loop looks at is_stopping */
}

void link_rx_main(void *arg)
{
	struct link *link = arg;
	struct dp_thread *self = &link->rx;
	struct reception *rec = &(struct reception){0};
	bool is_full = false;

	while (!atomic_load_explicit(&link->is_stopping, memory_order_relaxed)) {
		struct batch *b;
		int n;

		if (!is_full)
			wait_for_datagram(link);
		b = batch_get_wait(&self->pool);
		n = receive(link, rec, b);
		if (n <= 0) {
			/* Nothing, or an error a stranger's ICMP left on the socket: it is cleared
			 * by having been reported.
			 */
			batch_free(b);
			is_full = false;
			continue;
		}
		is_full = n == (int)self->pool.slots;
		self->now_ns = clock_boot_ns();
		sort_and_submit(link, rec, b, n);
		rcu_quiescent_state();
	}
}
