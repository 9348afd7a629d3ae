/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/dispatcher.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ip.h"
#include "dataplane/allowedips.h"
#include "dataplane/link_rx.h"
#include "dataplane/loop_guard.h"
#include "dataplane/mailbox.h"
#include "dataplane/mss.h"
#include "dataplane/outflow.h"
#include "dataplane/peer.h"
#include "dataplane/quiet_links.h"
#include "dataplane/super_packet.h"
#include "dataplane/tun.h"

#define ROUND_PACKETS BATCH_MAX

/* Without a sleep between, after which the links that we watch have waited long enough. */
#define ROUNDS_WITHOUT_SLEEP 4u

/* Before the TUN device is read again when the last two reads failed. */
#define READ_REST_NS (10 * NS_PER_MS)

/* A super-packet from this length on is worth a batch of its own. */
#define LONG_BYTES 16384u

/* Read in one round, however short the super-packets are. */
#define ROUND_BYTES 131072u

/* The dispatcher that polls links beside the device, see quiet_links.h. */
static bool takes_quiet_links(const struct dispatcher *d)
{
	return d->quiet != NULL;
}

/* With the pool empty packets wait in the TUN device's queue: that is the back-pressure that inner
 * senders feel. Waiting is offline for RCU: nothing that was found is used after it, but what is
 * held.
 */
static void wait_for_memory(struct dispatcher *d)
{
	if (batch_pool_has_idle(&d->self.pool))
		return;
	if (takes_quiet_links(d))
		quiet_links_return_all(d->quiet);
	batch_pool_wait(&d->self.pool);
}

/* ---- roles ---- */

static bool queue_role(struct dispatcher *d, struct dp_peer *peer)
{
	if (!dp_peer_get(peer))
		return false;
	cds_wfcq_node_init(&peer->outflow->given_node);
	cds_wfcq_enqueue(&d->kick_head, &d->kick_tail, &peer->outflow->given_node);
	return true;
}

bool dispatcher_give_role(struct dispatcher *d, struct dp_peer *peer)
{
	if (!queue_role(d, peer))
		return false;
	eventfd_write(d->kick_fd, 1);
	return true;
}

struct dp_peer *dispatcher_take_role(struct dispatcher *d)
{
	struct cds_wfcq_node *node = __cds_wfcq_dequeue_nonblocking(&d->kick_head, &d->kick_tail);

	/* Half pushed: that thread's wake-up is still to come. */
	if (!node || node == CDS_WFCQ_WOULDBLOCK)
		return NULL;
	return caa_container_of(node, struct outflow, given_node)->peer;
}

static void clear_outflow(void *out)
{
	if (outflow_ask(out))
		outflow_clear(out);
}

void dispatcher_discard(struct dispatcher *d)
{
	struct dp_peer *peer;

	while ((peer = dispatcher_take_role(d))) {
		outflow_clear(peer->outflow);
		dp_peer_put(peer);
	}
	read_pool_evict(&d->reads, clear_outflow);
	alarms_clear(&d->pumps.alarms);
}

static bool has_roles(struct dispatcher *d)
{
	return !cds_wfcq_empty(&d->kick_head, &d->kick_tail);
}

/* The turn was over before the work, which goes on when the device was read. */
static void go_on_later(struct dispatcher *d, struct dp_peer *peer)
{
	if (!queue_role(d, peer))
		outflow_abandon(&d->self, peer->outflow);
}

/* Has the role of the peer's outflow; the peer is held. False: it goes on later. */
static bool run_outflow(struct dispatcher *d, struct dp_peer *peer)
{
	enum outflow_outcome outcome;

	while ((outcome = outflow_run(&d->self, peer->outflow, false)) == OUTFLOW_NO_MEMORY)
		wait_for_memory(d);
	if (outcome == OUTFLOW_DONE)
		return true;
	go_on_later(d, peer);
	return false;
}

/* After one that goes on later the others have to wait until then: the device is to be read. */
static void take_roles(struct dispatcher *d)
{
	struct dp_peer *peer;
	uint64_t count;
	bool is_done = true;

	if (read(d->kick_fd, &count, sizeof count) < 0 && errno != EAGAIN)
		return;
	while (is_done && (peer = dispatcher_take_role(d))) {
		is_done = run_outflow(d, peer);
		dp_peer_put(peer);
	}
}

/* ---- rounds ---- */

/* With the first packet for @peer. */
static void join_round(struct dispatcher *d, struct dp_peer *peer, struct intake *in)
{
	in->is_in_round = true;
	in->next = d->round;
	d->round = in;
	in->has_role = outflow_ask(peer->outflow);
	if (in->has_role && outflow_begin(&d->self, peer->outflow) != OUTFLOW_DONE) {
		in->has_role = false;
		go_on_later(d, peer);
	}
}

static void keep_for_end(struct intake *in, struct read_buffer *read)
{
	if (in->first)
		in->last->next = read;
	else
		in->first = read;
	in->last = read;
}

/* What was read goes its way, or is kept until somebody sends it. False: memory is used up. */
static bool pass_on(struct dispatcher *d, struct dp_peer *peer, struct read_buffer *read,
                    size_t len)
{
	struct intake *in = &peer->outflow->intake[d->self.id];

	if (!in->is_in_round)
		join_round(d, peer, in);
	if (!in->has_role) {
		keep_for_end(in, read_pool_keep(&d->reads, read, len));
		return true;
	}
	return outflow_send(&d->self, peer->outflow, read, len);
}

static enum outflow_outcome end_for_peer(struct dispatcher *d, struct intake *in, bool more)
{
	struct outflow *out = in->outflow;
	struct read_buffer *chain = in->first;

	in->is_in_round = false;
	if (in->has_role)
		return outflow_end(&d->self, out, more);
	in->first = NULL;
	return outflow_put(out, chain) ? outflow_run(&d->self, out, more) : OUTFLOW_DONE;
}

/* Passes everything on. @more: the TUN device held more than one round takes. What is in the round
 * is not held, so there is no quiescent state before.
 */
static void end_round(struct dispatcher *d, bool more)
{
	while (d->round) {
		struct intake *in = d->round;

		d->round = in->next;
		if (end_for_peer(d, in, more) != OUTFLOW_DONE)
			go_on_later(d, in->outflow->peer);
	}
	d->round_bytes = 0;
}

static struct dp_peer *find_peer(struct dispatcher *d, const uint8_t *packet, unsigned packets)
{
	const struct allowedips *table = rcu_dereference(d->self.tables->allowedips);
	struct dp_peer *peer = table ? allowedips_lookup_dst(table, packet) : NULL;

	if (!peer) {
		dp_drop(&d->self, ip_stays_on_link(packet) ? DROP_LINK_SCOPE : DROP_NO_PEER,
		        packets);
		return NULL;
	}
	if (atomic_load_explicit(&peer->data_refused, memory_order_relaxed)) {
		dp_drop(&d->self, DROP_BONDING_REQUIRED, packets);
		return NULL;
	}
	return peer;
}

/* What begins a connection is told how long its segments may be to go over every path. */
static void clamp(const struct dp_peer *peer, const struct virtio_net_hdr *header, uint8_t *packet,
                  size_t len)
{
	unsigned mtu = atomic_load_explicit(&peer->fits_all, memory_order_relaxed);

	if (mtu && mss_may_be_syn(packet, len))
		mss_clamp(packet, len, mtu, !(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM));
}

/* What one read of the device gave. False: the round is over, for want of memory. */
static bool dispatch(struct dispatcher *d, const struct virtio_net_hdr *header,
                     struct read_buffer *read, size_t len)
{
	const uint8_t *packet = read->data;
	struct super_packet *cut = &read->cut;
	unsigned packets =
		ip_packet_len(packet, len) ? super_packet_begin(cut, header, packet, len) : 0;
	struct dp_peer *peer;

	if (!packets) {
		dp_drop(&d->self, DROP_INNER_MALFORMED, 1);
		return true;
	}
	/* The device's MTU may have been raised since the slots were cut. The first is the longest.
	 */
	if (super_packet_next_len(cut) + PADDING_MULTIPLE + TRANSPORT_OVERHEAD > d->slot_bytes) {
		dp_drop(&d->self, DROP_TOO_BIG, packets);
		return true;
	}
	if (loop_guard_is_ours(d->loop_guard, packet, len)) {
		dp_drop(&d->self, DROP_ROUTING_LOOP, packets);
		return true;
	}
	peer = find_peer(d, packet, packets);
	if (!peer)
		return true;
	clamp(peer, header, read->data, len);
	return pass_on(d, peer, read, len);
}

/* What comes back from a device that is gone: deleted, or the descriptor no longer of its queues.
 */
static bool is_gone(int error)
{
	return error == EBADFD || error == EBADF || error == ENODEV || error == ENXIO;
}

/* Whatever else a read fails with costs a packet at most, and may be over the next time. Until one
 * does not fail there is a rest before each, or a device that says "readable" and fails would keep
 * a processor busy.
 */
static void note_read_error(struct dispatcher *d, int error)
{
	if (error == EAGAIN || error == EINTR) {
		d->failed_reads = 0;
		return;
	}
	if (is_gone(error)) {
		mailbox_tun_failed(d->self.mailbox, error);
		return;
	}
	d->failed_reads++;
	dp_drop(&d->self, DROP_TUN_READ, 1);
	mailbox_tun_read_failed(d->self.mailbox, error);
}

/* One read: a header if the device gives one, and a packet. Returns the bytes of the packet, 0 at
 * the end, with *@header all zero when the device gives none.
 */
static size_t read_packet(struct dispatcher *d, struct virtio_net_hdr *header, uint8_t *packet)
{
	const struct tun *tun = d->self.tun;
	size_t header_len = tun->has_header ? sizeof *header : 0;
	struct iovec iov[] = {{header, header_len}, {packet, SUPER_PACKET_BYTES_MAX}};
	ssize_t n = readv(tun->fd[d->self.id], iov, 2);

	if (n > 0 && (size_t)n > header_len)
		return (size_t)n - header_len;
	note_read_error(d, n < 0 ? errno : EIO); /* a packet has a byte at least */
	return 0;
}

/* Reads packets until the device has no more, or the round is full, or memory is short. True: there
 * may be more. False also while all buffers wait for somebody: there is nothing to do until then.
 * All reads count, so that a device that never runs dry cannot keep us from the clock, from roles
 * and from being quiescent.
 */
static bool read_round(struct dispatcher *d)
{
	for (unsigned i = 0; i < ROUND_PACKETS && batch_pool_has_idle(&d->self.pool); i++) {
		struct virtio_net_hdr header = {0};
		struct read_buffer *read;
		size_t len;

		if (!read_pool_has_room(&d->reads))
			return false;
		read = read_pool_next(&d->reads);
		len = read_packet(d, &header, read->data);
		if (!len)
			return false;
		d->round_bytes += len;
		if (!dispatch(d, &header, read, len) || len >= LONG_BYTES ||
		    d->round_bytes >= ROUND_BYTES)
			return true;
	}
	return true;
}

/* Until when, from now on; not at all: NEVER_NS. */
static struct timespec time_left(uint64_t at_ns)
{
	uint64_t now_ns = clock_boot_ns(), left_ns = at_ns > now_ns ? at_ns - now_ns : 0;

	return (struct timespec){(time_t)(left_ns / NS_PER_S), (long)(left_ns % NS_PER_S)};
}

/* Sleeps until there is a packet, a role, or a datagram on a link that we watch, and takes the
 * latter two, or until @at_ns. While reads of ours wait for somebody the device has to wait, until
 * one came home.
 */
static void wait_for_packet(struct dispatcher *d, uint64_t at_ns)
{
	struct pollfd fds[2 + LINK_PAIRS_MAX] = {
		{.fd = d->self.tun->fd[d->self.id], .events = POLLIN},
		{.fd = d->kick_fd, .events = POLLIN}};
	struct link *link[LINK_PAIRS_MAX];
	unsigned links = takes_quiet_links(d) ? quiet_links_list(d->quiet, link) : 0;
	bool is_resting = d->failed_reads > 1;
	struct timespec left;

	if (is_resting && at_ns > d->self.now_ns + READ_REST_NS)
		at_ns = d->self.now_ns + READ_REST_NS;
	left = time_left(at_ns);
	if (is_resting || !read_pool_has_room(&d->reads))
		fds[0].fd = -1; /* poll() passes it over */
	for (unsigned i = 0; i < links; i++)
		fds[2 + i] = (struct pollfd){.fd = link[i]->data_fd, .events = POLLIN};
	rcu_thread_offline();
	ppoll(fds, 2 + links, at_ns == NEVER_NS ? NULL : &left, NULL);
	rcu_thread_online();
	d->self.now_ns = clock_boot_ns();
	for (unsigned i = 0; i < links; i++) {
		if (fds[2 + i].revents || link_is_stopping(link[i]))
			link_rx_stand_in(link[i]);
	}
	if (fds[1].revents)
		take_roles(d);
}

void dispatcher_main(void *arg)
{
	struct dispatcher *d = arg;
	uint64_t busy_ns = d->busy_poll_us * NS_PER_US, busy_until_ns = 0;
	unsigned rounds = 0; /* since we slept */

	while (!atomic_load_explicit(&d->is_stopping, memory_order_acquire) &&
	       !mailbox_tun_error(d->self.mailbox)) {
		uint64_t next_ns;
		bool more;

		d->self.now_ns = clock_boot_ns();
		more = read_round(d);
		if (d->round)
			busy_until_ns = d->self.now_ns + busy_ns;
		end_round(d, more);
		rcu_quiescent_state();
		wait_for_memory(d);
		next_ns = pumps_serve(&d->pumps, d->self.now_ns);
		if (!more && !has_roles(d) && d->self.now_ns >= busy_until_ns) {
			wait_for_packet(d, next_ns);
			rounds = 0;
			continue;
		}
		if (has_roles(d))
			take_roles(d);
		if (takes_quiet_links(d) && ++rounds >= ROUNDS_WITHOUT_SLEEP)
			quiet_links_return_all(d->quiet);
	}
	if (d->quiet)
		quiet_links_end(d->quiet);
}

int dispatcher_init(struct dispatcher *d, unsigned id)
{
	int r;

	d->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->kick_fd < 0)
		return -errno;
	d->pumps.wake_fd = d->kick_fd;
	r = alarms_init(&d->pumps.alarms, PEERS_MAX, &d->self);
	if (r)
		return r;
	return read_pool_init(&d->reads, id, d->slot_bytes, d->kick_fd);
}

void dispatcher_fini(struct dispatcher *d)
{
	read_pool_fini(&d->reads);
	alarms_fini(&d->pumps.alarms);
	if (d->kick_fd >= 0)
		close(d->kick_fd);
}
