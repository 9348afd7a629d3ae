/* SPDX-License-Identifier: MIT */
/* coalesce_rig.h - a coalescer, what was added to it, and what it wrote.
 *
 * The oracle is super_packet.h: whatever was written, cut again, must be what was added.
 */
#ifndef TESTS_COALESCE_RIG_H
#define TESTS_COALESCE_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "dataplane/coalesce.h"
#include "dataplane/super_packet.h"
#include "ip_rig.h"

enum {
	PACKETS_MAX = 512,
	MSS = 100,
	SPEC_KINDS = 4,
};

struct bytes {
	uint8_t *at;
	size_t len;
};

struct written {
	struct virtio_net_hdr header;
	struct bytes packet;
	unsigned pieces;
};

static struct written written[PACKETS_MAX];
static unsigned written_count;
static struct coalescer c;
static uint8_t payload[IP_RIG_PACKET_MAX];
static uint8_t scratch[IP_RIG_PACKET_MAX];

static const struct coalesce_offload all = {true, true, true, true};

/* Of exactly this size, so that a byte too much is seen. */
static inline struct bytes space_of(size_t len)
{
	struct bytes b = {malloc(len), len};

	cr_assert(ne(ptr, b.at, NULL));
	return b;
}

static inline struct bytes copy_of(const void *at, size_t len)
{
	struct bytes b = space_of(len);

	memcpy(b.at, at, len);
	return b;
}

static inline void note(void *context, const struct iovec *iov, unsigned len)
{
	struct written *w = &written[written_count++];
	size_t total = 0;

	cr_assert(eq(ptr, context, &written));
	cr_assert(lt(uint, written_count, PACKETS_MAX));
	cr_assert(lt(uint, 1, len));
	cr_assert(lt(uint, len, 1 + COALESCE_PIECES + 1));
	cr_assert(eq(sz, iov[0].iov_len, 10));
	memcpy(&w->header, iov[0].iov_base, sizeof w->header);
	for (unsigned i = 1; i < len; i++) {
		memcpy(scratch + total, iov[i].iov_base, iov[i].iov_len);
		total += iov[i].iov_len;
		cr_assert(le(sz, total, sizeof scratch));
	}
	w->packet = copy_of(scratch, total);
	w->pieces = len - 1;
}

static inline void begin_offload(const struct coalesce_offload *offload)
{
	for (unsigned i = 0; i < written_count; i++)
		free(written[i].packet.at);
	written_count = 0;
	coalescer_init(&c, offload, note, &written);
}

static inline void begin(void)
{
	begin_offload(&all);
}

static inline bool is_plain(const struct written *w)
{
	static const struct virtio_net_hdr none;

	return memcmp(&w->header, &none, sizeof none) == 0;
}

/* The memory of what is added has to last until the flush, and here until the end of the test. */
static struct bytes added[PACKETS_MAX]; /* as the coalescer has them */
static struct bytes kept[PACKETS_MAX];  /* as they were */
static unsigned added_count;

static inline void forget_added(void)
{
	for (unsigned i = 0; i < added_count; i++) {
		free(added[i].at);
		free(kept[i].at);
	}
	added_count = 0;
}

static inline void add(const uint8_t *packet, size_t len)
{
	cr_assert(lt(uint, added_count, PACKETS_MAX));
	added[added_count] = copy_of(packet, len);
	kept[added_count] = copy_of(packet, len);
	coalescer_add(&c, added[added_count].at, len);
	added_count++;
}

static inline void add_spec(const struct ip_spec *spec, size_t payload_len)
{
	uint8_t packet[3000];

	add(packet, build(packet, spec, payload, payload_len));
}

/* Joined packets come back with another IPv4 identification, and so another header checksum. */
static inline bool is_equal_but_for_id(const uint8_t *a, const uint8_t *b, size_t len)
{
	if (a[0] >> 4 != 4 || len < 20)
		return memcmp(a, b, len) == 0;
	return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, 4) == 0 &&
	       memcmp(a + 12, b + 12, len - 12) == 0;
}

/* Whether what was written is number @first .. of what was added, one after the other. Returns of
 * how many.
 */
static inline unsigned check_written(const struct written *w, unsigned first)
{
	struct super_packet s;
	unsigned count = super_packet_begin(&s, &w->header, w->packet.at, w->packet.len);

	cr_assert(eq(uint, count, w->pieces));
	for (unsigned i = 0; i < count; i++) {
		const struct bytes *want = &kept[first + i];

		cr_assert(lt(uint, first + i, added_count));
		cr_assert(eq(sz, super_packet_next_len(&s), want->len));
		super_packet_next(&s, scratch);
		if (is_plain(w)) {
			cr_assert(eq(int, memcmp(scratch, want->at, want->len), 0));
			continue;
		}
		cr_assert(eq(ptr, (void *)fault_of(scratch, want->len), NULL));
		cr_assert(is_equal_but_for_id(scratch, want->at, want->len));
	}
	return count;
}

/* Flushes, and checks that everything came in order in writes of so many packets. */
static inline void check_pieces(const unsigned *pieces, unsigned count, const char *what)
{
	unsigned done = 0;

	coalescer_flush(&c);
	cr_assert(eq(uint, written_count, count), "%s", what);
	for (unsigned i = 0; i < count; i++) {
		cr_assert(eq(uint, written[i].pieces, pieces[i]), "%s: write %u", what, i);
		cr_assert(eq(int, is_plain(&written[i]), pieces[i] == 1), "%s", what);
		done += check_written(&written[i], done);
	}
	cr_assert(eq(uint, done, added_count), "%s", what);
	forget_added();
}

#define expect_pieces(what, ...)                      \
	check_pieces((const unsigned[]){__VA_ARGS__}, \
	             sizeof((unsigned[]){__VA_ARGS__}) / sizeof(unsigned), what)

/* Four kinds: bit 0 is IPv6, bit 1 is UDP. */
static inline struct ip_spec spec_of(unsigned kind)
{
	struct ip_spec spec = {.is_v6 = kind & 1,
	                       .protocol = kind & 2 ? UDP : TCP,
	                       .host = {1, 2},
	                       .tos = 0x28,
	                       .ttl = 60,
	                       .flow_label = 0x12345,
	                       .id = 77,
	                       .fragment = DF,
	                       .port = {4000, 443},
	                       .seq = 0xffffff80, /* wraps */
	                       .ack = 99,
	                       .flags = ACK,
	                       .window = 1000,
	                       .options_len = 12};

	fill_random(spec.options, sizeof spec.options);
	return spec;
}

/* The next of the flow after one with @len bytes. */
static inline struct ip_spec after(struct ip_spec spec, size_t len)
{
	spec.seq += (uint32_t)len;
	spec.id++;
	return spec;
}

static inline void prepare(uint64_t seed)
{
	seed_random(seed);
	fill_random(payload, sizeof payload);
	begin();
}

/* A flow's packets of such payload lengths. */
static inline void add_lengths(unsigned kind, const size_t *len, unsigned count)
{
	struct ip_spec spec = spec_of(kind);

	for (unsigned i = 0; i < count; i++) {
		add_spec(&spec, len[i]);
		spec = after(spec, len[i]);
	}
}

#endif
