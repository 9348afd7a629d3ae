/* SPDX-License-Identifier: MIT */
#include "control/strangers.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/rcu.h"
#include "crypto/aead.h"
#include "crypto/init.h"

#define NOW (1000 * NS_PER_S)

static struct strangers s;
static struct cookie_keys keys;
static struct cookie_jar jar;
static struct endpoint here, there;
static struct message_cookie_reply reply;

static struct noise_identity us, other;
static struct noise_remote to_us; /* of the other one */
static struct index_table *index_table;

static void make_identity(struct noise_identity *who)
{
	uint8_t private[KEY_LEN];

	random_bytes(private, sizeof private);
	noise_identity_init(who, private);
}

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	make_identity(&us);
	make_identity(&other);
	noise_remote_init(&to_us, &other, us.public_key, NULL);
	index_table = index_create(4);
	strangers_init(&s, &us, index_table);
	cookie_keys_init(&keys, us.public_key);
	cr_assert(eq(int, endpoint_parse("192.0.2.1:1000", 0, &here), 0));
	cr_assert(eq(int, endpoint_parse("192.0.2.1:1001", 0, &there), 0));
}

static void teardown(void)
{
	strangers_fini(&s);
	index_destroy(index_table);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(strangers, .init = setup, .fini = teardown);

static struct message_initiation initiation(void)
{
	struct message_initiation msg = {.type[0] = MESSAGE_INITIATION, .sender_index = {7, 1}};

	random_bytes(msg.ephemeral, sizeof msg.ephemeral);
	cookie_add_macs(&keys, &jar, &msg, sizeof msg, NOW);
	return msg;
}

static enum stranger_verdict check(const struct message_initiation *msg,
                                   const struct endpoint *from, bool is_awaited, uint64_t now_ns)
{
	return strangers_check(&s, from, msg, sizeof *msg, is_awaited, now_ns, &reply);
}

Test(strangers, kind_goes_by_type_and_exact_length)
{
	static const struct {
		uint8_t type;
		size_t len;
	} kinds[] = {{MESSAGE_INITIATION, 148}, {MESSAGE_RESPONSE, 92}, {MESSAGE_COOKIE_REPLY, 64}};
	uint8_t msg[256] = {0};

	for (unsigned type = 0; type < 6; type++) {
		msg[0] = (uint8_t)type;
		for (size_t len = 0; len < sizeof msg; len++) {
			unsigned expected = 0;

			for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
				if (kinds[i].type == type && kinds[i].len == len)
					expected = type;
			cr_expect(eq(uint, strangers_kind(msg, len), expected), "%u, %zu", type,
			          len);
		}
	}
	msg[0] = MESSAGE_INITIATION;
	msg[3] = 1;
	cr_expect(eq(uint, strangers_kind(msg, 148), 0), "reserved bytes are zero");
}

Test(strangers, what_is_not_meant_for_us_is_forged)
{
	struct message_initiation msg = initiation();

	cr_expect(eq(int, check(&msg, &here, false, NOW), STRANGER_PASSES));
	msg.ephemeral[0] ^= 1;
	cr_expect(eq(int, check(&msg, &here, false, NOW), STRANGER_FORGED));
	cr_expect(eq(int, check(&msg, &here, true, NOW), STRANGER_FORGED), "awaited or not");
}

Test(strangers, under_load_a_cookie_is_asked_for_that_lets_in_from_there_alone)
{
	struct message_initiation msg = initiation();

	cr_assert(strangers_set_loaded(&s, NOW));
	cr_expect(not(strangers_set_loaded(&s, NOW)), "it is already");
	cr_assert(eq(int, check(&msg, &here, false, NOW), STRANGER_ASKED));
	cr_expect(eq(u32, load_le32(reply.receiver_index), 0x107));
	cr_assert(cookie_reply_consume(&keys, &jar, &reply, NOW));
	msg = initiation();
	cr_expect(eq(int, check(&msg, &here, false, NOW), STRANGER_PASSES));
	cr_expect(eq(int, check(&msg, &there, false, NOW), STRANGER_ASKED));
}

Test(strangers, response_that_is_awaited_needs_no_cookie)
{
	struct message_initiation msg = initiation();

	strangers_set_loaded(&s, NOW);
	cr_expect(eq(int, check(&msg, &here, true, NOW), STRANGER_PASSES));
}

Test(strangers, source_with_a_cookie_has_a_share)
{
	struct message_initiation msg = initiation();
	unsigned passed = 0;

	strangers_set_loaded(&s, NOW);
	cr_assert(eq(int, check(&msg, &here, false, NOW), STRANGER_ASKED));
	cr_assert(cookie_reply_consume(&keys, &jar, &reply, NOW));
	msg = initiation();
	for (unsigned i = 0; i < 20; i++)
		passed += check(&msg, &here, false, NOW) == STRANGER_PASSES;
	cr_expect(eq(uint, passed, RATELIMIT_BURST));
	cr_expect(eq(int, check(&msg, &here, false, NOW), STRANGER_LIMITED));
}

Test(strangers, load_is_over_after_a_second)
{
	struct message_initiation msg = initiation();

	strangers_set_loaded(&s, NOW);
	cr_expect(eq(int, check(&msg, &here, false, NOW + NS_PER_S - 1), STRANGER_ASKED));
	cr_expect(eq(int, check(&msg, &here, false, NOW + NS_PER_S), STRANGER_PASSES));
	cr_expect(strangers_set_loaded(&s, NOW + NS_PER_S), "it begins anew");
}

/* ---- all of it ---- */

static struct noise_initiation opened;
static struct visitor visitor = {.opened = &opened};

static enum stranger_verdict take(void *msg, size_t len, uint64_t now_ns)
{
	struct route route = {.remote = here};

	cookie_add_macs(&keys, &jar, msg, len, now_ns);
	return strangers_take(&s, &route, msg, len, now_ns, &visitor, &reply);
}

static struct message_initiation real_initiation(void)
{
	uint8_t ephemeral[KEY_LEN], timestamp[TAI64N_LEN] = {0};
	struct message_initiation msg;
	struct noise_handshake hs;

	random_bytes(ephemeral, sizeof ephemeral);
	cr_assert(eq(int,
	             noise_create_initiation(&hs, &other, &to_us, ephemeral, timestamp, 4711, &msg),
	             0));
	return msg;
}

Test(strangers, initiation_tells_who_says_to_have_sent_it)
{
	struct message_initiation msg = real_initiation();

	cr_assert(eq(int, take(&msg, sizeof msg, NOW), STRANGER_PASSES));
	cr_expect(eq(uint, visitor.kind, MESSAGE_INITIATION));
	cr_expect(endpoint_equal(&visitor.route.remote, &here));
	cr_expect(eq(int, memcmp(&visitor.message.initiation, &msg, sizeof msg), 0));
	cr_expect(eq(int, memcmp(opened.public_key, other.public_key, KEY_LEN), 0));
	cr_expect(eq(u32, opened.handshake.remote_index, 4711));
}

Test(strangers, initiation_that_was_not_sealed_for_us_is_unreadable)
{
	struct message_initiation msg = real_initiation();
	struct noise_initiation before = opened;

	msg.static_sealed[0] ^= 1;
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_UNREADABLE));
	cr_expect(eq(int, memcmp(&opened, &before, sizeof before), 0));
}

/* The cookie comes before the costly part: it would be unreadable otherwise. */
Test(strangers, under_load_nothing_is_opened_without_a_cookie)
{
	struct message_initiation msg = real_initiation();

	msg.static_sealed[0] ^= 1;
	strangers_set_loaded(&s, NOW);
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_ASKED));
}

Test(strangers, response_passes_that_names_an_index_of_ours)
{
	struct message_response msg = {.type[0] = MESSAGE_RESPONSE};
	struct keypair *kp = keypair_create(true, 0x1234, 1, 1);
	uint32_t index;
	int owner;

	cr_assert(eq(int, index_reserve(index_table, &owner, &index), 0));
	store_le32(msg.receiver_index, index);
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_PASSES));
	cr_expect(eq(uint, visitor.kind, MESSAGE_RESPONSE));
	cr_expect(eq(int, memcmp(&visitor.message.response, &msg, sizeof msg), 0));
	cr_assert(eq(int, index_insert(index_table, kp), 0));
	store_le32(msg.receiver_index, 0x1234);
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_PASSES), "perhaps a copy");
	store_le32(msg.receiver_index, 0x1235);
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_UNKNOWN));
	keypair_put(kp);
}

/* Nobody else sees the index of an initiation on its way; that of a session stands in every packet.
 */
Test(strangers, under_load_only_an_awaited_response_needs_no_cookie)
{
	struct message_response msg = {.type[0] = MESSAGE_RESPONSE};
	struct keypair *kp = keypair_create(true, 0x1234, 1, 1);
	uint32_t index;
	int owner;

	strangers_set_loaded(&s, NOW);
	cr_assert(eq(int, index_reserve(index_table, &owner, &index), 0));
	cr_assert(eq(int, index_insert(index_table, kp), 0));
	store_le32(msg.receiver_index, index);
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_PASSES));
	store_le32(msg.receiver_index, 0x1234);
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_ASKED));
	store_le32(msg.receiver_index, 0x1235);
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_ASKED));
	keypair_put(kp);
}

Test(strangers, cookie_reply_passes_that_may_answer_something)
{
	struct message_cookie_reply msg = {.type[0] = MESSAGE_COOKIE_REPLY};
	struct route route = {.remote = here};
	uint32_t index;
	int owner;

	cr_assert(eq(int, index_reserve(index_table, &owner, &index), 0));
	store_le32(msg.receiver_index, index);
	cr_expect(eq(int,
	             strangers_take(&s, &route, (uint8_t *)&msg, sizeof msg, NOW, &visitor, &reply),
	             STRANGER_PASSES));
	cr_expect(eq(uint, visitor.kind, MESSAGE_COOKIE_REPLY));
	store_le32(msg.receiver_index, index + 1);
	cr_expect(eq(int,
	             strangers_take(&s, &route, (uint8_t *)&msg, sizeof msg, NOW, &visitor, &reply),
	             STRANGER_UNANSWERED));
	cr_expect(eq(
		int,
		strangers_take(&s, &route, (uint8_t *)&msg, sizeof msg - 1, NOW, &visitor, &reply),
		STRANGER_MALFORMED));
}

Test(strangers, another_key_of_ours_is_used_at_once_and_cookies_stay_good)
{
	struct noise_identity next;
	struct message_initiation msg = real_initiation();

	strangers_set_loaded(&s, NOW);
	cr_assert(eq(int, take(&msg, sizeof msg, NOW), STRANGER_ASKED));
	cr_assert(cookie_reply_consume(&keys, &jar, &reply, NOW));
	make_identity(&next);
	strangers_renew(&s, &next);
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_FORGED), "MAC1 is for the old key");
	noise_remote_init(&to_us, &other, next.public_key, NULL);
	cookie_keys_init(&keys, next.public_key);
	msg = real_initiation();
	cr_expect(eq(int, take(&msg, sizeof msg, NOW), STRANGER_PASSES));
}

Test(strangers, what_does_not_pass_is_counted_by_its_reason)
{
	static const struct {
		enum stranger_verdict verdict;
		enum drop_reason reason;
	} cases[] = {{STRANGER_MALFORMED, DROP_MALFORMED},
	             {STRANGER_FORGED, DROP_HANDSHAKE_INVALID},
	             {STRANGER_LIMITED, DROP_HANDSHAKE_LIMITED},
	             {STRANGER_ASKED, DROP_HANDSHAKE_LIMITED},
	             {STRANGER_UNKNOWN, DROP_UNKNOWN_INDEX},
	             {STRANGER_UNANSWERED, DROP_HANDSHAKE_INVALID},
	             {STRANGER_UNREADABLE, DROP_HANDSHAKE_INVALID}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect(eq(int, strangers_drop_reason(cases[i].verdict), cases[i].reason));
}
