/* SPDX-License-Identifier: MIT */
/* Who receives from a link: the first dispatcher while it is quiet, its RX thread otherwise. */
#include <sys/eventfd.h>

#include "engine_rig.h"

enum {
	LINKS = 2,
	HERE = 1,
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x41,
	PACKET = 96,   /* a multiple of 16: unpadded */
	LONE = 20,     /* packets sent one by one */
	BURST = 50,    /* at once, less than a socket holds */
	OUTGOING = 64, /* packets that the device is given at once */
	TRICKLE_MS = 10,
	ROUNDS_MAX = 3000,
};

static struct rig_end end;
static struct dp_peer *peer;
static struct keypair *kp;
static int far;
static struct endpoint far_at;
static uint32_t next_seq;

static void create(unsigned busy_poll_us)
{
	struct engine_settings set = rig_settings(1);

	rig_setup();
	set.busy_poll_us = busy_poll_us;
	rig_create_as(&end, set, LINKS, "127.0.0.1:0");
	far = rig_far_socket("127.0.0.1:0", &far_at);
	peer = engine_create_peer(end.engine, NULL);
	atomic_store(&peer->followed_path, PATH_ANY);
	rig_publish_target(&end, peer, 0, 0, &far_at);
	rig_publish_paths(peer, BONDING_AGGREGATE, 1, NULL);
	rig_publish_allowedips(&end, &peer, THERE, 1);
	kp = rig_keypair(&end, peer, false, INDEX_HERE, INDEX_THERE, clock_boot_ns());
	rig_use_keypair(peer, kp);
}

static void setup(void)
{
	create(0);
}

static void setup_polling(void)
{
	create(1000);
}

static void teardown(void)
{
	rig_finish(&end, peer, kp, &far, 1);
}

TestSuite(quiet_links, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(no_quiet_links, .init = setup_polling, .fini = teardown, .timeout = 60);

static struct link *link_of(unsigned i)
{
	return engine_link(end.engine, i);
}

static void send_to(const struct link *link)
{
	uint8_t packet[PACKET], datagram[PACKET + TRANSPORT_OVERHEAD];

	rig_packet(packet, 4, THERE, HERE, next_seq, PACKET);
	rig_seal(datagram, INDEX_HERE, next_seq, packet, PACKET);
	rig_send(far, &link->bound, datagram, sizeof datagram);
	next_seq++;
}

static void expect_delivered(uint32_t seq)
{
	uint8_t got[RIG_DATAGRAM], want[PACKET];

	cr_assert(eq(sz, rig_read(&end, got), PACKET));
	rig_packet(want, 4, THERE, HERE, seq, PACKET);
	ASSERT_BYTES(got, want, PACKET);
}

/* Sends more than comes over a quiet link, and reads what comes of it. */
static void exchange_burst(const struct link *link)
{
	uint32_t first = next_seq;

	for (unsigned i = 0; i < BURST; i++)
		send_to(link);
	for (unsigned i = 0; i < BURST; i++)
		expect_delivered(first + i);
}

static void expect_no_drops(void)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
		cr_expect(eq(u64, engine_drops(end.engine, i), 0), "%s", drop_name(i));
}

Test(quiet_links, dispatcher_receives_from_them)
{
	rig_start(&end);
	for (unsigned i = 0; i < LINKS; i++)
		rig_until(quiet_links_has(link_of(i)));
	for (unsigned i = 0; i < LONE; i++) {
		send_to(link_of(i % LINKS));
		expect_delivered(i);
	}
	for (unsigned i = 0; i < LINKS; i++)
		cr_expect(quiet_links_has(link_of(i)));
	expect_no_drops();
}

Test(quiet_links, busy_link_returns_to_its_thread_and_comes_back_when_quiet)
{
	rig_start(&end);
	rig_until(quiet_links_has(link_of(0)) && quiet_links_has(link_of(1)));
	for (unsigned i = 0; i < ROUNDS_MAX && quiet_links_has(link_of(0)); i++)
		exchange_burst(link_of(0));
	cr_expect(not(quiet_links_has(link_of(0))));
	cr_expect(quiet_links_has(link_of(1)), "the other one is quiet");
	exchange_burst(link_of(0));
	rig_until(quiet_links_has(link_of(0)));
	send_to(link_of(0));
	expect_delivered(next_seq - 1);
	expect_no_drops();
}

/* Something comes within every span, so that the thread never sleeps for as long as one. */
Test(quiet_links, steady_trickle_makes_a_link_quiet)
{
	rig_start(&end);
	for (unsigned i = 0; i < ROUNDS_MAX && (i == 0 || quiet_links_has(link_of(0))); i++)
		exchange_burst(link_of(0));
	for (unsigned i = 0; i < ROUNDS_MAX && !quiet_links_has(link_of(0)); i++) {
		send_to(link_of(0));
		expect_delivered(next_seq - 1);
		rig_is_readable(end.tun, TRICKLE_MS);
	}
	cr_expect(quiet_links_has(link_of(0)));
	expect_no_drops();
}

/* What it sends is nobody's concern here. */
Test(quiet_links, dispatcher_with_its_hands_full_returns_all_links)
{
	uint8_t packet[PACKET];

	rig_start(&end);
	for (unsigned i = 0; i < LINKS; i++)
		rig_until(quiet_links_has(link_of(i)));
	for (unsigned i = 0;
	     i < ROUNDS_MAX && (quiet_links_has(link_of(0)) || quiet_links_has(link_of(1))); i++) {
		for (unsigned k = 0; k < OUTGOING; k++) {
			rig_packet(packet, 4, HERE, THERE, i, PACKET);
			rig_write(&end, packet, PACKET);
		}
	}
	for (unsigned i = 0; i < LINKS; i++)
		cr_expect(not(quiet_links_has(link_of(i))));
	for (unsigned i = 0; i < LINKS; i++) {
		send_to(link_of(i));
		expect_delivered(i);
	}
}

/* The word of it may have been taken for another's before the dispatcher had the link. */
Test(quiet_links, link_that_stops_is_given_back_instead_of_listed)
{
	struct link *list[LINK_PAIRS_MAX];

	for (unsigned i = 0; i < LINKS; i++)
		quiet_links_give(link_of(i));
	atomic_store(&link_of(1)->is_stopping, true);
	cr_expect(eq(uint, quiet_links_list(link_of(0)->quiet, list), 1));
	cr_expect(eq(ptr, list[0], link_of(0)));
	cr_expect(not(quiet_links_has(link_of(1))));
	cr_expect(quiet_links_has(link_of(0)));
}

/* All that waits in the socket when a thread begins is its own. */
Test(quiet_links, what_came_before_the_start_is_received_in_order)
{
	for (unsigned i = 0; i < BURST; i++)
		send_to(link_of(0));
	rig_start(&end);
	for (unsigned i = 0; i < BURST; i++)
		expect_delivered(i);
	rig_until(quiet_links_has(link_of(0)));
	expect_no_drops();
}

/* A link whose socket was replaced while the dispatcher polled the old one. */
Test(quiet_links, new_socket_is_looked_at)
{
	struct link_settings set = {.name = "fresh", .has_offloads = true};
	struct link *fresh = aligned_alloc(_Alignof(struct link), sizeof *fresh);
	struct link *link = link_of(0);

	cr_assert(ne(ptr, fresh, NULL));
	memset(fresh, 0, sizeof *fresh);
	rig_start(&end);
	for (unsigned i = 0; i < LINKS; i++) {
		rig_until(quiet_links_has(link_of(i)));
		send_to(link_of(i));
		expect_delivered(i);
	}
	cr_assert(not(rig_is_readable(end.tun, 10)), "what was delivered comes once");
	cr_assert(eq(int, endpoint_parse("127.0.0.1:0", 0, &set.bind), 0));
	cr_assert(eq(int, link_open(fresh, &set), 0));
	link->bound = fresh->bound;
	cr_assert(ge(int, dup2(fresh->data_fd, link->data_fd), 0));
	cr_assert(ge(int, dup2(fresh->handshake_fd, link->handshake_fd), 0));
	link_close(fresh);
	free(fresh);
	cr_assert(eq(int, eventfd_write(link->wake_fd, 1), 0));
	for (unsigned i = 0; i < LONE; i++) {
		send_to(link);
		expect_delivered(LINKS + i);
	}
}

Test(no_quiet_links, threads_that_look_before_they_sleep_keep_their_links)
{
	rig_start(&end);
	for (unsigned i = 0; i < LONE; i++) {
		send_to(link_of(i % LINKS));
		expect_delivered(i);
	}
	cr_expect(not(quiet_links_are_taken(&end.engine->quiet)));
	for (unsigned i = 0; i < LINKS; i++)
		cr_expect(not(quiet_links_has(link_of(i))));
	expect_no_drops();
}
