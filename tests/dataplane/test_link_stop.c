/* SPDX-License-Identifier: MIT */
/* A link that goes while the engine runs, and another one that comes in its place. */
#include <pthread.h>
#include <sys/eventfd.h>

#include "engine_rig.h"

enum {
	LINKS = 2,
	STAYS = 0, /* the link that goes on */
	GOES = 1,
	HERE = 1,
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x41,
	PACKET = 96, /* a multiple of 16: unpadded */
	PACKETS = 4000,
	WINDOW = 48, /* on their way: no socket buffer overflows */
};

static struct rig_end end;
static struct dp_peer *peer;
static struct keypair *kp;
static int far;
static struct endpoint far_at;
static uint32_t sent, came;

static struct link *link_of(unsigned i)
{
	return engine_link(end.engine, i);
}

static void create(unsigned busy_poll_us)
{
	struct engine_settings set = rig_settings(2);

	rig_setup();
	set.busy_poll_us = busy_poll_us;
	rig_create_as(&end, set, LINKS, "127.0.0.1:0");
	far = rig_far_socket("127.0.0.1:0", &far_at);
	peer = engine_create_peer(end.engine, NULL);
	atomic_store(&peer->followed_path, PATH_ANY);
	rig_publish_target(&end, peer, 0, STAYS, &far_at);
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

TestSuite(link_stop, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(link_stop_polling, .init = setup_polling, .fini = teardown, .timeout = 60);

static void send_to(const struct link *link)
{
	uint8_t packet[PACKET], datagram[PACKET + TRANSPORT_OVERHEAD];

	rig_packet(packet, 4, THERE, HERE, sent, PACKET);
	rig_seal(datagram, INDEX_HERE, sent, packet, PACKET);
	rig_send(far, &link->bound, datagram, sizeof datagram);
	sent++;
}

static void take_one(void)
{
	uint8_t got[RIG_DATAGRAM], want[PACKET];

	cr_assert(eq(sz, rig_read(&end, got), PACKET));
	rig_packet(want, 4, THERE, HERE, came, PACKET);
	ASSERT_BYTES(got, want, PACKET);
	came++;
}

/* Packets @sent .. @until - 1 over the link that stays, a few on their way at a time. */
static void run_until(uint32_t until)
{
	while (came < until) {
		while (sent < until && sent - came < WINDOW)
			send_to(link_of(STAYS));
		take_one();
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
	flood->to = link_of(GOES)->bound;
	cr_assert(eq(int, pthread_create(&flood->thread, NULL, flood_main, flood), 0));
	rig_until(counter_read(&link_of(GOES)->rx_packets) > WINDOW);
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
	struct endpoint bound = link_of(GOES)->bound;

	rig_start(&end);
	run_until(PACKETS / 2);
	flood_begin(&flood);
	for (unsigned i = 0; i < WINDOW; i++)
		send_to(link_of(STAYS));
	engine_link_stop(end.engine, link_of(GOES));
	cr_expect(not(link_of(GOES)->is_open));
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
	rig_start(&end);
	rig_until(quiet_links_has(link_of(STAYS)) && quiet_links_has(link_of(GOES)));
	engine_link_stop(end.engine, link_of(GOES));
	cr_expect(not(quiet_links_has(link_of(GOES))));
	cr_expect(quiet_links_has(link_of(STAYS)));
	run_until(4);
}

/* A dispatcher that has ended gives nothing back. */
Test(link_stop, nobody_waits_for_a_dispatcher_that_ended)
{
	quiet_links_give(link_of(GOES));
	cr_expect(quiet_links_has(link_of(GOES)));
	engine_link_stop(end.engine, link_of(GOES));
	cr_expect(not(quiet_links_has(link_of(GOES))));
}

Test(link_stop, one_that_is_not_open_is_left_alone)
{
	rig_start(&end);
	engine_link_stop(end.engine, link_of(GOES));
	engine_link_stop(end.engine, link_of(GOES));
	engine_link_stop(end.engine, link_of(5));
	run_until(4);
}

/* ---- its place ---- */

static void open_again(struct link *link)
{
	struct link_settings set = {.name = "next", .has_offloads = true};

	cr_assert(eq(int, endpoint_parse("127.0.0.1:0", 0, &set.bind), 0));
	cr_assert(eq(int, link_open(link, &set), 0));
	cr_assert(eq(int, engine_link_start(end.engine, link, -1), 0));
}

Test(link_stop, another_one_takes_its_place_and_counts_from_nothing)
{
	struct link *link = link_of(GOES);
	int data_fd = link->data_fd, handshake_fd = link->handshake_fd;

	rig_start(&end);
	for (unsigned round = 0; round < 3; round++) {
		send_to(link);
		take_one();
		rig_until(counter_read(&link->rx_packets) == 1);
		engine_link_stop(end.engine, link);
		open_again(link);
		cr_expect(eq(u64, counter_read(&link->rx_packets), 0));
		cr_expect(eq(int, link->data_fd, data_fd), "its own all the time");
		cr_expect(eq(int, link->handshake_fd, handshake_fd));
	}
	send_to(link);
	take_one();
}

/* What still names the link when it is gone. */
Test(link_stop, what_comes_too_late_is_refused_and_nothing_else_is_written_to)
{
	struct route late = {.link = link_of(GOES), .remote = far_at};
	uint8_t frame[8] = {FRAME_MAGIC};

	rig_start(&end);
	engine_link_stop(end.engine, link_of(GOES));
	cr_assert(engine_send_late(end.engine, peer, kp, 0, LANE_CONTROL, frame, sizeof frame,
	                           &late));
	rig_until(engine_drops(end.engine, DROP_SEND_ERROR) == 1);
	cr_expect(not(rig_is_readable(far, 10)));
	open_again(link_of(GOES));
	cr_assert(engine_send_late(end.engine, peer, kp, 0, LANE_CONTROL, frame, sizeof frame,
	                           &late));
	cr_expect(rig_is_readable(far, RIG_WAIT_MS));
}
