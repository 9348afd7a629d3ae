/* SPDX-License-Identifier: MIT */
#include "control/strangers.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/init.h"

#define NOW (1000 * NS_PER_S)

static struct strangers s;
static struct cookie_keys keys;
static struct cookie_jar jar;
static struct endpoint here, there;
static struct message_cookie_reply reply;

static void setup(void)
{
	static const uint8_t public_key[KEY_LEN] = {1, 2, 3};

	cr_assert(eq(int, crypto_init(), 0));
	strangers_init(&s, public_key);
	cookie_keys_init(&keys, public_key);
	cr_assert(eq(int, endpoint_parse("192.0.2.1:1000", 0, &here), 0));
	cr_assert(eq(int, endpoint_parse("192.0.2.1:1001", 0, &there), 0));
}

static void teardown(void)
{
	strangers_fini(&s);
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
