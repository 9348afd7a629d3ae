/* SPDX-License-Identifier: MIT */
#include "coalesce_rig.h"

struct written written[PACKETS_MAX];
unsigned written_count;
struct coalescer c;
uint8_t payload[IP_RIG_PACKET_MAX];
uint8_t scratch[IP_RIG_PACKET_MAX];
const struct coalesce_offload all = {true, true, true, true};

struct bytes space_of(size_t len)
{
	struct bytes b = {malloc(len), len};

	cr_assert(ne(ptr, b.at, NULL));
	return b;
}

struct bytes copy_of(const void *at, size_t len)
{
	struct bytes b = space_of(len);

	memcpy(b.at, at, len);
	return b;
}

static void note(void *context, const struct iovec *iov, unsigned len)
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

void begin_offload(const struct coalesce_offload *offload)
{
	for (unsigned i = 0; i < written_count; i++)
		free(written[i].packet.at);
	written_count = 0;
	coalescer_init(&c, offload, note, &written);
}

void begin(void)
{
	begin_offload(&all);
}

bool is_plain(const struct written *w)
{
	static const struct virtio_net_hdr none;

	return memcmp(&w->header, &none, sizeof none) == 0;
}

struct bytes added[PACKETS_MAX];
struct bytes kept[PACKETS_MAX];
unsigned added_count;

void forget_added(void)
{
	for (unsigned i = 0; i < added_count; i++) {
		free(added[i].at);
		free(kept[i].at);
	}
	added_count = 0;
}

void add(const uint8_t *packet, size_t len)
{
	cr_assert(lt(uint, added_count, PACKETS_MAX));
	added[added_count] = copy_of(packet, len);
	kept[added_count] = copy_of(packet, len);
	coalescer_add(&c, added[added_count].at, len);
	added_count++;
}

void add_spec(const struct ip_spec *spec, size_t payload_len)
{
	uint8_t packet[3000];

	add(packet, build(packet, spec, payload, payload_len));
}

bool is_equal_but_for_id(const uint8_t *a, const uint8_t *b, size_t len)
{
	if (a[0] >> 4 != 4 || len < 20)
		return memcmp(a, b, len) == 0;
	return memcmp(a, b, 4) == 0 && memcmp(a + 6, b + 6, 4) == 0 &&
	       memcmp(a + 12, b + 12, len - 12) == 0;
}

unsigned check_written(const struct written *w, unsigned first)
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

void check_pieces(const unsigned *pieces, unsigned count, const char *what)
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

struct ip_spec spec_of(unsigned kind)
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

struct ip_spec after(struct ip_spec spec, size_t len)
{
	spec.seq += (uint32_t)len;
	spec.id++;
	return spec;
}

void prepare(uint64_t seed)
{
	seed_random(seed);
	fill_random(payload, sizeof payload);
	begin();
}

void add_lengths(unsigned kind, const size_t *len, unsigned count)
{
	struct ip_spec spec = spec_of(kind);

	for (unsigned i = 0; i < count; i++) {
		add_spec(&spec, len[i]);
		spec = after(spec, len[i]);
	}
}
