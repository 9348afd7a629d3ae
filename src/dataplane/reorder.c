/* SPDX-License-Identifier: MIT */
#include "dataplane/reorder.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/align.h"
#include "crypto/keypair.h"
#include "sched/arrivals.h"
#include "sched/patience.h"
#include "sched/receiver.h"

/* Memory beyond that of so many packets goes back to the system when it was not needed for a while.
 */
#define KEPT_TICKETS 64u
#define KEPT_NS      (10 * NS_PER_S)

/* Lies in one mapping with the packets, so that a peer at rest needs a few pages of it. */
struct reorder {
	struct receiver receiver;
	size_t bytes; /* of the mapping */
	uint8_t *memory;
	size_t stride;
	unsigned fresh;    /* tickets from here on have no memory yet */
	uint64_t grown_ns; /* when it needed more than KEPT_TICKETS last */
	unsigned idle_len, gone_len;
	uint16_t idle[REORDER_HELD_MAX]; /* in use no more; taken last-in first, still warm */
	uint16_t gone[REORDER_HELD_MAX]; /* delivered: in use until the sink is flushed */
	uint16_t len[REORDER_HELD_MAX];
};

struct reorder *reorder_create(size_t packet_bytes)
{
	size_t stride = align_up(packet_bytes, CACHE_LINE);
	size_t head = align_up(sizeof(struct reorder), (size_t)sysconf(_SC_PAGESIZE));
	size_t bytes = head + stride * REORDER_HELD_MAX;
	struct reorder *r = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (r == MAP_FAILED)
		return NULL;
	r->bytes = bytes;
	r->stride = stride;
	r->memory = (uint8_t *)r + head;
	return r;
}

void reorder_destroy(struct reorder *r)
{
	if (r)
		munmap(r, r->bytes);
}

static bool has_ticket(const struct reorder *r)
{
	return r->idle_len || r->fresh < REORDER_HELD_MAX;
}

static uint16_t take_ticket(struct reorder *r)
{
	return r->idle_len ? r->idle[--r->idle_len] : (uint16_t)r->fresh++;
}

/* The sink lets go of what was delivered; its memory is free again. */
static void flush(struct reorder *r, const struct reorder_sink *sink)
{
	sink->flush(sink->self);
	while (r->gone_len)
		r->idle[r->idle_len++] = r->gone[--r->gone_len];
}

static void deliver_ticket(struct reorder *r, const struct reorder_sink *sink, uint16_t ticket)
{
	if (ticket == RESEQ_NO_TICKET)
		return;
	sink->deliver(sink->self, sink->peer, r->memory + ticket * r->stride, r->len[ticket]);
	r->gone[r->gone_len++] = ticket;
}

static bool give_up_oldest(struct reorder *r, const struct reorder_sink *sink, uint64_t now_ns)
{
	uint16_t ticket;

	if (!receiver_take_any(&r->receiver, now_ns, &ticket))
		return false;
	deliver_ticket(r, sink, ticket);
	return true;
}

/* Copies the packet; there is a ticket. */
static uint16_t store(struct reorder *r, const uint8_t *packet, size_t len)
{
	uint16_t ticket = take_ticket(r);

	memcpy(r->memory + ticket * r->stride, packet, len);
	r->len[ticket] = (uint16_t)len;
	return ticket;
}

static void hold(struct reorder *r, const struct reorder_sink *sink,
                 const struct receiver_packet *which, uint64_t place, uint8_t *packet, size_t len,
                 uint64_t now_ns)
{
	uint16_t ticket = RESEQ_NO_TICKET;

	if (len > r->stride)
		sink->deliver(sink->self, sink->peer, packet, len);
	else if (len)
		ticket = store(r, packet, len);
	receiver_hold(&r->receiver, which, place, ticket, now_ns);
	/* One ticket is left for the next packet: what is given up is then the lowest of all. */
	while (!has_ticket(r)) {
		if (r->gone_len == 0)
			give_up_oldest(r, sink, now_ns);
		else
			flush(r, sink);
	}
}

static void deliver_due(struct reorder *r, const struct reorder_sink *sink, uint64_t now_ns)
{
	uint16_t ticket;

	while (receiver_take(&r->receiver, now_ns, &ticket))
		deliver_ticket(r, sink, ticket);
}

/* Of the first numbers of a session some came before there was an order, keepalives as a rule: the
 * first that did not, below @seq.
 */
static uint64_t first_missing(const struct keypair *kp, uint64_t seq)
{
	uint64_t first = 0;

	while (first < seq && first < RESEQ_BEGINS_WITHIN &&
	       replay_is_past(&kp->received[LANE_ORDERED], first))
		first++;
	return first;
}

void reorder_put(struct reorder *r, const struct reorder_sink *sink, const struct keypair *kp,
                 uint64_t seq, unsigned path, uint8_t *packet, size_t len, uint64_t now_ns)
{
	const struct receiver_packet which = {
		.seq = seq, .born_ns = kp->born_ns, .index = kp->local_index, .path = path};
	enum reseq_verdict verdict;
	uint64_t place;

	if (!receiver_has_begun(&r->receiver))
		receiver_begins_at(&r->receiver, first_missing(kp, seq));
	while ((verdict = receiver_arrived(&r->receiver, &which, now_ns, &place)) == RESEQ_FULL)
		give_up_oldest(r, sink, now_ns);
	if (verdict == RESEQ_HOLD) {
		hold(r, sink, &which, place, packet, len, now_ns);
		return;
	}
	if (len)
		sink->deliver(sink->self, sink->peer, packet, len);
	deliver_due(r, sink, now_ns);
}

/* Nothing is held or waits for the sink. */
static void give_back_memory(struct reorder *r)
{
	madvise(r->memory, r->fresh * r->stride, MADV_DONTNEED);
	r->fresh = r->idle_len = 0;
}

uint64_t reorder_run(struct reorder *r, const struct reorder_sink *sink, uint64_t now_ns)
{
	deliver_due(r, sink, now_ns);
	if (r->fresh - r->idle_len > KEPT_TICKETS)
		r->grown_ns = now_ns;
	flush(r, sink);
	if (r->fresh > KEPT_TICKETS && r->idle_len == r->fresh && now_ns > r->grown_ns + KEPT_NS)
		give_back_memory(r);
	return receiver_alarm_ns(&r->receiver, now_ns);
}

void reorder_report(const struct reorder *r, struct arrivals *arrivals, uint64_t now_ns,
                    struct report *ret)
{
	const struct epoch *newest = &r->receiver.epochs.newest;
	bool is_in_order = newest->born_ns && newest->index == arrivals->key;

	arrivals_report(arrivals, is_in_order ? &r->receiver.order : NULL, newest->offset, now_ns,
	                ret);
}

void reorder_expect_repairs(struct reorder *r, const struct patience *patience)
{
	reseq_expect_repair(&r->receiver.order, patience ? patience->repair_ns : 0,
	                    patience ? patience->death_ns : 0);
}

uint64_t reorder_passed_gap(const struct reorder *r)
{
	return reseq_is_passed(&r->receiver.order) ? r->receiver.order.next : UINT64_MAX;
}

void reorder_probed(struct reorder *r, unsigned path, int32_t owd_us)
{
	receiver_probed(&r->receiver, path, owd_us);
}
