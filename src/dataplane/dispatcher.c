/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/dispatcher.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ip.h"
#include "crypto/keypair.h"
#include "dataplane/allowedips.h"
#include "dataplane/link_rx.h"
#include "dataplane/loop_guard.h"
#include "dataplane/mailbox.h"
#include "dataplane/peer.h"
#include "dataplane/quiet_links.h"
#include "dataplane/super_packet.h"
#include "dataplane/tun.h"

#define ROUND_PACKETS BATCH_MAX

/* Without a sleep between, after which quiet links have waited long enough. */
#define ROUNDS_WITHOUT_SLEEP 4u

/* Before the TUN device is read again when the last two reads failed. */
#define READ_REST_MS 10

/* A super-packet from this length on is worth a batch of its own. */
#define LONG_BYTES 16384u

/* A packet that is to be put somewhere: the next of a super-packet, or the first that is staged. */
struct source {
	struct super_packet *cut; /* or NULL */
	const struct staged_queue *staged;
	size_t len;
};

/* ---- staging ---- */

/* Keeps a packet until a session and a path exist; the oldest one gives way. */
static void stage_packet(struct dispatcher *d, struct outbound *out, const struct source *from)
{
	unsigned gone;

	super_packet_next(from->cut, d->segment);
	if (!dp_peer_get(out->peer)) {
		dp_drop(&d->self, DROP_NO_PEER, 1); /* removed this moment */
		return;
	}
	gone = staging_add(&d->staging, &out->staged, d->segment, from->len, d->self.now_ns);
	dp_peer_put(out->peer);
	if (gone)
		dp_drop(&d->self, DROP_STAGED_FULL, gone);
}

/* Once per round, with the time of it. */
static void expire_staged(struct dispatcher *d)
{
	unsigned gone = staging_expire(&d->staging, d->self.now_ns);

	if (gone)
		dp_drop(&d->self, DROP_STAGED_EXPIRED, gone);
}

/* Until staged packets expire, for poll(); -1: nothing is staged. At least a second: packets that
 * come one by one and wait in vain do not wake us one by one.
 */
static int staged_wait_ms(const struct dispatcher *d)
{
	uint64_t due_ns = staging_due_ns(&d->staging);
	uint64_t wait_ns = due_ns > d->self.now_ns ? due_ns - d->self.now_ns : 0;

	if (due_ns == NEVER_NS)
		return -1;
	return wait_ns < NS_PER_S ? 1000 : (int)(wait_ns / NS_PER_MS) + 1;
}

/* ---- rounds ---- */

static void copy_packet(const struct source *from, uint8_t *dst)
{
	if (from->cut)
		super_packet_next(from->cut, dst);
	else
		staging_copy_first(from->staged, dst);
}

/* True when the packet is on its way; false when the peer cannot send at this moment. A full batch
 * ends the round.
 */
static bool add_to_round(struct dispatcher *d, struct outbound *out, const struct source *from)
{
	uint8_t *dst = round_reserve(&d->round, out, from->len);

	if (!dst)
		return false;
	copy_packet(from, dst);
	round_commit(&d->round);
	return true;
}

/* Lets staged packets go, as many as can. */
static void release_staged(struct dispatcher *d, struct outbound *out)
{
	struct staged_queue *staged = &out->staged;

	while (staged->first) {
		struct source from = {.staged = staged, .len = staging_first_len(staged)};

		if (!add_to_round(d, out, &from))
			return;
		staging_remove_first(&d->staging, staged);
	}
}

/* The first one, see quiet_links.h. */
static bool takes_quiet_links(const struct dispatcher *d)
{
	return d->quiet;
}

/* With the pool empty packets wait in the TUN device's queue: that is the back-pressure that inner
 * senders feel. The batch that came home goes back at once; it only had to come. Waiting is offline
 * for RCU, so what the round holds goes first.
 */
static void wait_for_memory(struct dispatcher *d)
{
	if (batch_pool_has_idle(&d->self.pool))
		return;
	round_end(&d->round, true);
	if (takes_quiet_links(d))
		quiet_links_return_all(d->quiet);
	batch_free(batch_get_wait(&d->self.pool));
}

/* Sends or stages one packet. */
static void dispatch_packet(struct dispatcher *d, struct outbound *out, const struct source *from)
{
	/* Staged packets go first, or the flow would be out of order. */
	if (out->staged.first)
		release_staged(d, out);
	if (!out->staged.first && add_to_round(d, out, from))
		return;
	stage_packet(d, out, from);
	outbound_want_session(out->peer); /* now that there is something to be kicked for */
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

/* Cuts a super-packet to @peer and dispatches what comes out. A wait for memory is offline for RCU:
 * the peer must outlast it.
 */
static void dispatch_all(struct dispatcher *d, struct dp_peer *peer, struct super_packet *cut,
                         unsigned packets)
{
	bool is_held = false;
	size_t len;

	for (; (len = super_packet_next_len(cut)); packets--) {
		struct source from = {.cut = cut, .len = len};

		if (!is_held && !batch_pool_has_idle(&d->self.pool)) {
			is_held = dp_peer_get(peer);
			if (!is_held) {
				dp_drop(&d->self, DROP_NO_PEER, packets);
				return;
			}
		}
		wait_for_memory(d);
		dispatch_packet(d, &peer->out[d->self.id], &from);
	}
	if (is_held)
		dp_peer_put(peer);
}

/* What one read of the device gave. */
static void dispatch(struct dispatcher *d, const struct virtio_net_hdr *header,
                     const uint8_t *packet, size_t len)
{
	struct super_packet cut;
	unsigned packets =
		ip_packet_len(packet, len) ? super_packet_begin(&cut, header, packet, len) : 0;
	struct dp_peer *peer;

	if (!packets) {
		dp_drop(&d->self, DROP_INNER_MALFORMED, 1);
		return;
	}
	/* The device's MTU may have been raised since the slots were cut. The first is the longest.
	 */
	if (super_packet_next_len(&cut) + PADDING_MULTIPLE + TRANSPORT_OVERHEAD > d->slot_bytes) {
		dp_drop(&d->self, DROP_TOO_BIG, packets);
		return;
	}
	if (loop_guard_is_ours(d->loop_guard, packet, len)) {
		dp_drop(&d->self, DROP_ROUTING_LOOP, packets);
		return;
	}
	peer = find_peer(d, packet, packets);
	if (peer)
		dispatch_all(d, peer, &cut, packets);
}

/* In rounds of what memory allows: nobody may ever kick or send again for what would stay behind.
 * With a batch at hand one packet at least can go, unless the peer cannot send.
 */
static void release_kicked(struct dispatcher *d, struct outbound *out)
{
	uint64_t before;

	do {
		before = counter_read(&out->staged.len);
		wait_for_memory(d);
		release_staged(d, out);
		round_end(&d->round, false);
	} while (out->staged.first && counter_read(&out->staged.len) < before);
}

/* Takes kicks off the queue. The mark goes first, so a kick that comes meanwhile is not lost. */
static void take_kicks(struct dispatcher *d)
{
	struct cds_wfcq_node *node;
	uint64_t count;

	if (read(d->kick_fd, &count, sizeof count) < 0 && errno != EAGAIN)
		return;
	while ((node = __cds_wfcq_dequeue_nonblocking(&d->kick_head, &d->kick_tail)) &&
	       node != CDS_WFCQ_WOULDBLOCK) {
		struct outbound *out = caa_container_of(node, struct outbound, kick_node);

		/* An exchange: what is read from here on is not older than the mark's end. */
		atomic_exchange(&out->is_kicked, false);
		if (atomic_exchange(&out->is_given_up, false))
			dp_drop(&d->self, DROP_STAGED_EXPIRED,
			        staging_empty(&d->staging, &out->staged));
		else
			release_kicked(d, out);
		dp_peer_put(out->peer);
	}
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
static size_t read_packet(struct dispatcher *d, struct virtio_net_hdr *header)
{
	const struct tun *tun = d->self.tun;
	size_t header_len = tun->has_header ? sizeof *header : 0;
	struct iovec iov[] = {{header, header_len}, {d->packet, SUPER_PACKET_BYTES_MAX}};
	ssize_t n = readv(tun->fd[d->self.id], iov, 2);

	if (n > 0 && (size_t)n > header_len)
		return (size_t)n - header_len;
	note_read_error(d, n < 0 ? errno : EIO); /* a packet has a byte at least */
	return 0;
}

/* Reads packets until the device has no more, or the round is full, or memory is short. True: there
 * may be more. All reads count, so that a device that never runs dry cannot keep us from the clock,
 * from kicks and from being quiescent.
 */
static bool read_round(struct dispatcher *d)
{
	for (unsigned i = 0; i < ROUND_PACKETS && batch_pool_has_idle(&d->self.pool); i++) {
		struct virtio_net_hdr header = {0};
		size_t len = read_packet(d, &header);

		if (!len)
			return false;
		dispatch(d, &header, d->packet, len);
		if (len >= LONG_BYTES)
			return true;
	}
	return true;
}

/* Sleeps until there is a packet, a kick, or a datagram on a quiet link, and takes the
 * latter two; or until what is staged is too old.
 */
static void wait_for_packet(struct dispatcher *d)
{
	struct pollfd fds[2 + LINK_PAIRS_MAX] = {
		{.fd = d->self.tun->fd[d->self.id], .events = POLLIN},
		{.fd = d->kick_fd, .events = POLLIN}};
	struct link *link[LINK_PAIRS_MAX];
	unsigned links = takes_quiet_links(d) ? quiet_links_list(d->quiet, link) : 0;
	bool is_resting = d->failed_reads > 1;

	if (is_resting)
		fds[0].fd = -1; /* poll() passes it over */
	for (unsigned i = 0; i < links; i++)
		fds[2 + i] = (struct pollfd){.fd = link[i]->data_fd, .events = POLLIN};
	rcu_thread_offline();
	poll(fds, 2 + links, is_resting ? READ_REST_MS : staged_wait_ms(d));
	rcu_thread_online();
	d->self.now_ns = clock_boot_ns();
	expire_staged(d);
	for (unsigned i = 0; i < links; i++) {
		if (fds[2 + i].revents || link_is_stopping(link[i]))
			link_rx_stand_in(link[i]);
	}
	if (fds[1].revents)
		take_kicks(d);
}

void dispatcher_main(void *arg)
{
	struct dispatcher *d = arg;
	uint64_t busy_ns = d->busy_poll_us * NS_PER_US, busy_until_ns = 0;
	unsigned rounds = 0; /* since we slept */

	while (!atomic_load_explicit(&d->is_stopping, memory_order_acquire) &&
	       !mailbox_tun_error(d->self.mailbox)) {
		bool more;

		d->self.now_ns = clock_boot_ns();
		expire_staged(d);
		more = read_round(d);
		if (d->round.first)
			busy_until_ns = d->self.now_ns + busy_ns;
		round_end(&d->round, more);
		rcu_quiescent_state();
		wait_for_memory(d);
		if (!more && d->self.now_ns >= busy_until_ns) {
			wait_for_packet(d);
			rounds = 0;
			continue;
		}
		if (!cds_wfcq_empty(&d->kick_head, &d->kick_tail))
			take_kicks(d);
		if (takes_quiet_links(d) && ++rounds >= ROUNDS_WITHOUT_SLEEP)
			quiet_links_return_all(d->quiet);
	}
	if (d->quiet)
		quiet_links_end(d->quiet);
}

int dispatcher_init(struct dispatcher *d)
{
	d->round.self = &d->self;
	d->packet = malloc(SUPER_PACKET_BYTES_MAX);
	d->segment = malloc(d->slot_bytes);
	if (!d->packet || !d->segment || staging_init(&d->staging))
		return -ENOMEM;
	d->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return d->kick_fd < 0 ? -errno : 0;
}

void dispatcher_fini(struct dispatcher *d)
{
	staging_fini(&d->staging);
	free(d->packet);
	free(d->segment);
	if (d->kick_fd >= 0)
		close(d->kick_fd);
}

void dispatcher_kick(struct dispatcher *d, struct outbound *out)
{
	if (atomic_exchange(&out->is_kicked, true) || !dp_peer_get(out->peer))
		return;
	cds_wfcq_node_init(&out->kick_node);
	cds_wfcq_enqueue(&d->kick_head, &d->kick_tail, &out->kick_node);
	eventfd_write(d->kick_fd, 1);
}

void dispatcher_discard_kicks(struct dispatcher *d)
{
	struct cds_wfcq_node *kick;

	while ((kick = __cds_wfcq_dequeue_nonblocking(&d->kick_head, &d->kick_tail)))
		dp_peer_put(caa_container_of(kick, struct outbound, kick_node)->peer);
}
