/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/link_rx.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/keypair.h"
#include "dataplane/inject.h"
#include "dataplane/open.h"
#include "dataplane/peer.h"
#include "dataplane/quiet_links.h"
#include "dataplane/work.h"

/* Messages taken at once: of lone datagrams many, to be worth the system call, of trains no more
 * than the caches hold. Not tuned yet.
 */
#define MESSAGES_MAX   BATCH_MAX
#define TRAINS_AT_ONCE 4u

/* A message up to this length is copied. */
#define COPY_BYTES_MAX 4096u

/* Nothing waits so long in a socket: the time of day was set. */
#define AGE_LIMIT_US 1000000u

/* What one call of recvmmsg() needs. */
struct reception {
	/* Where messages land; NULL: to be taken from the pool. */
	struct batch *landing[MESSAGES_MAX];
	struct mmsghdr msg[MESSAGES_MAX];
	struct iovec iov[MESSAGES_MAX];
	struct endpoint remote[MESSAGES_MAX];
	_Alignas(struct cmsghdr) uint8_t control[MESSAGES_MAX][LINK_CONTROL_LEN];
	bool is_ready[MESSAGES_MAX]; /* prepared and not received into since */
	unsigned want;               /* messages to ask for */
};

static void prepare_message(struct link *link, struct reception *rec, unsigned i)
{
	rec->iov[i] = (struct iovec){rec->landing[i]->data, link->rx.pool.bytes};
	rec->msg[i].msg_hdr = (struct msghdr){.msg_name = &rec->remote[i].sa,
	                                      .msg_namelen = sizeof rec->remote[i],
	                                      .msg_iov = &rec->iov[i],
	                                      .msg_iovlen = 1};
	rec->msg[i].msg_hdr.msg_control = rec->control[i];
	rec->msg[i].msg_hdr.msg_controllen = LINK_CONTROL_LEN;
	rec->is_ready[i] = true;
}

/* Finds batches for @rec->want messages, for one at least. Returns for how many. */
static unsigned prepare(struct link *link, struct reception *rec)
{
	struct batch_pool *pool = &link->rx.pool;
	unsigned len = 0;

	if (!rec->landing[0])
		rec->landing[0] = batch_get_wait(pool);
	for (; len < rec->want; len++) {
		if (!rec->landing[len] && !(rec->landing[len] = batch_get(pool)))
			break;
		if (!rec->is_ready[len])
			prepare_message(link, rec, len);
	}
	return len;
}

/* Could this be transport data? Only the length and the first word are looked at. */
static bool is_transport(const uint8_t *at, unsigned len)
{
	return len >= TRANSPORT_OVERHEAD && load_le32(at) == MESSAGE_TRANSPORT;
}

static bool is_handshake(const uint8_t *at, unsigned len)
{
	switch (len >= sizeof(uint32_t) ? load_le32(at) : 0) {
	case MESSAGE_INITIATION:
		return len == sizeof(struct message_initiation);
	case MESSAGE_RESPONSE:
		return len == sizeof(struct message_response);
	case MESSAGE_COOKIE_REPLY:
		return len == sizeof(struct message_cookie_reply);
	default:
		return false;
	}
}

static uint32_t receiver_index(const uint8_t *datagram)
{
	return load_le32(datagram + offsetof(struct message_transport, receiver_index));
}

/* More than honest peers make: beyond, datagrams are dropped as for lack of memory. */
#define GROUPS_MAX (2 * MESSAGES_MAX)

/* The groups of one reception, in order: the newest of a keypair and origin takes what comes next.
 */
struct grouping {
	struct batch *batch[GROUPS_MAX];
	unsigned len;
};

static bool same_route(const struct route *a, const struct route *b)
{
	return endpoint_equal(&a->remote, &b->remote) && endpoint_equal(&a->local, &b->local);
}

static struct batch *find_group(const struct grouping *groups, uint32_t index,
                                const struct route *route)
{
	for (unsigned i = groups->len; i-- > 0;) {
		struct batch *b = groups->batch[i];

		if (b->keypair->local_index == index && same_route(&b->route, route))
			return b;
	}
	return NULL;
}

/* A message on its way into batches. */
struct message {
	struct link_message is;
	struct batch **landing;       /* the batch it lies in, NULL as soon as that is a group */
	const struct batch *in_place; /* that batch again, when it became a group */
	uint16_t age_us;              /* how long ago the kernel took it in */
};

/* A new group for @index: the batch the message lies in while that is nobody's, unless all is to be
 * copied, else an empty one. NULL when the datagram is to be dropped (counted).
 */
static struct batch *add_group(struct dp_thread *self, struct grouping *groups, struct message *m,
                               uint32_t index)
{
	bool is_in_place = *m->landing;
	struct batch *b = is_in_place ? *m->landing : NULL;

	if (groups->len == GROUPS_MAX)
		b = NULL;
	else if (!is_in_place)
		b = batch_get(&self->pool);
	if (!b) {
		dp_drop(self, DROP_POOL_EMPTY, 1);
		return NULL;
	}
	if (!open_assign(self, b, index, &m->is.route)) {
		if (!is_in_place)
			batch_free(b);
		return NULL;
	}
	if (is_in_place) {
		*m->landing = NULL;
		m->in_place = b;
		b->used = (uint32_t)align_up(m->is.len, CACHE_LINE);
	}
	groups->batch[groups->len++] = b;
	return b;
}

static bool has_room(const struct batch *b, unsigned len)
{
	return b->len < BATCH_MAX && b->home->bytes - b->used >= len;
}

/* Takes up the datagram of @len bytes at @at: where it lies when @b is the batch of message @m,
 * else copied.
 */
static void add_datagram(struct batch *b, const struct message *m, const uint8_t *at, unsigned len)
{
	struct segment *seg = &b->segment[b->len];

	b->ecn[b->len++] = m->is.ecn;
	*seg = (struct segment){.len = (uint16_t)len, .age_us = m->age_us};
	if (b == m->in_place) {
		seg->offset = (uint32_t)(at - b->data);
		return;
	}
	seg->offset = b->used;
	memcpy(segment_header(b, seg), at, len);
	b->used += (uint32_t)align_up(len, CACHE_LINE);
}

/* The batch that takes a datagram of @len bytes of the message, or NULL. */
static struct batch *group_for(struct dp_thread *self, struct grouping *groups, struct message *m,
                               uint32_t index, unsigned len)
{
	struct batch *b = find_group(groups, index, &m->is.route);
	bool is_copied = m->is.len <= COPY_BYTES_MAX;

	if (b && b == m->in_place && b->len < BATCH_MAX)
		return b;
	/* A long train begins a batch of its own even behind one of the same peer. */
	if (b && (is_copied || !*m->landing) && b != m->in_place && has_room(b, len))
		return b;
	return add_group(self, groups, m, index);
}

/* The system steers a train by its first datagram: a handshake message that came in one behind data
 * of the same origin goes to control from here.
 */
static void take_other(struct dp_thread *self, const struct route *route, const uint8_t *datagram,
                       unsigned len)
{
	if (!is_handshake(datagram, len)) {
		dp_drop(self, DROP_MALFORMED, 1);
		return;
	}
	inject_handshake(self, route, datagram, len);
}

static void sort_message(struct link *link, struct grouping *groups, struct message *m)
{
	struct dp_thread *self = &link->rx;

	for (unsigned at = 0, len; at < m->is.len; at += len) {
		const uint8_t *datagram = m->is.at + at;
		struct batch *b;

		len = link_message_next_len(&m->is, at);
		counter_add(&link->rx_packets, 1);
		if (!is_transport(datagram, len)) {
			take_other(self, &m->is.route, datagram, len);
			continue;
		}
		b = group_for(self, groups, m, receiver_index(datagram), len);
		if (b)
			add_datagram(b, m, datagram, len);
	}
	counter_add(&link->rx_bytes, m->is.len);
}

static uint16_t age_us(uint64_t stamp_ns, uint64_t wall_ns)
{
	uint64_t us = stamp_ns && wall_ns > stamp_ns ? (wall_ns - stamp_ns) / NS_PER_US : 0;

	if (us > AGE_LIMIT_US)
		return 0;
	return us < UINT16_MAX ? (uint16_t)us : UINT16_MAX;
}

/* The clock that the kernel's time stamps are of. */
static uint64_t stamp_clock_ns(const struct link *link)
{
	struct timespec now;

	if (!link->has_stamps)
		return 0;
	now = clock_wall();
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Sorts the datagrams of @n messages by keypair and origin, and passes the groups on. @more: there
 * may be more to receive. Returns whether a train was among them.
 */
static bool sort_and_submit(struct link *link, struct reception *rec, unsigned n, bool more)
{
	struct dp_thread *self = &link->rx;
	struct grouping groups = {.len = 0};
	uint64_t wall_ns = stamp_clock_ns(link);
	bool has_train = false;

	for (unsigned i = 0; i < n; i++) {
		struct message m = {.landing = &rec->landing[i]};

		if (rec->msg[i].msg_hdr.msg_flags & MSG_TRUNC || rec->msg[i].msg_len == 0) {
			counter_add(&link->rx_packets, 1);
			dp_drop(self, DROP_MALFORMED, 1);
			continue;
		}
		m.is.at = rec->iov[i].iov_base;
		m.is.route.remote = rec->remote[i];
		link_read_message(link, &rec->msg[i].msg_hdr, rec->msg[i].msg_len, &m.is);
		m.age_us = age_us(m.is.stamp_ns, wall_ns);
		has_train |= m.is.step < m.is.len;
		sort_message(link, &groups, &m);
	}
	for (unsigned i = 0; i < groups.len; i++) {
		sequencer_enter(&groups.batch[i]->peer->arriving, &groups.batch[i]->order);
		work_submit(self, groups.batch[i], more || i + 1 < groups.len);
	}
	return has_train;
}

/* Receives once. Returns whether there is likely to be more. */
static bool receive(struct link *link)
{
	struct reception *rec = link->reception;
	struct dp_thread *self = &link->rx;
	unsigned len = prepare(link, rec);
	bool more, has_train;
	uint64_t before;
	int n;

	n = recvmmsg(link->data_fd, rec->msg, len, MSG_DONTWAIT, NULL);
	/* Nothing, or an error a stranger's ICMP left on the socket: it is cleared by having been
	 * reported.
	 */
	if (n <= 0)
		return false;
	self->now_ns = clock_boot_ns();
	before = counter_read(&link->rx_packets);
	memset(rec->is_ready, 0, (size_t)n);
	more = n == (int)len;
	has_train = sort_and_submit(link, rec, (unsigned)n, more);
	load_add(&link->load, counter_read(&link->rx_packets) - before, self->now_ns);
	rec->want = has_train ? TRAINS_AT_ONCE : MESSAGES_MAX;
	return more || has_train; /* behind a train the next one is likely to have come already */
}

void link_rx_stand_in(struct link *link)
{
	bool has_memory = link->reception->landing[0] || batch_pool_has_idle(&link->rx.pool);

	if (!has_memory || receive(link) || load_is_high(&link->load) || link_is_stopping(link))
		quiet_links_return(link);
}

int link_rx_init(struct link *link)
{
	link->reception = calloc(1, sizeof *link->reception);
	if (!link->reception)
		return -ENOMEM;
	link->reception->want = MESSAGES_MAX;
	return 0;
}

void link_rx_fini(struct link *link)
{
	struct reception *rec = link->reception;

	if (!rec)
		return;
	for (unsigned i = 0; i < MESSAGES_MAX; i++)
		batch_free(rec->landing[i]);
	free(rec);
	link->reception = NULL;
}

/* Sleeps until a datagram, a new socket or the end comes, or the span is over in which the load was
 * measured. While the link is quiet, until it comes back.
 */
static void rest(struct link *link)
{
	struct pollfd fds[] = {{.fd = link->wake_fd, .events = POLLIN},
	                       {.fd = link->data_fd, .events = POLLIN}};
	bool are_taken = quiet_links_are_taken(link->quiet), is_quiet = quiet_links_has(link);
	eventfd_t count;

	if (are_taken && !is_quiet && load_is_low(&link->load, clock_boot_ns())) {
		quiet_links_give(link);
		is_quiet = true;
	}
	rcu_thread_offline();
	poll(fds, is_quiet ? 1 : 2, are_taken && !is_quiet ? LOAD_SPAN_MS : -1);
	rcu_thread_online();
	if (fds[0].revents && eventfd_read(link->wake_fd, &count) == 0 && quiet_links_has(link))
		quiet_links_look_again(link);
}

void link_rx_main(void *arg)
{
	struct link *link = arg;
	uint64_t busy_ns = link->busy_poll_us * NS_PER_US;
	bool more = true; /* what came before the thread was there */

	while (!link_is_stopping(link)) {
		if (!more && (!busy_ns || clock_boot_ns() >= link->rx.now_ns + busy_ns))
			rest(link);
		more = !quiet_links_has(link) && receive(link);
		rcu_quiescent_state();
	}
}
