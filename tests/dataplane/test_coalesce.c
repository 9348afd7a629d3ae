/* SPDX-License-Identifier: MIT */
/* One flow at a time; test_coalesce_flows.c has several. */
#include "coalesce_rig.h"

TestSuite(coalesce, .timeout = 120);

/* ---- round trip ---- */

static bool is_one_write(const struct ip_spec *spec, unsigned count)
{
	return count > 1 && count <= COALESCE_PIECES && !(spec->flags & (FIN | CWR));
}

Test(coalesce, a_super_packet_that_was_cut_becomes_what_it_was)
{
	unsigned whole = 0;

	prepare(11);
	for (unsigned i = 0; i < 1500; i++) {
		struct ip_spec spec = random_spec();
		size_t room = 65535 - headers_len_of(&spec), gso_size, payload_len, len, at = 0;
		struct virtio_net_hdr header;
		struct super_packet s;
		struct bytes super, cut;

		spec.flags |= (uint8_t)((draw(8) ? 0 : FIN) | (draw(8) ? 0 : CWR));
		gso_size = draw(2) ? 1200 + draw(300) : 1 + draw(draw(2) ? 50 : 20000);
		payload_len = 1 + draw(66 * (uint32_t)gso_size) % room;
		len = build_unfinished(scratch, &header, &spec, payload, payload_len,
		                       (uint16_t)gso_size);
		super = copy_of(scratch, len);
		unsigned count = super_packet_begin(&s, &header, super.at, len);
		cr_assert(lt(uint, 0, count));
		cut = space_of(count * headers_len_of(&spec) + payload_len);
		begin();
		for (unsigned k = 0; k < count; k++) {
			size_t n = super_packet_next_len(&s);

			super_packet_next(&s, cut.at + at);
			coalescer_add(&c, cut.at + at, n);
			at += n;
		}
		coalescer_flush(&c);
		if (is_one_write(&spec, count)) {
			cr_assert(eq(uint, written_count, 1), "round %u", i);
			cr_assert(eq(sz, written[0].packet.len, len));
			cr_assert(eq(int, memcmp(&written[0].header, &header, sizeof header), 0));
			cr_assert(eq(int, memcmp(written[0].packet.at, super.at, len), 0));
			whole++;
		}
		free(cut.at);
		free(super.at);
	}
	fprintf(stderr, "%u became whole\n", whole);
	cr_assert(lt(uint, 200, whole));
}

/* ---- joining two ---- */

Test(coalesce, two_that_follow_each_other_are_written_at_once)
{
	prepare(12);
	for (unsigned kind = 0; kind < SPEC_KINDS; kind++) {
		struct ip_spec spec = spec_of(kind), next = after(spec, MSS);

		begin();
		next.id = 12345; /* need not count up */
		add_spec(&spec, MSS);
		add_spec(&next, MSS);
		cr_assert(eq(uint, written_count, 0));
		coalescer_flush(&c);
		const struct virtio_net_hdr *header = &written[0].header;
		cr_expect(eq(u8, header->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM));
		cr_expect(eq(u16, header->gso_size, MSS));
		cr_expect(eq(u16, header->hdr_len, headers_len_of(&spec)));
		cr_expect(eq(u16, header->csum_start, ip_len_of(&spec)));
		cr_expect(eq(sz, written[0].packet.len, headers_len_of(&spec) + 2 * MSS));
		expect_pieces("two", 2);
		coalescer_flush(&c);
		cr_expect(eq(uint, written_count, 1));
	}
}

Test(coalesce, one_packet_alone_is_written_untouched)
{
	prepare(13);
	for (unsigned kind = 0; kind < SPEC_KINDS; kind++) {
		struct ip_spec spec = spec_of(kind);

		begin();
		add_spec(&spec, MSS);
		cr_assert(eq(uint, written_count, 0));
		expect_pieces("one", 1);
	}
}

/* What makes the second packet (and where is_of_both, the first as well) one not to be joined. */
struct obstacle {
	const char *name;
	unsigned kinds; /* for which it is one: bit per spec_of() */
	void (*set)(struct ip_spec *spec);
	bool is_of_both;
};

#define OBSTACLE(name, change)                       \
	static void set_##name(struct ip_spec *spec) \
	{                                            \
		change;                              \
	}
OBSTACLE(tos, spec->tos ^= 0x40)
OBSTACLE(ecn, spec->tos ^= 1)
OBSTACLE(ttl, spec->ttl--)
OBSTACLE(df, spec->fragment ^= DF)
OBSTACLE(reserved_fragment_bit, spec->fragment ^= 0x8000)
OBSTACLE(flow_label, spec->flow_label++)
OBSTACLE(flow_label_high, spec->flow_label ^= 1 << 19)
OBSTACLE(source, spec->host[0]++)
OBSTACLE(destination, spec->host[1]++)
OBSTACLE(source_port, spec->port[0]++)
OBSTACLE(destination_port, spec->port[1]++)
OBSTACLE(gap, spec->seq++)
OBSTACLE(overlap, spec->seq--)
OBSTACLE(again, spec->seq -= MSS)
OBSTACLE(ack, spec->ack++)
OBSTACLE(window, spec->window--)
OBSTACLE(urgent_pointer, spec->urgent = 1)
OBSTACLE(reserved, spec->reserved = 1)
OBSTACLE(ece, spec->flags ^= ECE)
OBSTACLE(first_option, spec->options[0] ^= 1)
OBSTACLE(last_option, spec->options[11] ^= 1)
OBSTACLE(fewer_options, spec->options_len -= 4)
OBSTACLE(more_options, spec->options_len += 4)
OBSTACLE(cwr, spec->flags |= CWR)
OBSTACLE(syn, spec->flags |= SYN)
OBSTACLE(fin, spec->flags |= FIN)
OBSTACLE(rst, spec->flags |= RST)
OBSTACLE(urg, spec->flags |= URG)
OBSTACLE(no_ack, spec->flags &= (uint8_t)~ACK)
OBSTACLE(ip_extra, spec->ip_extra_len = 8)
OBSTACLE(more_fragments, spec->fragment = MF)
OBSTACLE(fragment_offset, spec->fragment = 100)
OBSTACLE(no_checksum, spec->has_no_checksum = true)
OBSTACLE(icmp, spec->protocol = ICMP)

static const struct obstacle obstacles[] = {
	{"TOS", 15, set_tos},
	{"ECN", 15, set_ecn},
	{"TTL", 15, set_ttl},
	{"DF", 5, set_df},
	{"reserved bit of IPv4", 5, set_reserved_fragment_bit},
	{"flow label", 10, set_flow_label},
	{"flow label, high", 10, set_flow_label_high},
	{"source", 15, set_source},
	{"destination", 15, set_destination},
	{"source port", 15, set_source_port},
	{"destination port", 15, set_destination_port},
	{"gap", 3, set_gap},
	{"overlap", 3, set_overlap},
	{"the same again", 3, set_again},
	{"ack", 3, set_ack},
	{"window", 3, set_window},
	{"urgent pointer", 3, set_urgent_pointer},
	{"reserved bits of TCP", 3, set_reserved},
	{"ECE", 3, set_ece},
	{"first option byte", 3, set_first_option},
	{"last option byte", 3, set_last_option},
	{"fewer options", 3, set_fewer_options},
	{"more options", 3, set_more_options},
	{"CWR", 3, set_cwr},
	{"SYN", 3, set_syn},
	{"FIN", 3, set_fin},
	{"RST", 3, set_rst},
	{"URG", 3, set_urg},
	{"no ACK", 3, set_no_ack},
	{"CWR of both", 3, set_cwr, true},
	{"SYN of both", 3, set_syn, true},
	{"FIN of both", 3, set_fin, true},
	{"RST of both", 3, set_rst, true},
	{"URG of both", 3, set_urg, true},
	{"no ACK in both", 3, set_no_ack, true},
	{"options or extension header", 15, set_ip_extra},
	{"options or extension header in both", 15, set_ip_extra, true},
	{"first fragment", 5, set_more_fragments},
	{"first fragments", 5, set_more_fragments, true},
	{"later fragment", 5, set_fragment_offset},
	{"later fragments", 5, set_fragment_offset, true},
	{"no UDP checksum", 12, set_no_checksum},
	{"no UDP checksum in both", 12, set_no_checksum, true},
	{"ICMP", 15, set_icmp},
	{"ICMP both", 15, set_icmp, true},
};

Test(coalesce, packets_that_differ_are_not_joined)
{
	prepare(14);
	for (size_t i = 0; i < sizeof obstacles / sizeof *obstacles; i++) {
		for (unsigned kind = 0; kind < SPEC_KINDS; kind++) {
			struct ip_spec first = spec_of(kind), second = after(first, MSS);

			if (!(obstacles[i].kinds & 1 << kind))
				continue;
			begin();
			obstacles[i].set(&second);
			if (obstacles[i].is_of_both)
				obstacles[i].set(&first);
			add_spec(&first, MSS);
			add_spec(&second, MSS);
			expect_pieces(obstacles[i].name, 1, 1);
		}
	}
}

/* In the middle of a run: what was joined leaves before, what follows begins anew. */
Test(coalesce, an_obstacle_ends_the_run_and_order_holds)
{
	prepare(15);
	for (size_t i = 0; i < sizeof obstacles / sizeof *obstacles; i++) {
		for (unsigned kind = 0; kind < SPEC_KINDS; kind++) {
			struct ip_spec spec = spec_of(kind), other;

			if (!(obstacles[i].kinds & 1 << kind) || obstacles[i].is_of_both ||
			    obstacles[i].set == set_source || obstacles[i].set == set_destination ||
			    obstacles[i].set == set_source_port ||
			    obstacles[i].set == set_destination_port)
				continue; /* another flow is no obstacle */
			begin();
			add_spec(&spec, MSS);
			spec = after(spec, MSS);
			add_spec(&spec, MSS);
			other = spec = after(spec, MSS);
			obstacles[i].set(&other);
			add_spec(&other, MSS);
			spec = after(spec, MSS);
			spec.seq += 5 * MSS; /* fits to neither */
			add_spec(&spec, MSS);
			spec = after(spec, MSS);
			add_spec(&spec, MSS);
			expect_pieces(obstacles[i].name, 2, 1, 2);
		}
	}
}

Test(coalesce, ece_of_both_is_joined)
{
	prepare(16);
	for (unsigned kind = 0; kind < 2; kind++) {
		struct ip_spec spec = spec_of(kind);

		begin();
		spec.flags |= ECE;
		add_spec(&spec, MSS);
		spec = after(spec, MSS);
		add_spec(&spec, MSS);
		expect_pieces("ECE", 2);
	}
}

/* ---- ends of a run ---- */

Test(coalesce, shorter_one_is_the_last_and_longer_one_begins_anew)
{
	prepare(17);
	for (unsigned kind = 0; kind < SPEC_KINDS; kind++) {
		begin();
		add_lengths(kind, (const size_t[]){100, 100, 99, 100, 100}, 5);
		cr_expect(eq(uint, written_count, 1)); /* without waiting */
		expect_pieces("shorter", 3, 2);
		begin();
		add_lengths(kind, (const size_t[]){100, 100, 101, 101}, 4);
		expect_pieces("longer", 2, 2);
		begin();
		add_lengths(kind, (const size_t[]){1, 1, 1, 2, 1, 1}, 6);
		expect_pieces("single bytes", 3, 2, 1);
		begin();
		add_lengths(kind, (const size_t[]){100, 100, 0, 100, 100}, 5);
		expect_pieces("empty", 2, 1, 2);
		begin();
		add_lengths(kind, (const size_t[]){0, 0, 0}, 3);
		cr_expect(eq(uint, written_count, 3));
		expect_pieces("all empty", 1, 1, 1);
	}
}

Test(coalesce, push_ends_a_run_and_is_in_its_header)
{
	static const unsigned push_at[] = {0, 1, 3};

	prepare(18);
	for (unsigned kind = 0; kind < 2; kind++) {
		for (unsigned i = 0; i < 3; i++) {
			struct ip_spec spec = spec_of(kind);

			begin();
			for (unsigned k = 0; k < 6; k++) {
				spec.flags = k == push_at[i] ? ACK | PSH : ACK;
				add_spec(&spec, MSS);
				spec = after(spec, MSS);
			}
			cr_expect(eq(uint, written_count, 1));
			cr_expect(eq(u8, written[0].packet.at[ip_len_of(&spec) + 13], ACK | PSH));
			if (i == 0)
				expect_pieces("first", 1, 5);
			else if (i == 1)
				expect_pieces("second", 2, 4);
			else
				expect_pieces("fourth", 4, 2);
		}
	}
}

Test(coalesce, a_run_has_so_many_pieces_and_no_more)
{
	prepare(19);
	for (unsigned kind = 0; kind < SPEC_KINDS; kind++) {
		struct ip_spec spec = spec_of(kind);

		begin();
		for (unsigned i = 0; i < 2 * COALESCE_PIECES + 3; i++) {
			add_spec(&spec, MSS);
			spec = after(spec, MSS);
		}
		expect_pieces("pieces", 64, 64, 3);
	}
}

/* 65535 bytes in all, to the byte. */
Test(coalesce, a_run_grows_to_the_longest_ip_packet)
{
	prepare(20);
	for (unsigned kind = 0; kind < SPEC_KINDS; kind++) {
		for (unsigned too_much = 0; too_much < 2; too_much++) {
			struct ip_spec spec = spec_of(kind);
			size_t room = 65535 - headers_len_of(&spec), mss = 2000;

			begin();
			for (; room >= mss; room -= mss) {
				add_spec(&spec, mss);
				spec = after(spec, mss);
			}
			cr_assert(lt(sz, room + too_much, mss));
			add_spec(&spec, room + too_much);
			if (too_much)
				expect_pieces("beyond", 32, 1);
			else
				expect_pieces("up to it", 33);
		}
	}
}

Test(coalesce, a_packet_of_the_longest_kind_passes)
{
	static const uint8_t types[] = {TCP, UDP};

	prepare(21);
	for (unsigned i = 0; i < 2; i++) {
		struct ip_spec spec = spec_of(1);

		spec.protocol = types[i];
		begin();
		size_t len = build(scratch, &spec, payload, 65575 - headers_len_of(&spec));
		add(scratch, len);
		spec = after(spec, len - headers_len_of(&spec));
		add_spec(&spec, 1);
		expect_pieces("longest", 1, 1);
	}
}

/* ---- damage ---- */

static void add_damaged(const struct ip_spec *spec, size_t len, size_t at)
{
	uint8_t packet[3000];
	size_t packet_len = build(packet, spec, payload, len);

	packet[at] ^= 0x10;
	add(packet, packet_len);
}

/* One of five, in its last byte of payload; alone it goes as it came. */
Test(coalesce, bad_checksum_is_left_for_the_receiver_to_see)
{
	static const unsigned pieces[5][3] = {{1, 4}, {1, 1, 3}, {2, 1, 2}, {3, 1, 1}, {4, 1}};

	prepare(22);
	for (unsigned kind = 0; kind < SPEC_KINDS; kind++) {
		for (unsigned bad = 0; bad < 5; bad++) {
			struct ip_spec spec = spec_of(kind);

			begin();
			for (unsigned i = 0; i < 5; i++) {
				size_t headers = headers_len_of(&spec);

				if (i == bad)
					add_damaged(&spec, MSS, headers + MSS - 1);
				else
					add_spec(&spec, MSS);
				spec = after(spec, MSS);
			}
			check_pieces(pieces[bad], pieces[bad][2] ? 3 : 2, "damaged");
		}
	}
}

Test(coalesce, bad_ipv4_header_checksum_is_left_for_the_receiver_to_see)
{
	prepare(23);
	for (unsigned kind = 0; kind < SPEC_KINDS; kind += 2) {
		struct ip_spec spec = spec_of(kind);

		for (unsigned i = 0; i < 5; i++) {
			if (i == 2)
				add_damaged(&spec, MSS, 10);
			else
				add_spec(&spec, MSS);
			spec = after(spec, MSS);
		}
		expect_pieces("header", 2, 1, 2);
		begin();
	}
}

Test(coalesce, wrong_lengths_inside_are_left_alone)
{
	static const struct {
		unsigned kind;
		size_t at;
		uint8_t value;
	} wrong[] = {
		{0, 20 + 12, 0x40}, /* TCP header shorter than can be */
		{0, 20 + 12, 0xf0}, /* and longer than the packet */
		{1, 40 + 12, 0x00}, {1, 40 + 12, 0xf0}, {2, 20 + 5, 1},
		{2, 20 + 4, 1},     {3, 40 + 5, 1},
	};

	prepare(24);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct ip_spec spec = spec_of(wrong[i].kind);
		uint8_t packet[200];

		begin();
		add_spec(&spec, 20);
		spec = after(spec, 20);
		size_t len = build(packet, &spec, payload, 20);
		packet[wrong[i].at] = wrong[i].value;
		add(packet, len);
		spec = after(spec, 20);
		add_spec(&spec, 20);
		expect_pieces("wrong length", 1, 1, 1);
	}
}
