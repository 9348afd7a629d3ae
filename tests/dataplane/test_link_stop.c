/* SPDX-License-Identifier: MIT */
/* A link that goes while the engine runs, and another one that comes in its place. */
#include <pthread.h>
#include <sys/eventfd.h>

#include "plain_rig.h"

enum {
	STAYS = 0, /* the link that goes on */
	GOES = 1,
	PACKETS = 4000,
	WINDOW = 48, /* on their way: no socket buffer overflows */
};

static void setup(void)
{
	plain_open(2, 0);
}

static void setup_polling(void)
{
	plain_open(2, 1000);
}

TestSuite(link_stop, .init = setup, .fini = plain_close, .timeout = 60);
TestSuite(link_stop_polling, .init = setup_polling, .fini = plain_close, .timeout = 60);

/* Packets @sent .. @until - 1 over the link that stays, a few on their way at a time. */
static void run_until(uint32_t until)
{
	while (plain.taken < until) {
		while (plain.sent < until && plain.sent - plain.taken < WINDOW)
			plain_send(plain_link(STAYS));
		plain_take();
	}
}

/* ---- load ---- */

/* Somebody who sends to the link that goes, as fast as he can. */
struct flood {
	pthread_t thread;
	struct endpoint to;
	_Atomic bool is_over;
};

static void *flood_main(void *arg)
{
	struct flood *flood = arg;
	uint8_t datagram[PACKET + TRANSPORT_OVERHEAD] = {MESSAGE_TRANSPORT, [4] = 0x77};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	while (!atomic_load(&flood->is_over))
		sendto(fd, datagram, sizeof datagram, 0, &flood->to.sa, endpoint_len(&flood->to));
	close(fd);
	return NULL;
}

static void flood_begin(struct flood *flood)
{
	flood->to = plain_link(GOES)->bound;
	cr_assert(eq(int, pthread_create(&flood->thread, NULL, flood_main, flood), 0));
	rig_until(counter_read(&plain_link(GOES)->rx_packets) > WINDOW);
}

static void flood_end(struct flood *flood)
{
	atomic_store(&flood->is_over, true);
	pthread_join(flood->thread, NULL);
}

/* Its port is given to the next who asks for it. */
static void expect_free(const struct endpoint *bound)
{
	struct endpoint at = *bound;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	cr_expect(eq(int, bind(fd, &at.sa, endpoint_len(&at)), 0));
	close(fd);
}

static void expect_others_lose_nothing(void)
{
	struct flood flood = {0};
	struct endpoint bound = plain_link(GOES)->bound;

	rig_start(&plain.end);
	run_until(PACKETS / 2);
	flood_begin(&flood);
	for (unsigned i = 0; i < WINDOW; i++)
		plain_send(plain_link(STAYS));
	engine_link_stop(plain.end.engine, plain_link(GOES));
	cr_expect(not(plain_link(GOES)->is_open));
	expect_free(&bound);
	run_until(PACKETS);
	flood_end(&flood);
}

Test(link_stop, others_lose_nothing_under_load)
{
	expect_others_lose_nothing();
}

Test(link_stop_polling, others_lose_nothing_under_load)
{
	expect_others_lose_nothing();
}

/* ---- who receives from it ---- */

Test(link_stop, dispatcher_gives_it_back)
{
	rig_start(&plain.end);
	rig_until(quiet_links_has(plain_link(STAYS)) && quiet_links_has(plain_link(GOES)));
	engine_link_stop(plain.end.engine, plain_link(GOES));
	cr_expect(not(quiet_links_has(plain_link(GOES))));
	cr_expect(quiet_links_has(plain_link(STAYS)));
	run_until(4);
}

/* A dispatcher that has ended gives nothing back. */
Test(link_stop, nobody_waits_for_a_dispatcher_that_ended)
{
	quiet_links_give(plain_link(GOES));
	cr_expect(quiet_links_has(plain_link(GOES)));
	engine_link_stop(plain.end.engine, plain_link(GOES));
	cr_expect(not(quiet_links_has(plain_link(GOES))));
}

Test(link_stop, one_that_is_not_open_is_left_alone)
{
	rig_start(&plain.end);
	engine_link_stop(plain.end.engine, plain_link(GOES));
	engine_link_stop(plain.end.engine, plain_link(GOES));
	engine_link_stop(plain.end.engine, plain_link(5));
	run_until(4);
}

/* ---- its place ---- */

static void open_again(struct link *link)
{
	struct link_settings set = {.name = "next", .has_offloads = true};

	cr_assert(eq(int, endpoint_parse("127.0.0.1:0", 0, &set.bind), 0));
	cr_assert(eq(int, link_open(link, &set), 0));
	cr_assert(eq(int, engine_link_start(plain.end.engine, link, -1), 0));
}

Test(link_stop, another_one_takes_its_place_and_counts_from_nothing)
{
	struct link *link = plain_link(GOES);
	int data_fd = link->data_fd, handshake_fd = link->handshake_fd;

	rig_start(&plain.end);
	for (unsigned round = 0; round < 3; round++) {
		plain_send(link);
		plain_take();
		rig_until(counter_read(&link->rx_packets) == 1);
		engine_link_stop(plain.end.engine, link);
		link_count_anew(link);
		open_again(link);
		cr_expect(eq(u64, counter_read(&link->rx_packets), 0));
		cr_expect(eq(int, link->data_fd, data_fd), "its own all the time");
		cr_expect(eq(int, link->handshake_fd, handshake_fd));
	}
	plain_send(link);
	plain_take();
}

Test(link_stop, one_that_is_opened_again_counts_on)
{
	struct link *link = plain_link(GOES);

	rig_start(&plain.end);
	for (unsigned round = 1; round < 3; round++) {
		plain_send(link);
		plain_take();
		rig_until(counter_read(&link->rx_packets) == round);
		engine_link_stop(plain.end.engine, link);
		open_again(link);
	}
	cr_expect(eq(u64, counter_read(&link->rx_packets), 2));
}

/* What still names the link when it is gone. */
Test(link_stop, what_comes_too_late_is_refused_and_nothing_else_is_written_to)
{
	struct route late = {.link = plain_link(GOES), .remote = plain.far_at};
	uint8_t frame[8] = {FRAME_MAGIC};

	rig_start(&plain.end);
	engine_link_stop(plain.end.engine, plain_link(GOES));
	cr_assert(engine_send_late(plain.end.engine, plain.peer, plain.kp, 0, LANE_CONTROL, frame,
	                           sizeof frame, &late));
	rig_until(engine_drops(plain.end.engine, DROP_SEND_ERROR) == 1);
	cr_expect(not(rig_is_readable(plain.far, 10)));
	open_again(plain_link(GOES));
	cr_assert(engine_send_late(plain.end.engine, plain.peer, plain.kp, 0, LANE_CONTROL, frame,
	                           sizeof frame, &late));
	cr_expect(rig_is_readable(plain.far, RIG_WAIT_MS));
}
