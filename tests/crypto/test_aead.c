/* SPDX-License-Identifier: MIT */
#include "crypto/aead.h"

#include <sys/uio.h>
#include <unistd.h>

#include "../bytes_rig.h"
#include "../emulation.h"
#include "crypto/init.h"
#include "low_order.h"

#define SIZE_MAX_TESTED 1420u

static void init(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(aead, .init = init);

/* RFC 8439, appendix A.5: its nonce is four zero bytes and 01 .. 08, our counter's place. */
Test(aead, seals_and_opens_the_vector_of_rfc_8439)
{
	static const char text[] =
		"Internet-Drafts are draft documents valid for a maximum of six months and may be "
		"updated, replaced, or obsoleted by other documents at any time. It is "
		"inappropriate to use Internet-Drafts as reference material or to cite them other "
		"than as /\xe2\x80\x9cwork in progress./\xe2\x80\x9d";
	static const char sealed[] =
		"64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43ee"
		"a09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b9481"
		"14ad176e008d33bd60f982b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0"
		"f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
		"af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a0bb2316053fa7699"
		"1955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130"
		"305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d67890cbb22392336fea1851f"
		"38";
	const uint64_t counter = 0x0807060504030201;
	uint8_t key[KEY_LEN], ad[12], want[281], got[281], opened[265];

	cr_assert(eq(sz, sizeof text - 1, 265));
	bytes_from_hex(key, "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
	bytes_from_hex(ad, "f33388860000000000004e91");
	cr_assert(eq(sz, bytes_from_hex(want, sealed), sizeof want));
	aead_seal(got, (const uint8_t *)text, sizeof text - 1, ad, sizeof ad, counter, key);
	ASSERT_BYTES(got, want, sizeof want);
	cr_assert(aead_open(opened, want, sizeof want, ad, sizeof ad, counter, key));
	ASSERT_BYTES(opened, text, sizeof opened);
	cr_assert(not(aead_open(opened, want, sizeof want, ad, sizeof ad, counter + 1, key)));
}

/* draft-irtf-cfrg-xchacha-03, appendix A.3.1. */
Test(aead, seals_and_opens_the_vector_of_the_xchacha_draft)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				   "only one tip for the future, sunscreen would be it.";
	static const char sealed[] =
		"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa644"
		"0bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e"
		"3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7"
		"987947deafd8780acf49";
	uint8_t key[KEY_LEN], ad[12], nonce[XNONCE_LEN], want[130], got[130], opened[114];

	bytes_from_hex(key, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
	bytes_from_hex(nonce, "404142434445464748494a4b4c4d4e4f5051525354555657");
	bytes_from_hex(ad, "50515253c0c1c2c3c4c5c6c7");
	cr_assert(eq(sz, bytes_from_hex(want, sealed), sizeof want));
	xaead_seal(got, (const uint8_t *)text, sizeof text - 1, ad, sizeof ad, nonce, key);
	ASSERT_BYTES(got, want, sizeof want);
	cr_assert(xaead_open(opened, want, sizeof want, ad, sizeof ad, nonce, key));
	ASSERT_BYTES(opened, text, sizeof opened);
	for (size_t len = 0; len < AEAD_TAG_LEN; len++)
		cr_assert(not(xaead_open(opened, want, len, ad, sizeof ad, nonce, key)));
	for (size_t i = 0; i < sizeof want; i++) {
		want[i] ^= 1;
		cr_assert(not(xaead_open(opened, want, sizeof want, ad, sizeof ad, nonce, key)));
		want[i] ^= 1;
	}
}

/* One sealed message. No byte of the text is zero or 0xa5, the two values a refused buffer may
 * hold: cleared or untouched.
 */
struct sealed {
	uint8_t key[KEY_LEN];
	uint8_t ad[HASH_LEN];
	uint64_t counter;
	size_t len; /* of the text */
	uint8_t text[SIZE_MAX_TESTED];
	uint8_t sealed[SIZE_MAX_TESTED + AEAD_TAG_LEN];
};

static void make_sealed(struct sealed *s, struct test_random *random, size_t len)
{
	test_random_fill(random, s->key, sizeof s->key);
	test_random_fill(random, s->ad, sizeof s->ad);
	s->counter = test_random_next(random);
	s->len = len;
	for (size_t i = 0; i < len; i++)
		s->text[i] = (uint8_t)(1 + test_random_next(random) % 127);
	aead_seal(s->sealed, s->text, len, s->ad, sizeof s->ad, s->counter, s->key);
}

static bool open_sealed(const struct sealed *s, uint8_t *dst, const uint8_t *src)
{
	return aead_open(dst, src, s->len + AEAD_TAG_LEN, s->ad, sizeof s->ad, s->counter, s->key);
}

/* Refused, and @dst was cleared or not written to. */
static bool is_refused(const struct sealed *s, const uint8_t *src)
{
	uint8_t dst[SIZE_MAX_TESTED];

	memset(dst, 0xa5, sizeof dst);
	if (open_sealed(s, dst, src))
		return false;
	for (size_t i = 0; i < sizeof dst; i++)
		if (dst[i] != 0 && dst[i] != 0xa5)
			return false;
	return true;
}

/* Refused, and the text did not take the place of the sealed bytes. */
static bool is_refused_in_place(const struct sealed *s, const uint8_t *src)
{
	uint8_t buffer[SIZE_MAX_TESTED + AEAD_TAG_LEN];

	memcpy(buffer, src, s->len + AEAD_TAG_LEN);
	if (open_sealed(s, buffer, buffer))
		return false;
	for (size_t i = 0; i < s->len; i++)
		if (buffer[i] != 0 && buffer[i] != src[i])
			return false;
	return true;
}

static const size_t sizes[] = {0,  1,  15,  16,  17,  32,  63,
                               64, 65, 127, 128, 256, 257, SIZE_MAX_TESTED};
#define SIZE_COUNT (sizeof sizes / sizeof *sizes)

Test(aead, one_wrong_bit_anywhere_is_refused_without_a_trace_of_the_text)
{
	struct test_random random = test_random_seeded("aead");
	uint8_t forged[SIZE_MAX_TESTED + AEAD_TAG_LEN], opened[SIZE_MAX_TESTED];
	struct sealed s;

	for (size_t k = 0; k < SIZE_COUNT; k++) {
		make_sealed(&s, &random, sizes[k]);
		memcpy(forged, s.sealed, s.len + AEAD_TAG_LEN);
		for (size_t bit = 0; bit < 8 * (s.len + AEAD_TAG_LEN); bit++) {
			forged[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (!is_refused(&s, forged) || !is_refused_in_place(&s, forged))
				cr_fatal("size %zu, bit %zu", s.len, bit);
			forged[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		cr_assert(open_sealed(&s, opened, forged)); /* every bit is back */
		ASSERT_BYTES(opened, s.text, s.len);
	}
}

Test(aead, wrong_key_counter_or_data_beside_is_refused)
{
	struct test_random random = test_random_seeded("aead");
	struct sealed s;

	for (size_t k = 0; k < SIZE_COUNT; k++) {
		make_sealed(&s, &random, sizes[k]);
		for (unsigned bit = 0; bit < 8 * KEY_LEN; bit++) {
			s.key[bit / 8] ^= (uint8_t)(1u << bit % 8);
			cr_assert(is_refused(&s, s.sealed));
			s.key[bit / 8] ^= (uint8_t)(1u << bit % 8);
			s.ad[bit / 8] ^= (uint8_t)(1u << bit % 8);
			cr_assert(is_refused(&s, s.sealed));
			s.ad[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (unsigned bit = 0; bit < 64; bit++) {
			s.counter ^= 1ull << bit;
			cr_assert(is_refused(&s, s.sealed));
			s.counter ^= 1ull << bit;
		}
	}
}

Test(aead, shortened_messages_are_refused)
{
	struct test_random random = test_random_seeded("aead");
	uint8_t dst[SIZE_MAX_TESTED];
	struct sealed s;

	make_sealed(&s, &random, 100);
	for (size_t len = 0; len < s.len + AEAD_TAG_LEN; len++)
		cr_assert(not(aead_open(dst, s.sealed, len, s.ad, sizeof s.ad, s.counter, s.key)));
	cr_assert(aead_open(dst, s.sealed, s.len + AEAD_TAG_LEN, s.ad, sizeof s.ad, s.counter,
	                    s.key));
}

Test(aead, sealing_and_opening_in_place_give_the_same_bytes)
{
	struct test_random random = test_random_seeded("aead");
	uint8_t buffer[SIZE_MAX_TESTED + AEAD_TAG_LEN];
	struct sealed s;

	for (size_t k = 0; k < SIZE_COUNT; k++) {
		make_sealed(&s, &random, sizes[k]);
		memcpy(buffer, s.text, s.len);
		aead_seal(buffer, buffer, s.len, s.ad, sizeof s.ad, s.counter, s.key);
		ASSERT_BYTES(buffer, s.sealed, s.len + AEAD_TAG_LEN);
		cr_assert(open_sealed(&s, buffer, buffer));
		ASSERT_BYTES(buffer, s.text, s.len);
	}
}

/* RFC 7748, section 5.2. */
Test(aead, dh_gives_the_vectors_of_rfc_7748)
{
	static const char *const vectors[][3] = {
		{"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
	         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
	         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
	         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
	         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	};
	uint8_t scalar[KEY_LEN], point[KEY_LEN], want[KEY_LEN], out[KEY_LEN];

	for (unsigned i = 0; i < 2; i++) {
		bytes_from_hex(scalar, vectors[i][0]);
		bytes_from_hex(point, vectors[i][1]);
		bytes_from_hex(want, vectors[i][2]);
		cr_assert(dh(out, scalar, point));
		ASSERT_BYTES(out, want, KEY_LEN);
	}
}

/* RFC 7748, section 5.2: each result is the next scalar, each scalar the next point. */
Test(aead, dh_repeated_a_thousand_times_gives_the_values_of_rfc_7748)
{
	uint8_t scalar[KEY_LEN] = {9}, point[KEY_LEN] = {9}, out[KEY_LEN], want[KEY_LEN];

	for (unsigned i = 1; i <= 1000; i++) {
		cr_assert(dh(out, scalar, point));
		memcpy(point, scalar, KEY_LEN);
		memcpy(scalar, out, KEY_LEN);
		if (i == 1) {
			bytes_from_hex(want, "422c8e7a6227d7bca1350b3e2bb7279f"
			                     "7897b87bb6854b783c60e80311ae3079");
			ASSERT_BYTES(scalar, want, KEY_LEN);
		}
	}
	bytes_from_hex(want, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
	ASSERT_BYTES(scalar, want, KEY_LEN);
}

/* RFC 7748, section 6.1. */
Test(aead, two_key_pairs_share_the_secret_of_rfc_7748)
{
	uint8_t alice[KEY_LEN], bob[KEY_LEN], alice_public[KEY_LEN], bob_public[KEY_LEN];
	uint8_t want[KEY_LEN], out[KEY_LEN];

	bytes_from_hex(alice, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	bytes_from_hex(bob, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
	dh_public(alice_public, alice);
	dh_public(bob_public, bob);
	bytes_from_hex(want, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
	ASSERT_BYTES(alice_public, want, KEY_LEN);
	bytes_from_hex(want, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	ASSERT_BYTES(bob_public, want, KEY_LEN);
	bytes_from_hex(want, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
	cr_assert(dh(out, alice, bob_public));
	ASSERT_BYTES(out, want, KEY_LEN);
	cr_assert(dh(out, bob, alice_public));
	ASSERT_BYTES(out, want, KEY_LEN);
}

Test(aead, dh_with_a_point_of_low_order_is_false_and_wiped)
{
	static const uint8_t zero[KEY_LEN];
	uint8_t private_key[KEY_LEN], point[KEY_LEN], out[KEY_LEN];

	random_bytes(private_key, sizeof private_key);
	for (unsigned i = 0; i < LOW_ORDER_COUNT; i++) {
		low_order_point(point, i);
		memset(out, 0xa5, sizeof out);
		cr_assert(not(dh(out, private_key, point)), "point %u", i);
		ASSERT_BYTES(out, zero, KEY_LEN);
	}
}

Test(aead, clamping_changes_five_bits_only_and_no_public_key)
{
	uint8_t key[KEY_LEN], clamped[KEY_LEN], a[KEY_LEN], b[KEY_LEN];

	for (unsigned i = 0; i < 20; i++) {
		random_bytes(key, sizeof key);
		memcpy(clamped, key, KEY_LEN);
		dh_clamp(clamped);
		cr_assert(eq(u8, clamped[0], key[0] & 0xf8));
		cr_assert(eq(u8, clamped[31] & 0xc0, 0x40));
		cr_assert(eq(u8, clamped[31] & 0x3f, key[31] & 0x3f));
		ASSERT_BYTES(clamped + 1, key + 1, KEY_LEN - 2);
		dh_public(a, key);
		dh_public(b, clamped);
		ASSERT_BYTES(a, b, KEY_LEN);
	}
}

Test(aead, random_numbers_stay_below_their_bound_and_reach_all_of_it)
{
	bool seen[6] = {false};

	for (unsigned i = 0; i < 1000; i++) {
		uint64_t n = random_below(6);

		cr_assert(lt(u64, n, 6));
		seen[n] = true;
		cr_assert(eq(u64, random_below(1), 0));
	}
	for (unsigned i = 0; i < 6; i++)
		cr_assert(seen[i], "%u never came in 1000 draws", i);
}

/* With a bound of 3 * 2^62 a plain remainder would give the lowest third half of the time. */
Test(aead, random_numbers_have_no_bias_towards_small_ones)
{
	const unsigned draws = 9000;
	unsigned low = 0;

	for (unsigned i = 0; i < draws; i++)
		low += random_below(3ull << 62) < 1ull << 62;
	/* Expected 3000, standard deviation 45: ten of them either way. A remainder gives 4500. */
	cr_assert(lt(uint, 2550, low));
	cr_assert(lt(uint, low, 3450));
}

Test(aead, random_bytes_and_words_differ_from_call_to_call)
{
	uint8_t a[32] = {0}, b[32] = {0};
	uint32_t ones = 0, zeros = 0;

	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	cr_assert(ne(mem, bytes_at(a, sizeof a), bytes_at(b, sizeof b)));
	for (unsigned i = 0; i < 64; i++) {
		uint32_t n = random_u32();

		ones |= n;
		zeros |= ~n;
	}
	cr_assert(eq(u32, ones, UINT32_MAX));
	cr_assert(eq(u32, zeros, UINT32_MAX));
}

Test(aead, secrets_are_equal_only_when_every_bit_is)
{
	uint8_t a[KEY_LEN], b[KEY_LEN];

	random_bytes(a, sizeof a);
	memcpy(b, a, sizeof b);
	cr_assert(secret_equal(a, b, sizeof a));
	for (unsigned bit = 0; bit < 8 * KEY_LEN; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_assert(not(secret_equal(a, b, sizeof a)));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

Test(aead, wiping_clears_all_bytes_given_and_no_other)
{
	uint8_t a[66], want[66] = {0};

	memset(a, 0xa5, sizeof a);
	want[0] = want[65] = 0xa5;
	secret_wipe(a + 1, 64);
	ASSERT_BYTES(a, want, sizeof a);
}

/* Leaves a pattern in half of what secret_wipe_stack() promises to reach, and tells where. */
__attribute__((noinline, no_sanitize("address", "undefined"))) static uintptr_t litter_stack(void)
{
	volatile uint8_t litter[SECRET_STACK_LEN / 2];
	uintptr_t at =
		(uintptr_t)litter; /* returned at once, it looks like a mistake to compilers */

	for (size_t i = 0; i < sizeof litter; i++)
		litter[i] = 0xa5;
	return at;
}

/* How many pieces of 16 bytes of it are there: single bytes of an address may look like it. The
 * kernel looks: to us it is no memory any more.
 */
static size_t litter_left(uintptr_t at)
{
	static uint8_t copy[SECRET_STACK_LEN / 2],
		piece[16]; /* none of it on the stack looked at */
	struct iovec to = {copy, sizeof copy}, from = {(void *)at, sizeof copy};
	size_t left = 0;

	memset(piece, 0xa5, sizeof piece);
	cr_assert(eq(long, process_vm_readv(getpid(), &to, 1, &from, 1, 0), (long)sizeof copy));
	for (size_t i = 0; i < sizeof copy; i += sizeof piece)
		left += !memcmp(copy + i, piece, sizeof piece);
	return left;
}

Test(aead, wiping_the_stack_reaches_what_functions_left_there)
{
	if (is_emulated())
		cr_skip("the emulator has no process_vm_readv()");
	uintptr_t at = litter_stack();

	cr_assert(lt(sz, SECRET_STACK_LEN / 4 / 16, litter_left(at)));
	secret_wipe_stack();
	cr_assert(zero(sz, litter_left(at)));
}
