/* SPDX-License-Identifier: MIT */
#include "dataplane/handshake_reader.h"

#include "engine_rig.h"

enum {
	MESSAGES = 3,
};

static struct rig_end end;

static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, 0, NULL);
}

static void teardown(void)
{
	rig_expect_all_home(&end);
	engine_stop(end.engine);
	rig_destroy(&end);
	rig_teardown();
}

TestSuite(handshake_reader, .init = setup, .fini = teardown, .timeout = 60);

/* As an RX thread that finds them among data. */
static void find_messages(struct batch *ret[static MESSAGES])
{
	for (unsigned i = 0; i < MESSAGES; i++) {
		ret[i] = batch_get(&end.engine->control.pool);
		ret[i]->kind = BATCH_HANDSHAKE;
		mailbox_post_handshake(&end.engine->control, ret[i]);
	}
}

static bool is_told(void)
{
	return rig_is_readable(engine_handshake_fd(end.engine), 0);
}

Test(handshake_reader, messages_among_data_come_in_their_order_and_are_told_of_once)
{
	struct batch *found[MESSAGES];

	cr_expect(not(is_told()));
	cr_expect(eq(ptr, engine_take_handshake(end.engine), NULL));
	find_messages(found);
	cr_expect(is_told());
	engine_handshakes_begin(end.engine);
	cr_expect(not(is_told()));
	for (unsigned i = 0; i < MESSAGES; i++) {
		struct batch *b = engine_take_handshake(end.engine);

		cr_assert(eq(ptr, b, found[i]));
		batch_free(b);
	}
	cr_expect(eq(ptr, engine_take_handshake(end.engine), NULL));
}

/* Control hears of other things, and not of these. */
Test(handshake_reader, who_leaves_some_may_have_itself_told_again)
{
	struct batch *found[MESSAGES];

	find_messages(found);
	engine_handshakes_begin(end.engine);
	batch_free(engine_take_handshake(end.engine));
	cr_expect(not(is_told()));
	engine_wake_handshakes(end.engine);
	cr_expect(is_told());
	cr_expect(not(rig_is_readable(engine_event_fd(end.engine), 0)));
	for (unsigned i = 1; i < MESSAGES; i++)
		batch_free(engine_take_handshake(end.engine));
}

Test(handshake_reader, what_it_drops_is_counted_by_reason)
{
	engine_count_handshake_drop(end.engine, DROP_HANDSHAKE_INVALID);
	engine_count_handshake_drop(end.engine, DROP_HANDSHAKE_INVALID);
	engine_count_handshake_drop(end.engine, DROP_CONTROL_BUSY);
	cr_expect(eq(u64, engine_drops(end.engine, DROP_HANDSHAKE_INVALID), 2));
	cr_expect(eq(u64, engine_drops(end.engine, DROP_CONTROL_BUSY), 1));
}
