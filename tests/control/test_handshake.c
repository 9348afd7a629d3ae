/* SPDX-License-Identifier: MIT */
#include "control/handshake.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/aead.h"
#include "crypto/init.h"
#include "crypto/secret.h"

#define NOW (1000 * NS_PER_S)

static struct handshake hs;
static struct noise_identity us, them;
static struct noise_remote remote, us_seen;
static struct timespec wall = {.tv_sec = 1800000000};
static uint32_t next_index = 1;
static unsigned reserved; /* indices in use */
static uint64_t chance;
static int reserve_error;

static int reserve_index(struct effects *fx, void *owner, uint32_t *ret)
{
	(void)fx;
	cr_assert(eq(ptr, owner, &hs));
	if (reserve_error)
		return reserve_error;
	*ret = next_index++;
	reserved++;
	return 0;
}

static void release_index(struct effects *fx, uint32_t index)
{
	(void)fx, (void)index;
	reserved--;
}

static struct timespec wall_clock(struct effects *fx)
{
	(void)fx;
	return wall;
}

static uint64_t boot_clock(struct effects *fx)
{
	(void)fx;
	return 7 * NS_PER_S;
}

static void draw(struct effects *fx, void *out, size_t len)
{
	(void)fx;
	random_bytes(out, len);
	if (len == sizeof chance)
		memcpy(out, &chance, len);
}

static struct effects fx = {.reserve_index = reserve_index,
                            .release_index = release_index,
                            .wall_clock = wall_clock,
                            .boot_clock = boot_clock,
                            .random = draw};

static void setup(void)
{
	uint8_t private[KEY_LEN];

	cr_assert(eq(int, crypto_init(), 0));
	random_bytes(private, sizeof private);
	noise_identity_init(&us, private);
	random_bytes(private, sizeof private);
	noise_identity_init(&them, private);
	noise_remote_init(&remote, &us, them.public_key, NULL);
	noise_remote_init(&us_seen, &them, us.public_key, NULL);
	cr_assert(eq(int, handshake_init(&hs, &fx, &hs), 0));
}

static void teardown(void)
{
	handshake_fini(&hs);
	cr_expect(eq(uint, reserved, 0));
}

TestSuite(handshake, .init = setup, .fini = teardown);

static void create(bool with_marker)
{
	cr_assert(eq(int, handshake_create(&hs, &us, &remote, with_marker), 0));
}

/* What the other side reads in the pending one. */
static void open_pending(struct noise_initiation *init, uint8_t timestamp[TAI64N_LEN])
{
	cr_assert(eq(int, noise_open_initiation(init, &them, &hs.initiation), 0));
	cr_assert(eq(int, noise_accept_initiation(init, &us_seen, &hs.initiation, timestamp), 0));
}

Test(handshake, each_initiation_is_newer_than_the_one_before_whatever_the_clock_says)
{
	uint8_t before[TAI64N_LEN] = {0}, timestamp[TAI64N_LEN];
	struct noise_initiation init;

	for (unsigned i = 0; i < 200; i++) {
		if (i == 100)
			wall.tv_sec -= 3600;
		create(i % 2);
		open_pending(&init, timestamp);
		cr_expect(lt(int, 0, memcmp(timestamp, before, TAI64N_LEN)), "initiation %u", i);
		cr_expect(eq(u32, noise_timestamp_low24(timestamp), i % 2 ? BONDING_MARKER : 0));
		memcpy(before, timestamp, TAI64N_LEN);
	}
	cr_expect(eq(uint, reserved, 1), "the index of the pending one");
}

Test(handshake, response_ends_it_and_a_forged_one_does_not)
{
	struct message_response msg, forged;
	uint8_t timestamp[TAI64N_LEN], ephemeral[KEY_LEN];
	struct noise_initiation init;

	create(true);
	open_pending(&init, timestamp);
	random_bytes(ephemeral, sizeof ephemeral);
	cr_assert(
		eq(int, noise_create_response(&init.handshake, &us_seen, ephemeral, 99, &msg), 0));
	forged = msg;
	forged.empty_sealed[0] ^= 1;
	cr_expect(ne(int, handshake_consume(&hs, &us, &remote, &forged), 0));
	cr_expect(hs.is_pending);
	cr_expect(eq(int, handshake_consume(&hs, &us, &remote, &msg), 0));
	cr_expect(not(hs.is_pending));
	cr_expect(eq(u32, hs.noise->remote_index, 99));
	handshake_abandon(&hs);
	cr_expect(eq(uint, reserved, 1), "the index is the session's now");
	reserved = 0;
}

Test(handshake, without_an_index_none_is_pending)
{
	create(false);
	reserve_error = -ENOMEM;
	cr_expect(eq(int, handshake_create(&hs, &us, &remote, false), -ENOMEM));
	cr_expect(not(hs.is_pending));
	cr_expect(not(handshake_try(&hs, 0)));
}

Test(handshake, each_path_is_tried_once_at_an_address)
{
	cr_expect(not(handshake_try(&hs, 3)), "nothing is pending");
	create(false);
	cr_expect(handshake_try(&hs, 3));
	cr_expect(not(handshake_try(&hs, 3)));
	handshake_forget_try(&hs, 3);
	cr_expect(handshake_try(&hs, 3));
	create(false);
	cr_expect(handshake_try(&hs, 3), "each attempt anew");
}

Test(handshake, next_attempt_begins_with_another_path)
{
	for (unsigned i = 0; i < 4; i++) {
		create(false);
		cr_expect(eq(uint, handshake_path(&hs, 0), i ? (i % 2 ? 3 : 6) : 0), "%u", i);
		handshake_try(&hs, 2);
		handshake_try(&hs, 5);
		handshake_went_out(&hs, NOW);
	}
}

Test(handshake, two_are_rekey_timeout_and_a_little_chance_apart)
{
	create(false);
	hs.sent_ns = NOW;
	chance = 0;
	handshake_went_out(&hs, NOW);
	cr_expect(eq(u64, hs.retry_ns, NOW + REKEY_TIMEOUT));
	chance = TIMER_JITTER_NS;
	handshake_went_out(&hs, NOW);
	cr_expect(eq(u64, hs.retry_ns, NOW + REKEY_TIMEOUT + TIMER_JITTER_NS));
	cr_expect(eq(uint, hs.attempts, 2));
	cr_expect(handshake_is_too_early(&hs, NOW + REKEY_TIMEOUT - 1));
	cr_expect(eq(u64, hs.retry_ns, NOW + REKEY_TIMEOUT));
	cr_expect(not(handshake_is_too_early(&hs, NOW + REKEY_TIMEOUT)));
}

Test(handshake, after_a_goodbye_pauses_grow_from_a_quarter_of_a_second)
{
	static const uint64_t pauses_ms[] = {250,  375,  562,  843,  1265,
	                                     1898, 2847, 4271, 5000, 5000};

	chance = 0;
	create(false);
	handshake_expect_return(&hs, NOW);
	cr_expect(not(handshake_is_too_early(&hs, NOW)), "whatever was sent before");
	for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
		cr_expect(eq(u64, (hs.retry_ns - NOW) / NS_PER_MS, pauses_ms[i]), "%zu", i);
		create(false);
		handshake_went_out(&hs, NOW);
	}
	handshake_abandon(&hs);
	cr_expect(eq(u64, hs.pause_ns, REKEY_TIMEOUT));
}

Test(handshake, copies_are_spaced_from_the_moment_they_leave)
{
	create(false);
	handshake_space_copies(&hs);
	cr_expect(eq(u64, hs.copy_ns, 7 * NS_PER_S + INITIATION_COPY_NS));
	create(false);
	cr_expect(eq(u64, hs.copy_ns, 0), "the first of another");
}

Test(handshake, doubt_plans_an_attempt_soon_and_not_often)
{
	uint64_t now_ns = 10 * NS_PER_S;

	create(false);
	cr_expect(not(handshake_doubt(&hs, now_ns)), "one is under way");
	handshake_abandon(&hs);
	hs.sent_ns = now_ns;
	cr_assert(handshake_doubt(&hs, now_ns));
	cr_expect(ge(u64, hs.retry_ns, now_ns + NS_PER_S / 5));
	cr_expect(le(u64, hs.retry_ns, now_ns + NS_PER_S / 2));
	cr_expect(not(handshake_is_too_early(&hs, hs.retry_ns)));
	cr_expect(not(handshake_doubt(&hs, now_ns + REKEY_TIMEOUT - 1)));
	cr_expect(handshake_doubt(&hs, now_ns + REKEY_TIMEOUT));
}

Test(handshake, what_could_not_leave_is_put_off_and_remembers_who_refused)
{
	create(false);
	handshake_try(&hs, 4);
	handshake_put_off(&hs, NOW + 1);
	cr_expect(not(hs.is_pending));
	cr_expect(eq(uint, hs.tried_paths, 1u << 4));
	cr_expect(eq(u64, hs.retry_ns, NOW + 1));
	cr_expect(eq(uint, reserved, 0));
	handshake_abandon(&hs);
	cr_expect(eq(uint, hs.tried_paths, 0));
	cr_expect(eq(u64, hs.retry_ns, NEVER_NS));
}
