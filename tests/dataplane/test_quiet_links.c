/* SPDX-License-Identifier: MIT */
/* Who receives from a link: the first dispatcher while it is quiet, its RX thread otherwise. */
#include <sys/eventfd.h>

#include "plain_rig.h"

enum {
	LONE = 20,     /* packets sent one by one */
	BURST = 50,    /* at once, less than a socket holds */
	OUTGOING = 64, /* packets that the device is given at once */
	TRICKLE_MS = 10,
	ROUNDS_MAX = 3000,
};

static void setup(void)
{
	plain_open(1, 0);
}

static void setup_polling(void)
{
	plain_open(1, 1000);
}

TestSuite(quiet_links, .init = setup, .fini = plain_close, .timeout = 60);
TestSuite(no_quiet_links, .init = setup_polling, .fini = plain_close, .timeout = 60);

/* Sends more than comes over a quiet link, and reads what comes of it. */
static void exchange_burst(const struct link *link)
{
	for (unsigned i = 0; i < BURST; i++)
		plain_send(link);
	for (unsigned i = 0; i < BURST; i++)
		plain_take();
}

/* Until the dispatcher has given the link back; false: it keeps it. It may have it again as soon as
 * nothing comes for a while, which is at once where the test is held up.
 */
static bool exchange_until_returned(const struct link *link)
{
	for (unsigned i = 0; i < ROUNDS_MAX; i++) {
		exchange_burst(link);
		if (!quiet_links_has(link))
			return true;
	}
	return false;
}

Test(quiet_links, dispatcher_receives_from_them)
{
	rig_start(&plain.end);
	for (unsigned i = 0; i < LINKS; i++)
		rig_until(quiet_links_has(plain_link(i)));
	for (unsigned i = 0; i < LONE; i++) {
		plain_send(plain_link(i % LINKS));
		plain_take();
	}
	for (unsigned i = 0; i < LINKS; i++)
		cr_expect(quiet_links_has(plain_link(i)));
	rig_expect_drops(&plain.end, DROP_REASON_COUNT, 0);
}

Test(quiet_links, busy_link_returns_to_its_thread_and_comes_back_when_quiet)
{
	rig_start(&plain.end);
	rig_until(quiet_links_has(plain_link(0)) && quiet_links_has(plain_link(1)));
	cr_expect(exchange_until_returned(plain_link(0)));
	cr_expect(quiet_links_has(plain_link(1)), "the other one is quiet");
	exchange_burst(plain_link(0));
	rig_until(quiet_links_has(plain_link(0)));
	plain_send(plain_link(0));
	plain_take();
	rig_expect_drops(&plain.end, DROP_REASON_COUNT, 0);
}

/* Something comes within every span, so that the thread never sleeps for as long as one. */
Test(quiet_links, steady_trickle_makes_a_link_quiet)
{
	rig_start(&plain.end);
	cr_expect(exchange_until_returned(plain_link(0)));
	for (unsigned i = 0; i < ROUNDS_MAX && !quiet_links_has(plain_link(0)); i++) {
		plain_send(plain_link(0));
		plain_take();
		rig_is_readable(plain.end.tun, TRICKLE_MS);
	}
	cr_expect(quiet_links_has(plain_link(0)));
	rig_expect_drops(&plain.end, DROP_REASON_COUNT, 0);
}

/* What it sends is nobody's concern here. */
Test(quiet_links, dispatcher_with_its_hands_full_returns_all_links)
{
	uint8_t packet[PACKET];
	bool are_returned = false;

	rig_start(&plain.end);
	for (unsigned i = 0; i < LINKS; i++)
		rig_until(quiet_links_has(plain_link(i)));
	for (unsigned i = 0; i < ROUNDS_MAX && !are_returned; i++) {
		for (unsigned k = 0; k < OUTGOING; k++) {
			rig_packet(packet, 4, HERE, THERE, i, PACKET);
			rig_write(&plain.end, packet, PACKET);
		}
		are_returned = !quiet_links_has(plain_link(0)) && !quiet_links_has(plain_link(1));
	}
	cr_expect(are_returned);
	for (unsigned i = 0; i < LINKS; i++) {
		plain_send(plain_link(i));
		plain_take();
	}
}

/* The word of it may have been taken for another's before the dispatcher had the link. */
Test(quiet_links, link_that_stops_is_given_back_instead_of_listed)
{
	struct link *list[LINK_PAIRS_MAX];

	for (unsigned i = 0; i < LINKS; i++)
		quiet_links_give(plain_link(i));
	atomic_store(&plain_link(1)->is_stopping, true);
	cr_expect(eq(uint, quiet_links_list(plain_link(0)->quiet, list), 1));
	cr_expect(eq(ptr, list[0], plain_link(0)));
	cr_expect(not(quiet_links_has(plain_link(1))));
	cr_expect(quiet_links_has(plain_link(0)));
}

/* All that waits in the socket when a thread begins is its own. */
Test(quiet_links, what_came_before_the_start_is_received_in_order)
{
	for (unsigned i = 0; i < BURST; i++)
		plain_send(plain_link(0));
	rig_start(&plain.end);
	for (unsigned i = 0; i < BURST; i++)
		plain_take();
	rig_until(quiet_links_has(plain_link(0)));
	rig_expect_drops(&plain.end, DROP_REASON_COUNT, 0);
}

/* A link whose socket was replaced while the dispatcher polled the old one. */
Test(quiet_links, new_socket_is_looked_at)
{
	struct link_settings set = {.name = "fresh", .has_offloads = true};
	struct link *fresh = aligned_alloc(_Alignof(struct link), sizeof *fresh);
	struct link *link = plain_link(0);

	cr_assert(ne(ptr, fresh, NULL));
	memset(fresh, 0, sizeof *fresh);
	rig_start(&plain.end);
	for (unsigned i = 0; i < LINKS; i++) {
		rig_until(quiet_links_has(plain_link(i)));
		plain_send(plain_link(i));
		plain_take();
	}
	cr_assert(not(rig_is_readable(plain.end.tun, 10)), "what was delivered comes once");
	cr_assert(eq(int, endpoint_parse("127.0.0.1:0", 0, &set.bind), 0));
	cr_assert(eq(int, link_open(fresh, &set), 0));
	link->bound = fresh->bound;
	cr_assert(ge(int, dup2(fresh->data_fd, link->data_fd), 0));
	cr_assert(ge(int, dup2(fresh->handshake_fd, link->handshake_fd), 0));
	link_close(fresh);
	free(fresh);
	cr_assert(eq(int, eventfd_write(link->wake_fd, 1), 0));
	for (unsigned i = 0; i < LONE; i++) {
		plain_send(link);
		plain_take();
	}
}

Test(no_quiet_links, threads_that_look_before_they_sleep_keep_their_links)
{
	rig_start(&plain.end);
	for (unsigned i = 0; i < LONE; i++) {
		plain_send(plain_link(i % LINKS));
		plain_take();
	}
	cr_expect(not(quiet_links_are_taken(&plain.end.engine->quiet)));
	for (unsigned i = 0; i < LINKS; i++)
		cr_expect(not(quiet_links_has(plain_link(i))));
	rig_expect_drops(&plain.end, DROP_REASON_COUNT, 0);
}
