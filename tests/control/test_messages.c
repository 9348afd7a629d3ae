/* SPDX-License-Identifier: MIT */
/* From handshake messages to peers, or to a counted drop; see peer_rig.h. */
#include "dataplane/statistics.h"
#include "peer_rig.h"

static struct peer_rig rig;
static struct cookie_keys keys; /* to us */
static struct cookie_jar jar;
static struct noise_handshake hs; /* of the other side */

static void setup(void)
{
	rig_open(&rig);
	cookie_keys_init(&keys, rig.control.identity->public_key);
}

static void teardown(void)
{
	rig_close(&rig);
}

TestSuite(messages, .init = setup, .fini = teardown);

static void take(void *msg, size_t len)
{
	struct route route = rig_route(&rig, 0);

	cookie_add_macs(&keys, &jar, msg, len, rig.now_ns);
	rig_take(&rig, &route, msg, len, rig.now_ns);
}

static uint64_t dropped(enum drop_reason reason)
{
	return engine_drops(rig.control.engine, reason);
}

static struct message_initiation initiation_from(const struct noise_identity *who,
                                                 const struct noise_remote *us)
{
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN];
	struct message_initiation msg;

	random_bytes(ephemeral, sizeof ephemeral);
	noise_timestamp(timestamp, 1800000000, 0, 0);
	cr_assert(eq(int, noise_create_initiation(&hs, who, us, ephemeral, timestamp, 4711, &msg),
	             0));
	return msg;
}

Test(messages, initiation_of_a_peer_makes_a_session)
{
	struct message_initiation msg = initiation_from(&rig.other, &rig.us);
	struct message_response response;

	take(&msg, sizeof msg);
	cr_assert(rig_sent(&rig, 0, MESSAGE_RESPONSE, &response, sizeof response));
	cr_expect(eq(int, noise_consume_response(&hs, &rig.other, &rig.us, &response), 0));
	cr_expect(ne(ptr, rig.peer->session.next, NULL));
}

/* It lay in the way to control until then. */
Test(messages, initiation_from_before_its_link_was_bound_anew_makes_nothing)
{
	struct message_initiation msg = initiation_from(&rig.other, &rig.us);

	uplink_left(&rig.control.uplinks.uplink[0], rig.now_ns);
	take(&msg, sizeof msg);
	cr_expect(not(rig_sent(&rig, 0, MESSAGE_RESPONSE, NULL, 0)));
	cr_expect(eq(ptr, rig.peer->session.next, NULL));
	cr_expect(not(paths_is_any_known(&rig.peer->paths)));
	cr_expect(eq(u64, dropped(DROP_HANDSHAKE_INVALID), 1));
	rig.now_ns++;
	take(&msg, sizeof msg);
	cr_expect(ne(ptr, rig.peer->session.next, NULL));
}

Test(messages, initiation_of_an_unknown_key_is_dropped)
{
	struct noise_identity stranger;
	struct noise_remote us;
	struct message_initiation msg;
	uint8_t private[KEY_LEN];

	random_bytes(private, sizeof private);
	noise_identity_init(&stranger, private);
	noise_remote_init(&us, &stranger, rig.control.identity->public_key, NULL);
	msg = initiation_from(&stranger, &us);
	take(&msg, sizeof msg);
	cr_expect(eq(u64, dropped(DROP_HANDSHAKE_INVALID), 1));
	cr_expect(not(rig_sent(&rig, 0, MESSAGE_RESPONSE, NULL, 0)));
	cr_expect(eq(u64, rig.peer->session.count, 0));
}

Test(messages, initiation_that_names_a_peer_and_does_not_prove_it_is_forged)
{
	struct message_initiation msg = initiation_from(&rig.other, &rig.us);

	msg.timestamp_sealed[0] ^= 1;
	take(&msg, sizeof msg);
	cr_expect(eq(u64, dropped(DROP_HANDSHAKE_INVALID), 1));
	cr_expect(eq(u64, rig.peer->session.count, 0));
}

Test(messages, under_load_a_cookie_comes_back)
{
	struct message_initiation msg = initiation_from(&rig.other, &rig.us);
	struct message_cookie_reply reply;

	strangers_set_loaded(&rig.strangers, rig.now_ns);
	take(&msg, sizeof msg);
	cr_expect(eq(u64, dropped(DROP_HANDSHAKE_LIMITED), 1));
	cr_assert(rig_sent(&rig, 0, MESSAGE_COOKIE_REPLY, &reply, sizeof reply));
	cr_assert(cookie_reply_consume(&keys, &jar, &reply, rig.now_ns));
	take(&msg, sizeof msg);
	cr_expect(rig_sent(&rig, 0, MESSAGE_RESPONSE, NULL, 0));
}

Test(messages, response_ends_the_attempt_and_its_copy_is_no_drop)
{
	struct message_initiation msg;
	struct message_response response;
	struct noise_initiation init;
	uint8_t timestamp[TAI64N_LEN], ephemeral[KEY_LEN];

	rig_path(&rig, 0);
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	cr_assert(rig_sent(&rig, 0, MESSAGE_INITIATION, &msg, sizeof msg));
	cr_assert(eq(int, noise_open_initiation(&init, &rig.other, &msg), 0));
	cr_assert(eq(int, noise_accept_initiation(&init, &rig.us, &msg, timestamp), 0));
	random_bytes(ephemeral, sizeof ephemeral);
	cr_assert(eq(int, noise_create_response(&init.handshake, &rig.us, ephemeral, 99, &response),
	             0));
	take(&response, sizeof response);
	cr_assert(ne(ptr, rig.peer->session.current, NULL));
	cr_expect(not(rig.peer->handshake.is_pending));
	take(&response, sizeof response);
	cr_expect(eq(u64, dropped(DROP_UNKNOWN_INDEX), 0));
	response.sender_index[0] ^= 1;
	take(&response, sizeof response);
	cr_expect(eq(u64, dropped(DROP_UNKNOWN_INDEX), 1));
	cr_expect(eq(u64, rig.peer->session.count, 1));
}

/* Answers @msg as a responder with @index would that has not seen it before. */
static void answer(const struct message_initiation *msg, uint32_t index)
{
	uint8_t timestamp[TAI64N_LEN], ephemeral[KEY_LEN];
	struct message_response response;
	struct noise_initiation init;

	cr_assert(eq(int, noise_open_initiation(&init, &rig.other, msg), 0));
	cr_assert(eq(int, noise_accept_initiation(&init, &rig.us, msg, timestamp), 0));
	random_bytes(ephemeral, sizeof ephemeral);
	cr_assert(eq(int,
	             noise_create_response(&init.handshake, &rig.us, ephemeral, index, &response),
	             0));
	take(&response, sizeof response);
}

/* Which of the two it knows is not to be told: it is asked again, in a moment. */
Test(messages, peer_that_answers_an_initiation_twice_gets_another)
{
	struct message_initiation msg;

	rig_path(&rig, 0);
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	cr_assert(rig_sent(&rig, 0, MESSAGE_INITIATION, &msg, sizeof msg));
	answer(&msg, 98);
	answer(&msg, 99);
	cr_expect(eq(u32, rig.peer->session.current->remote_index, 98));
	cr_expect(not(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0)),
	          "at once it would refuse it");
	rig.now_ns += NS_PER_S / 2;
	peer_service(rig.peer, rig.now_ns);
	cr_assert(rig_sent(&rig, 0, MESSAGE_INITIATION, &msg, sizeof msg));
	answer(&msg, 100);
	cr_expect(eq(u32, rig.peer->session.current->remote_index, 100));
	answer(&msg, 101);
	rig.now_ns += NS_PER_S / 2;
	peer_service(rig.peer, rig.now_ns);
	cr_expect(not(rig_sent(&rig, 0, MESSAGE_INITIATION, NULL, 0)), "whatever comes");
	cr_expect(eq(u64, rig.peer->session.count, 2));
}

Test(messages, cookie_that_answers_nothing_and_what_is_no_message_are_dropped)
{
	struct message_cookie_reply reply = {.type[0] = MESSAGE_COOKIE_REPLY};
	struct route route = rig_route(&rig, 0);

	rig_take(&rig, &route, &reply, sizeof reply, rig.now_ns);
	cr_expect(eq(u64, dropped(DROP_HANDSHAKE_INVALID), 1));
	rig_take(&rig, &route, &reply, sizeof reply - 1, rig.now_ns);
	cr_expect(eq(u64, dropped(DROP_MALFORMED), 1));
}
