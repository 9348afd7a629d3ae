/* SPDX-License-Identifier: MIT */
/* Datagrams that came to the wrong one, and the look at what waits: by hand, the engine has
 * stopped.
 */
#include "dataplane/inject.h"
#include "inbound_rig.h"

static struct dp_thread *self; /* as of who reads the handshake sockets */
static struct route from_far;

static void setup(void)
{
	inbound_setup();
	engine_stop(ours.engine);
	self = &ours.engine->handshakes;
	from_far = (struct route){.link = engine_link(ours.engine, 0), .remote = far_at[0]};
}

TestSuite(inject, .init = setup, .fini = inbound_teardown, .timeout = 60);

/* What begins like transport data for @index. */
static void fill(uint8_t *datagram, size_t len, uint32_t index)
{
	memset(datagram, 7, len);
	store_le32(datagram, MESSAGE_TRANSPORT);
	store_le32(datagram + 4, index);
}

/* All that is left in the pool, linked by their next. */
static struct batch *take_all(void)
{
	struct batch *list = NULL, *b;

	while ((b = batch_get(&self->pool))) {
		b->next = list;
		list = b;
	}
	return list;
}

static void free_all(struct batch *list)
{
	for (struct batch *b; (b = list);) {
		list = b->next;
		batch_free(b);
	}
}

/* Lengths and indices that no session has are refused there as on the other way in. */
Test(inject, data_taken_in_from_a_handshake_socket_is_checked)
{
	size_t stride = self->pool.stride;
	uint8_t datagram[8192];

	cr_assert(lt(sz, stride, sizeof datagram));
	fill(datagram, sizeof datagram, INDEX_HERE);
	engine_receive(ours.engine, &from_far, datagram, TRANSPORT_OVERHEAD - 1);
	engine_receive(ours.engine, &from_far, datagram, stride + 1);
	cr_expect(eq(u64, drops(DROP_MALFORMED), 2));
	engine_receive(ours.engine, &from_far, datagram, TRANSPORT_OVERHEAD);
	engine_receive(ours.engine, &from_far, datagram, stride);
	store_le32(datagram + 4, 0x7777);
	engine_receive(ours.engine, &from_far, datagram, 240);
	work_finish(&ours.engine->work, self);
	cr_expect(eq(u64, drops(DROP_NOT_AUTHENTIC), 2));
	cr_expect(eq(u64, drops(DROP_MALFORMED), 2));
	cr_expect(eq(u64, drops(DROP_UNKNOWN_INDEX), 1));
}

Test(inject, data_from_a_handshake_socket_without_memory_for_it_is_no_malformed_one)
{
	struct batch *list = take_all();
	uint8_t datagram[240];

	fill(datagram, sizeof datagram, INDEX_HERE);
	engine_receive(ours.engine, &from_far, datagram, sizeof datagram);
	expect_only(DROP_POOL_EMPTY, 1);
	free_all(list);
}

/* Whatever it is, with where it came from: control looks at it. */
Test(inject, handshake_message_is_passed_on_as_it_came)
{
	size_t stride = self->pool.stride;
	uint8_t message[8192];

	cr_assert(lt(sz, stride, sizeof message));
	for (size_t i = 0; i < sizeof message; i++)
		message[i] = (uint8_t)(3 * i + 1);
	for (unsigned i = 0; i < 2; i++) {
		size_t len = i ? stride : 1;
		struct batch *b;

		inject_handshake(self, &from_far, message, len);
		b = engine_take_handshake(ours.engine);
		cr_assert(ne(ptr, b, NULL));
		cr_assert(eq(uint, b->segment[0].len, len));
		ASSERT_BYTES(segment_header(b, &b->segment[0]), message, len);
		cr_expect(route_is_same_way(&b->route, &from_far));
		batch_free(b);
	}
	inject_handshake(self, &from_far, message, stride + 1);
	cr_expect(eq(ptr, engine_take_handshake(ours.engine), NULL));
	expect_only(DROP_MALFORMED, 1);
}

Test(inject, handshake_message_without_memory_for_it_is_dropped)
{
	struct batch *list = take_all();

	inject_handshake(self, &from_far, (const uint8_t *)"\1hello", 6);
	cr_expect(eq(ptr, engine_take_handshake(ours.engine), NULL));
	expect_only(DROP_POOL_EMPTY, 1);
	free_all(list);
}

/* What has arrived before it may yet bring the missing packet. */
Test(inject, look_at_what_waits_keeps_its_turn_behind_what_has_arrived)
{
	unsigned all = rig_pool_count(&self->pool);
	struct batch *before = batch_get(&self->pool);

	before->kind = BATCH_FLUSH;
	before->peer = dp_peer_get(peer);
	before->time_ns = clock_boot_ns();
	sequencer_enter(&peer->arriving, &before->order);
	inject_flush(self, peer, clock_boot_ns());
	cr_expect(eq(uint, rig_pool_count(&self->pool), all - 2));
	work_run(self, before);
	cr_expect(eq(uint, rig_pool_count(&self->pool), all));
}

/* The alarm rings again, so nothing is lost, and nothing is counted. */
Test(inject, look_at_what_waits_is_left_out_without_memory_and_without_the_peer)
{
	struct dp_peer *gone = engine_create_peer(ours.engine, NULL);
	struct batch *list = take_all();
	unsigned all;

	inject_flush(self, peer, clock_boot_ns());
	free_all(list);
	all = rig_pool_count(&self->pool);
	dp_peer_put(gone); /* its memory stays: this thread is not quiescent */
	inject_flush(self, gone, clock_boot_ns());
	cr_expect(eq(uint, rig_pool_count(&self->pool), all));
	expect_only(DROP_REASON_COUNT, 0);
}
