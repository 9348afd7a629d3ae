/* SPDX-License-Identifier: MIT */
#include "dataplane/staging.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Small, since many packets that wait are: the first of a connection, an echo request. */
#define BLOCK_BYTES 256u

struct staged_block {
	struct staged_block *next; /* of the packet, or of the idle ones */
	uint8_t data[BLOCK_BYTES - sizeof(struct staged_block *)];
};

/* Lies in its first block, the beginning of the data behind it. */
struct staged_packet {
	struct staged_block *rest;
	struct cds_list_head by_age;
	struct staged_packet *next; /* of the queue */
	struct staged_queue *queue;
	uint64_t since_ns;
	uint16_t len;
	uint16_t blocks;
	uint8_t data[];
};

#define FIRST_BYTES (BLOCK_BYTES - offsetof(struct staged_packet, data))
#define REST_BYTES  sizeof(((struct staged_block *)NULL)->data)

_Static_assert(sizeof(struct staged_block) == BLOCK_BYTES, "no gaps");
_Static_assert(STAGING_BYTES % BLOCK_BYTES == 0, "whole blocks");
_Static_assert(STAGING_BYTES > 2 * (UINT16_MAX + BLOCK_BYTES), "the longest packet fits");

int staging_init(struct staging *s, size_t bytes, const struct staging_peers *peers)
{
	*s = (struct staging){.bytes = bytes, .peers = peers};
	CDS_INIT_LIST_HEAD(&s->by_age);
	s->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->memory != MAP_FAILED)
		return 0;
	s->memory = NULL;
	return -ENOMEM;
}

void staging_fini(struct staging *s)
{
	if (s->memory)
		munmap(s->memory, s->bytes);
	*s = (struct staging){0};
}

/* ---- blocks ---- */

static struct staged_block *take_block(struct staging *s)
{
	struct staged_block *block = s->idle;

	if (block) {
		s->idle = block->next;
	} else if (s->fresh < s->bytes) {
		block = (struct staged_block *)(s->memory + s->fresh);
		s->fresh += BLOCK_BYTES;
	}
	return block;
}

static void give_block(struct staging *s, struct staged_block *block)
{
	block->next = s->idle;
	s->idle = block;
}

static size_t part_len(size_t left, size_t room)
{
	return left < room ? left : room;
}

static unsigned blocks_for(size_t len)
{
	return len <= FIRST_BYTES
	               ? 1
	               : 1 + (unsigned)((len - FIRST_BYTES + REST_BYTES - 1) / REST_BYTES);
}

/* ---- packets ---- */

static struct staged_packet *oldest(const struct staging *s)
{
	if (s->by_age.next == &s->by_age)
		return NULL;
	return cds_list_first_entry(&s->by_age, struct staged_packet, by_age);
}

void staging_remove_first(struct staging *s, struct staged_queue *q)
{
	struct staged_packet *p = q->first;
	struct staged_block *block = p->rest, *next;

	q->first = p->next;
	q->blocks -= p->blocks;
	counter_add(&q->len, (uint64_t)-1);
	cds_list_del(&p->by_age);
	give_block(s, (struct staged_block *)p);
	for (; block; block = next) {
		next = block->next;
		give_block(s, block);
	}
	if (q->first)
		return;
	if (s->greatest == q)
		s->greatest = NULL;
	s->peers->release(q->peer);
}

/* Whose oldest packet gives way to one of @q when the memory is used up. */
static struct staged_queue *who_gives_way(const struct staging *s, struct staged_queue *q)
{
	if (s->greatest && s->greatest->blocks >= q->blocks)
		return s->greatest;
	return q->first ? q : oldest(s)->queue;
}

/* A block; at the cost of others if need be, which are added to @gone. */
static struct staged_block *force_block(struct staging *s, struct staged_queue *q, unsigned *gone)
{
	struct staged_block *block;

	while (!(block = take_block(s))) {
		staging_remove_first(s, who_gives_way(s, q));
		++*gone;
	}
	return block;
}

/* A packet in no queue yet, with its data. */
static struct staged_packet *build(struct staging *s, struct staged_queue *q, const uint8_t *packet,
                                   size_t len, unsigned *gone)
{
	struct staged_packet *p = (struct staged_packet *)force_block(s, q, gone);
	size_t at = part_len(len, FIRST_BYTES);
	struct staged_block **end = &p->rest;

	p->len = (uint16_t)len;
	p->blocks = (uint16_t)blocks_for(len);
	memcpy(p->data, packet, at);
	for (size_t part; at < len; at += part) {
		part = part_len(len - at, REST_BYTES);
		*end = force_block(s, q, gone);
		memcpy((*end)->data, packet + at, part);
		end = &(*end)->next;
	}
	*end = NULL;
	return p;
}

static void append(struct staging *s, struct staged_queue *q, struct staged_packet *p)
{
	p->next = NULL;
	p->queue = q;
	if (q->first) {
		q->last->next = p;
	} else {
		q->first = p;
		s->peers->hold(q->peer);
	}
	q->last = p;
	q->blocks += p->blocks;
	counter_add(&q->len, 1);
	cds_list_add_tail(&p->by_age, &s->by_age);
	if (!s->greatest || s->greatest->blocks < q->blocks)
		s->greatest = q;
}

unsigned staging_add(struct staging *s, struct staged_queue *q, const uint8_t *packet, size_t len,
                     uint64_t now_ns)
{
	unsigned gone = 0;
	struct staged_packet *p;

	if (counter_read(&q->len) == STAGED_MAX) {
		staging_remove_first(s, q);
		gone++;
	}
	p = build(s, q, packet, len, &gone);
	p->since_ns = now_ns;
	append(s, q, p);
	return gone;
}

size_t staging_first_len(const struct staged_queue *q)
{
	return q->first->len;
}

void staging_copy_first(const struct staged_queue *q, uint8_t *dst)
{
	const struct staged_packet *p = q->first;
	const struct staged_block *block = p->rest;
	size_t at = part_len(p->len, FIRST_BYTES);

	memcpy(dst, p->data, at);
	for (size_t part; at < p->len; at += part, block = block->next) {
		part = part_len(p->len - at, REST_BYTES);
		memcpy(dst + at, block->data, part);
	}
}

uint64_t staging_due_ns(const struct staging *s)
{
	const struct staged_packet *p = oldest(s);

	return p ? p->since_ns + STAGED_AGE_NS : NEVER_NS;
}

unsigned staging_expire(struct staging *s, uint64_t now_ns)
{
	unsigned gone = 0;

	for (; staging_due_ns(s) <= now_ns; gone++)
		staging_remove_first(s, oldest(s)->queue); /* the oldest of all is first there */
	return gone;
}

unsigned staging_empty(struct staging *s, struct staged_queue *q)
{
	unsigned gone = 0;

	for (; q->first; gone++)
		staging_remove_first(s, q);
	return gone;
}

void staging_clear(struct staging *s)
{
	while (oldest(s))
		staging_remove_first(s, oldest(s)->queue);
}
