/* SPDX-License-Identifier: MIT */
/* What control is told, how often it is woken for it, and what has no place any more. */
#include "engine_rig.h"

enum {
	PEERS = NOTICES_MAX / NOTICES_PER_PEER + 1
};

static struct rig_end end;
static struct dp_peer *peer[PEERS];
static struct mailbox *box;

static void setup(void)
{
	rig_setup();
	rig_create(&end, 1, 0, NULL);
	box = &end.engine->mailbox;
	for (unsigned i = 0; i < PEERS; i++)
		peer[i] = engine_create_peer(end.engine, NULL);
}

static void teardown(void)
{
	rig_expect_all_home(&end);
	engine_stop(end.engine);
	rig_destroy(&end);
	for (unsigned i = 0; i < PEERS; i++)
		rig_put_peer(peer[i]);
	rig_teardown();
}

TestSuite(mailbox, .init = setup, .fini = teardown, .timeout = 60);

static void post(struct dp_peer *from, enum batch_kind kind)
{
	struct batch *b = batch_get(&end.engine->control.pool);

	b->kind = kind;
	if (from)
		b->peer = dp_peer_get(from);
	if (kind == BATCH_NOTICE)
		mailbox_post_notice(&end.engine->control, b);
	else
		mailbox_post_handshake(&end.engine->control, b);
}

static uint64_t refused(void)
{
	return engine_drops(end.engine, DROP_CONTROL_BUSY);
}

Test(mailbox, events_of_a_peer_are_one_and_wake_once)
{
	uint64_t woken;
	unsigned events;

	mailbox_tell(peer[0], PEER_EVENT_SIGNS);
	mailbox_tell(peer[0], PEER_EVENT_ACTIVE);
	mailbox_tell(peer[1], PEER_EVENT_CONFIRMED);
	cr_assert(eq(int, (int)read(box->bell.fd, &woken, sizeof woken), sizeof woken));
	cr_expect(eq(u64, woken, 1));
	mailbox_begin(box);
	cr_expect(eq(ptr, mailbox_take_event(box, &events), peer[0]));
	cr_expect(eq(uint, events, PEER_EVENT_SIGNS | PEER_EVENT_ACTIVE));
	cr_expect(eq(ptr, mailbox_take_event(box, &events), peer[1]));
	cr_expect(eq(uint, events, PEER_EVENT_CONFIRMED));
	cr_expect(eq(ptr, mailbox_take_event(box, &events), NULL));
	dp_peer_put(peer[0]);
	dp_peer_put(peer[1]);
	mailbox_tell(peer[0], PEER_EVENT_SIGNS);
	cr_expect(rig_is_readable(box->bell.fd, 0));
}

/* A peer has its places, all together have theirs, and what is taken makes room. */
Test(mailbox, notices_beyond_the_places_are_refused_and_counted)
{
	for (unsigned i = 0; i < NOTICES_PER_PEER + 3; i++)
		post(peer[0], BATCH_NOTICE);
	cr_expect(eq(u64, refused(), 3));
	for (unsigned i = NOTICES_PER_PEER; i < NOTICES_MAX; i++)
		post(peer[i / NOTICES_PER_PEER], BATCH_NOTICE);
	cr_expect(eq(u64, refused(), 3));
	post(peer[PEERS - 1], BATCH_NOTICE);
	cr_expect(eq(u64, refused(), 4));
	batch_free(mailbox_take_notice(box));
	post(peer[PEERS - 1], BATCH_NOTICE);
	cr_expect(eq(u64, refused(), 4));
	post(peer[0], BATCH_NOTICE);
	cr_expect(eq(u64, refused(), 5));
}

Test(mailbox, handshakes_have_places_of_their_own)
{
	cr_expect(not(rig_is_readable(box->handshake_bell.fd, 0)));
	for (unsigned i = 0; i < HANDSHAKES_MAX + 1; i++)
		post(NULL, BATCH_HANDSHAKE);
	cr_expect(eq(u64, refused(), 1));
	post(peer[0], BATCH_NOTICE);
	cr_expect(eq(u64, refused(), 1));
	cr_expect(rig_is_readable(box->handshake_bell.fd, 0));
	mailbox_begin_handshakes(box);
	cr_expect(not(rig_is_readable(box->handshake_bell.fd, 0)));
	for (unsigned i = 0; i < HANDSHAKES_MAX; i++) {
		struct batch *b = mailbox_take_handshake(box);

		cr_assert(ne(ptr, b, NULL));
		batch_free(b);
	}
	cr_expect(eq(ptr, mailbox_take_handshake(box), NULL));
	mailbox_wake_handshakes(box);
	cr_expect(rig_is_readable(box->handshake_bell.fd, 0));
}

/* A refusal is told once for good, a failed read each time, the end of the device for ever. */
Test(mailbox, what_became_of_the_device_is_told)
{
	cr_expect(not(mailbox_take_refused_joined(box)));
	mailbox_joined_refused(box);
	cr_expect(mailbox_take_refused_joined(box));
	mailbox_joined_refused(box);
	cr_expect(not(mailbox_take_refused_joined(box)));
	mailbox_tun_read_failed(box, EIO);
	cr_expect(eq(int, mailbox_take_tun_read_error(box), EIO));
	cr_expect(eq(int, mailbox_take_tun_read_error(box), 0));
	mailbox_tun_failed(box, ENODEV);
	cr_expect(eq(int, mailbox_tun_error(box), ENODEV));
	cr_expect(eq(int, mailbox_tun_error(box), ENODEV));
	cr_expect(rig_is_readable(box->bell.fd, 0));
}
