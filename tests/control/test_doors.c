/* SPDX-License-Identifier: MIT */
#include "control/doors.h"

#include <errno.h>

#include "../dataplane/engine_rig.h"

static struct rig_end end;
static struct doors doors;
static struct endpoint stranger_at;
static struct link *link_a;
static int stranger;

static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, 1, "127.0.0.1:0");
	link_a = engine_link(end.engine, 0);
	stranger = rig_far_socket("127.0.0.1:0", &stranger_at);
	cr_assert(eq(int, doors_init(&doors), 0));
}

static void teardown(void)
{
	doors_fini(&doors);
	engine_stop(end.engine);
	rig_destroy(&end);
	close(stranger);
	rig_teardown();
}

TestSuite(doors, .init = setup, .fini = teardown);

static void knock(void)
{
	uint8_t message[148] = {MESSAGE_INITIATION};

	rig_send(stranger, &link_a->bound, message, sizeof message);
	cr_assert(rig_is_readable(link_a->handshake_fd, RIG_WAIT_MS));
}

Test(doors, name_the_link_that_can_be_read)
{
	struct link *ready[DOORS_READY_MAX] = {0};
	struct link_message m;

	cr_assert(eq(int, doors_open(&doors, link_a), 0));
	cr_expect(eq(uint, doors_ready(&doors, ready), 0));
	knock();
	cr_expect(rig_is_readable(doors.fd, RIG_WAIT_MS));
	cr_assert(eq(uint, doors_ready(&doors, ready), 1));
	cr_expect(eq(ptr, ready[0], link_a));
	cr_assert(eq(int, link_receive_handshakes(link_a, &m), 0));
	cr_expect(eq(uint, doors_ready(&doors, ready), 0));
}

Test(doors, that_are_reserved_or_closed_are_not_looked_at)
{
	struct link *ready[DOORS_READY_MAX];

	cr_assert(eq(int, doors_reserve(&doors, link_a), 0));
	knock();
	cr_expect(eq(uint, doors_ready(&doors, ready), 0));
	cr_assert(eq(int, doors_open(&doors, link_a), 0));
	cr_expect(eq(uint, doors_ready(&doors, ready), 1));
	doors_close(&doors, link_a);
	cr_expect(eq(uint, doors_ready(&doors, ready), 0));
	doors_close(&doors, link_a);
	cr_assert(eq(int, doors_open(&doors, link_a), 0));
	cr_expect(eq(uint, doors_ready(&doors, ready), 1));
}

/* Another socket takes the descriptor, as when a link gets another device. */
Test(doors, go_on_with_the_socket_that_took_the_place_of_another)
{
	struct link *ready[DOORS_READY_MAX];
	struct endpoint at;
	int other = rig_far_socket("127.0.0.1:0", &at), kept = dup(link_a->handshake_fd);

	cr_assert(eq(int, doors_open(&doors, link_a), 0));
	doors_close(&doors, link_a);
	cr_assert(eq(int, dup2(other, link_a->handshake_fd), link_a->handshake_fd));
	cr_assert(eq(int, doors_open(&doors, link_a), 0));
	rig_send(stranger, &at, (const uint8_t *)"\1", 1);
	cr_assert(rig_is_readable(doors.fd, RIG_WAIT_MS));
	cr_expect(eq(uint, doors_ready(&doors, ready), 1));
	close(other);
	close(kept);
}

Test(doors, error_of_a_link_without_a_socket_is_handed_out)
{
	/* Not on the stack, which sanitizers align less than it wants. */
	static struct link closed = {.handshake_fd = -1};

	cr_expect(eq(int, doors_reserve(&doors, &closed), -EBADF));
	cr_expect(eq(int, doors_open(&doors, &closed), -EBADF));
	doors_close(&doors, &closed);
	doors_fini(&(struct doors){.fd = -1});
}
