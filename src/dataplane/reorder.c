/* SPDX-License-Identifier: MIT */
#include "dataplane/reorder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crypto/keypair.h"
#include "dataplane/batch.h"

struct reorder {
	struct reseq seq;
	uint64_t born_ns; /* of the keypair whose order is kept; 0: none yet */
	uint32_t index;   /* its local one: two keypairs may be born in one turn of control */
	uint8_t *memory;
	size_t stride;
	uint16_t len[REORDER_HELD_MAX];
	uint16_t idle[REORDER_HELD_MAX]; /* tickets not in use; taken last-in first, still warm */
	unsigned idle_len;
};

struct reorder *reorder_create(size_t packet_bytes)
{
	struct reorder *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->stride = (packet_bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	r->memory = mmap(NULL, r->stride * REORDER_HELD_MAX, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (r->memory == MAP_FAILED) {
		free(r);
		return NULL;
	}
	while (r->idle_len < REORDER_HELD_MAX) {
		r->idle[r->idle_len] = (uint16_t)(REORDER_HELD_MAX - 1 - r->idle_len);
		r->idle_len++;
	}
	return r;
}

void reorder_destroy(struct reorder *r)
{
	if (!r)
		return;
	munmap(r->memory, r->stride * REORDER_HELD_MAX);
	free(r);
}

static void deliver_ticket(struct reorder *r, struct dp_thread *self, struct dp_peer *peer,
                           uint16_t ticket, reorder_deliver deliver)
{
	if (ticket == RESEQ_NO_TICKET)
		return;
	deliver(self, peer, r->memory + ticket * r->stride, r->len[ticket]);
	r->idle[r->idle_len++] = ticket;
}

static bool give_up_oldest(struct reorder *r, struct dp_thread *self, struct dp_peer *peer,
                           uint64_t now_ns, reorder_deliver deliver)
{
	uint16_t ticket;

	if (!reseq_take_any(&r->seq, now_ns, &ticket))
		return false;
	deliver_ticket(r, self, peer, ticket, deliver);
	return true;
}

/* A younger keypair begins a new order; what still waits under the older one goes first. False for a
 * packet of an older one: its order is over.
 */
static bool is_of_this_order(struct reorder *r, struct dp_thread *self, struct dp_peer *peer,
                             const struct keypair *kp, uint64_t now_ns, reorder_deliver deliver)
{
	if (kp->born_ns == r->born_ns && kp->local_index == r->index)
		return true;
	if (kp->born_ns < r->born_ns || (kp->born_ns == r->born_ns && kp->local_index < r->index))
		return false;
	while (give_up_oldest(r, self, peer, now_ns, deliver))
		;
	if (r->born_ns)
		reseq_restart(&r->seq);
	r->born_ns = kp->born_ns;
	r->index = kp->local_index;
	return true;
}

/* Copies the packet; there is an idle ticket. */
static uint16_t store(struct reorder *r, const uint8_t *packet, size_t len)
{
	uint16_t ticket = r->idle[--r->idle_len];

	memcpy(r->memory + ticket * r->stride, packet, len);
	r->len[ticket] = (uint16_t)len;
	return ticket;
}

static void hold(struct reorder *r, struct dp_thread *self, struct dp_peer *peer, uint64_t seq,
                 unsigned path, const uint8_t *packet, size_t len, uint64_t now_ns,
                 reorder_deliver deliver)
{
	uint16_t ticket = RESEQ_NO_TICKET;

	if (len > r->stride)
		deliver(self, peer, packet, len);
	else if (len)
		ticket = store(r, packet, len);
	reseq_hold(&r->seq, seq, path, ticket, now_ns);
	/* One ticket stays idle for the next packet: what is given up is then the lowest of all. */
	while (r->idle_len == 0)
		give_up_oldest(r, self, peer, now_ns, deliver);
}

void reorder_put(struct reorder *r, struct dp_thread *self, struct dp_peer *peer,
                 const struct keypair *kp, uint64_t seq, unsigned path, const uint8_t *packet,
                 size_t len, uint64_t now_ns, reorder_deliver deliver)
{
	enum reseq_verdict verdict = RESEQ_DELIVER;

	if (path >= PATHS_MAX)
		path = PATHS_MAX;
	if (is_of_this_order(r, self, peer, kp, now_ns, deliver)) {
		while ((verdict = reseq_arrived(&r->seq, seq, path, now_ns)) == RESEQ_FULL)
			give_up_oldest(r, self, peer, now_ns, deliver);
	}
	if (verdict == RESEQ_HOLD) {
		hold(r, self, peer, seq, path, packet, len, now_ns, deliver);
		return;
	}
	if (len)
		deliver(self, peer, packet, len);
	if (r->seq.held)
		reorder_run(r, self, peer, now_ns, deliver);
}

uint64_t reorder_run(struct reorder *r, struct dp_thread *self, struct dp_peer *peer,
                     uint64_t now_ns, reorder_deliver deliver)
{
	uint16_t ticket;

	while (reseq_take(&r->seq, now_ns, &ticket))
		deliver_ticket(r, self, peer, ticket, deliver);
	return reseq_deadline_ns(&r->seq, now_ns);
}

void reorder_probed(struct reorder *r, unsigned path, int32_t owd_us)
{
	reseq_probed(&r->seq, path, owd_us);
}
