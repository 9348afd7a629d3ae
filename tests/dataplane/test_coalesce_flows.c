/* SPDX-License-Identifier: MIT */
#include "coalesce_rig.h"

TestSuite(coalesce_flows, .timeout = 120);

static struct ip_spec flow_number(unsigned n)
{
	struct ip_spec spec = spec_of(n % SPEC_KINDS);

	spec.port[0] = (uint16_t)(1000 + n);
	return spec;
}

Test(coalesce_flows, flows_are_joined_side_by_side)
{
	struct ip_spec spec[COALESCE_FLOWS];

	prepare(25);
	for (unsigned n = 0; n < COALESCE_FLOWS; n++)
		spec[n] = flow_number(n);
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned n = 0; n < COALESCE_FLOWS; n++) {
			add_spec(&spec[n], MSS);
			spec[n] = after(spec[n], MSS);
		}
	}
	cr_assert(eq(uint, written_count, 0));
	coalescer_flush(&c);
	cr_assert(eq(uint, written_count, COALESCE_FLOWS));
	for (unsigned n = 0; n < COALESCE_FLOWS; n++) {
		cr_expect(eq(uint, written[n].pieces, 5));
		cr_expect(eq(u16, load_be16(written[n].packet.at + written[n].header.csum_start),
		             1000 + n)); /* the one begun first is written first */
	}
	forget_added();
}

Test(coalesce_flows, the_run_begun_first_gives_way)
{
	struct ip_spec spec;

	prepare(26);
	for (unsigned n = 0; n < COALESCE_FLOWS; n++) {
		spec = flow_number(n);
		add_spec(&spec, MSS);
		if (n == 0) {
			spec = after(spec, MSS);
			add_spec(&spec, MSS); /* youth is not renewed by more packets */
		}
	}
	for (unsigned n = COALESCE_FLOWS; n < 3 * COALESCE_FLOWS; n++) {
		cr_assert(eq(uint, written_count, n - COALESCE_FLOWS));
		spec = flow_number(n);
		add_spec(&spec, MSS);
		cr_assert(eq(uint, written_count, n - COALESCE_FLOWS + 1));
		const struct written *w = &written[n - COALESCE_FLOWS];
		size_t start = w->packet.at[0] >> 4 == 4 ? 20 : 40;
		cr_expect(eq(u16, load_be16(w->packet.at + start), 1000 + n - COALESCE_FLOWS));
	}
	cr_expect(eq(uint, written[0].pieces, 2));
	forget_added();
}

Test(coalesce_flows, a_packet_of_no_flow_ends_the_runs_between_its_addresses_only)
{
	prepare(27);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct ip_spec a = spec_of(v6), b = spec_of(v6), other = spec_of(v6),
			       back = spec_of(v6), version = spec_of(!v6), icmp = spec_of(v6);

		begin();
		b.port[0]++;
		other.host[1]++;
		back.host[0] = a.host[1];
		back.host[1] = a.host[0];
		icmp.protocol = ICMP;
		add_spec(&a, MSS);
		add_spec(&other, MSS);
		add_spec(&b, MSS);
		add_spec(&back, MSS);
		add_spec(&version, MSS);
		cr_assert(eq(uint, written_count, 0));
		add_spec(&icmp, MSS);
		cr_assert(eq(uint, written_count, 3));
		cr_expect(eq(int, memcmp(written[0].packet.at, kept[0].at, kept[0].len), 0));
		cr_expect(eq(int, memcmp(written[1].packet.at, kept[2].at, kept[2].len), 0));
		cr_expect(eq(int, memcmp(written[2].packet.at, kept[5].at, kept[5].len), 0));
		coalescer_flush(&c);
		cr_expect(eq(uint, written_count, 6));
		forget_added();
	}
}

Test(coalesce_flows, a_pure_ack_leaves_at_once_behind_the_data_of_its_flow_alone)
{
	prepare(28);
	for (unsigned kind = 0; kind < 2; kind++) {
		struct ip_spec spec = spec_of(kind), other = spec;

		begin();
		other.port[1]++;
		add_spec(&other, MSS);
		add_spec(&spec, MSS);
		spec = after(spec, MSS);
		add_spec(&spec, MSS);
		spec = after(spec, MSS);
		add_spec(&spec, 0);
		cr_assert(eq(uint, written_count, 2));
		cr_expect(eq(uint, written[0].pieces, 2));
		cr_expect(eq(uint, check_written(&written[0], 1), 2));
		cr_expect(eq(uint, check_written(&written[1], 3), 1));
		coalescer_flush(&c);
		cr_expect(eq(uint, check_written(&written[2], 0), 1));
		forget_added();
	}
}

Test(coalesce_flows, what_the_device_does_not_take_is_not_joined)
{
	prepare(29);
	for (unsigned mask = 0; mask < 16; mask++) {
		struct coalesce_offload offload = {mask & 1, mask & 2, mask & 4, mask & 8};

		for (unsigned kind = 0; kind < SPEC_KINDS; kind++) {
			begin_offload(&offload);
			add_lengths(kind, (const size_t[]){100, 100, 100}, 3);
			if (mask & 1 << kind)
				expect_pieces("taken", 3);
			else
				expect_pieces("not taken", 1, 1, 1);
		}
	}
}

/* Ports and addresses chosen so that the hash, as it is made now, is the same for two flows. */
Test(coalesce_flows, flows_of_the_same_hash_are_kept_apart)
{
	struct ip_spec spec = spec_of(0);
	uint8_t a[200], b[200];
	uint64_t start[2];

	prepare(30);
	size_t len = build(a, &spec, payload, MSS);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t ports = load_le32(a + 20) + i;

		start[i] = (6 ^ (uint64_t)ports) * 0x9e3779b97f4a7c15u;
		start[i] ^= start[i] >> 32;
	}
	spec = after(spec, MSS);
	build(b, &spec, payload, MSS);
	store_le32(b + 20, load_le32(b + 20) + 1);
	store_le64(b + 12, load_le64(b + 12) ^ start[0] ^ start[1]);
	set_ipv4_checksum(b);
	store_be16(b + 20 + TCP_CHECKSUM, 0);
	store_be16(b + 20 + TCP_CHECKSUM,
	           (uint16_t)~slow_sum(slow_pseudo(b, TCP, len - 20), b + 20, len - 20));
	cr_assert(eq(ptr, (void *)fault_of(b, len), NULL));
	add(a, len);
	add(b, len);
	cr_assert(eq(uint, written_count, 1),
	          "hashed in another way now: the test needs other flows");
	expect_pieces("same hash", 1, 1);
}

/* ---- any sequence of packets ---- */

enum {
	FLOWS = 12,
	STEPS = 300,
};

struct flow {
	struct ip_spec spec;
	size_t mss;
	unsigned queue[PACKETS_MAX]; /* numbers of its packets as they were added */
	unsigned len, taken;
};

/* Flows, and behind them for each pair of addresses the packets of which no flow can be told. */
static struct flow flows[FLOWS + 8];

static unsigned pair_of(const struct ip_spec *spec)
{
	return (unsigned)(spec->is_v6 * 4 + (spec->host[0] - 1) * 2 + (spec->host[1] - 1));
}

static void damage_some(uint8_t *packet, const struct ip_spec *spec, size_t len, bool *ret_no_flow)
{
	size_t headers = headers_len_of(spec);

	if (draw(30) == 0 && len > headers)
		packet[headers + draw((uint32_t)(len - headers))] ^= (uint8_t)(1 + draw(255));
	if (draw(30) == 0 && !spec->is_v6) {
		packet[10] ^= 1;
		*ret_no_flow = true;
	}
}

static void change_flow(struct ip_spec *spec)
{
	switch (draw(8)) {
	case 0:
		spec->tos = (uint8_t)draw(256);
		break;
	case 1:
		spec->ack += 1000;
		break;
	case 2:
		spec->options[draw(40)]++;
		break;
	case 3:
		spec->options_len = 4 * draw(11);
		break;
	case 4:
		spec->ttl ^= 1;
		break;
	case 5:
		spec->seq += draw(3000);
		break;
	case 6:
		spec->window++;
		break;
	default:
		spec->flow_label ^= 1;
	}
}

static void add_of_flow(struct flow *f)
{
	struct ip_spec spec = f->spec;
	size_t payload_len = draw(8) ? f->mss : draw((uint32_t)f->mss + 50), len;
	bool has_no_flow = false;
	uint8_t packet[3000];

	spec.flags = (uint8_t)(ACK | (draw(8) ? 0 : PSH) |
	                       (draw(25) ? 0 : 1 << draw(8))); /* each of the eight */
	if (draw(40) == 0) {
		spec.ip_extra_len = 8;
		has_no_flow = true;
	} else if (draw(40) == 0) {
		spec.protocol = ICMP;
		has_no_flow = true;
	} else if (draw(40) == 0 && !spec.is_v6) {
		spec.fragment = draw(2) ? MF : (uint16_t)(1 + draw(100));
		has_no_flow = true;
	}
	spec.has_no_checksum = spec.protocol == UDP && draw(30) == 0;
	len = build(packet, &spec, payload + draw(5000), payload_len);
	damage_some(packet, &spec, len, &has_no_flow);
	f->spec = after(f->spec, payload_len);
	if (has_no_flow)
		f = &flows[FLOWS + pair_of(&spec)];
	f->queue[f->len++] = added_count;
	add(packet, len);
}

/* All that was added between these addresses before number @n has come, and nothing from behind. */
static bool is_in_place(unsigned n, unsigned pair)
{
	for (unsigned i = 0; i < FLOWS + 8; i++) {
		const struct flow *f = &flows[i];

		if (f->len == 0 || (i < FLOWS ? pair_of(&f->spec) : i - FLOWS) != pair)
			continue;
		if (f->taken < f->len && f->queue[f->taken] < n)
			return false;
		if (f->taken > 0 && f->queue[f->taken - 1] > n)
			return false;
	}
	return true;
}

/* Takes the packet off the flow of which it is the next one. */
static bool take(const uint8_t *packet, size_t len, bool is_exact)
{
	for (unsigned i = 0; i < FLOWS + 8; i++) {
		struct flow *f = &flows[i];
		const struct bytes *want = &kept[f->queue[f->taken]];

		if (f->taken == f->len || want->len != len ||
		    !(is_exact ? memcmp(packet, want->at, len) == 0
		               : is_equal_but_for_id(packet, want->at, len)))
			continue;
		f->taken++;
		return i < FLOWS || is_in_place(f->queue[f->taken - 1], i - FLOWS);
	}
	return false;
}

static unsigned check_all_written(void)
{
	unsigned joined = 0;

	for (unsigned i = 0; i < written_count; i++) {
		const struct written *w = &written[i];
		struct super_packet s;
		unsigned count = super_packet_begin(&s, &w->header, w->packet.at, w->packet.len);
		size_t len;

		cr_assert(eq(uint, count, w->pieces));
		joined += count > 1 ? count : 0;
		while ((len = super_packet_next_len(&s))) {
			super_packet_next(&s, scratch);
			if (!is_plain(w))
				cr_assert(eq(ptr, (void *)fault_of(scratch, len), NULL));
			cr_assert(take(scratch, len, is_plain(w)), "write %u", i);
		}
	}
	for (unsigned i = 0; i < FLOWS + 8; i++)
		cr_assert(eq(uint, flows[i].taken, flows[i].len));
	return joined;
}

static void run_sequence(void)
{
	struct coalesce_offload offload = {draw(8), draw(8), draw(8), draw(8)};
	unsigned count = 1 + draw(FLOWS), steadiness = 1 + draw(30);

	begin_offload(&offload);
	memset(flows, 0, sizeof flows);
	for (unsigned i = 0; i < count; i++) {
		flows[i].spec = random_spec();
		flows[i].spec.port[1] = (uint16_t)(1 + i);
		flows[i].mss = draw(2) ? 1000 + draw(400) : 1 + draw(200);
	}
	for (unsigned step = 0, burst; step < STEPS; step += burst) {
		struct flow *f = &flows[draw(count)];

		burst = 1 + draw(20);
		for (unsigned i = 0; i < burst; i++)
			add_of_flow(f);
		if (draw(steadiness) == 0)
			change_flow(&f->spec);
		if (draw(20) == 0)
			coalescer_flush(&c);
	}
	coalescer_flush(&c);
}

Test(coalesce_flows, any_sequence_cut_again_is_each_flow_in_its_order)
{
	unsigned joined = 0, total = 0;

	prepare(31);
	for (unsigned round = 0; round < 300; round++) {
		run_sequence();
		joined += check_all_written();
		total += added_count;
		forget_added();
	}
	fprintf(stderr, "%u of %u packets joined\n", joined, total);
	cr_assert(lt(uint, total / 4, joined));
}

/* Whether each write is one of the packets that were added, and each of those one write. */
static void check_same_packets(void)
{
	bool is_found[PACKETS_MAX] = {false};

	cr_assert(eq(uint, written_count, added_count));
	for (unsigned i = 0; i < written_count; i++) {
		const struct bytes *packet = &written[i].packet;
		unsigned k = 0;

		while (k < added_count && (is_found[k] || kept[k].len != packet->len ||
		                           memcmp(kept[k].at, packet->at, packet->len) != 0))
			k++;
		cr_assert(lt(uint, k, added_count));
		is_found[k] = true;
		cr_assert(is_plain(&written[i]));
	}
}

/* Bytes that have nothing but a version, and now and then a sound IPv4 header. */
Test(coalesce_flows, garbage_passes_as_it_is)
{
	prepare(32);
	for (unsigned i = 0; i < 50000; i++) {
		size_t len = 1 + draw(120);
		uint8_t packet[120];

		fill_random(packet, len);
		packet[0] = (uint8_t)(draw(2) ? 0x40 | (draw(3) ? 5 : draw(16)) : 0x60 | draw(16));
		if (len > 9)
			packet[packet[0] >> 4 == 4 ? 9 : 6] = draw(2) ? TCP : UDP;
		if (len >= 20 && packet[0] == 0x45 && draw(8)) {
			store_be16(packet + 6, 0);
			set_ipv4_checksum(packet);
		}
		add(packet, len);
		if (added_count < 200)
			continue;
		coalescer_flush(&c);
		check_same_packets();
		forget_added();
		begin();
	}
}
