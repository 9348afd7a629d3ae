/* SPDX-License-Identifier: MIT */
/* Vectors are written in hex, as their sources print them. */
#include "crypto/init.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "crypto/aead.h"
#include "crypto/blake2s.h"

#define ANSWER_MAX 288u /* bytes of the longest one */

static size_t from_hex(uint8_t out[static ANSWER_MAX], const char *hex)
{
	size_t len = 0;

	sodium_hex2bin(out, ANSWER_MAX, hex, strlen(hex), NULL, &len, NULL);
	return len;
}

static bool is_answer(const uint8_t *got, size_t len, const char *hex)
{
	uint8_t want[ANSWER_MAX];

	return from_hex(want, hex) == len && memcmp(got, want, len) == 0;
}

/* RFC 7693, appendix B. It has none for keyed hashing of "abc": that one was computed with
 * CPython's hashlib, key 00 01 .. 1f.
 */
static bool blake2s_answers(void)
{
	uint8_t key[KEY_LEN], out[HASH_LEN];

	blake2s_hash(out, "ab", 2, "c", 1);
	if (!is_answer(out, HASH_LEN,
	               "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"))
		return false;
	for (uint8_t i = 0; i < KEY_LEN; i++)
		key[i] = i;
	blake2s_mac(out, key, KEY_LEN, "abc", 3);
	return is_answer(out, MAC_LEN, "61ba5f165c194692e09d12520cc4c74a");
}

/* RFC 7748, section 6.1: Alice's keys, Bob's public key and the secret they share. */
static bool dh_answers(void)
{
	uint8_t alice[ANSWER_MAX], bob_public[ANSWER_MAX], out[KEY_LEN];

	from_hex(alice, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
	from_hex(bob_public, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	dh_public(out, alice);
	if (!is_answer(out, KEY_LEN,
	               "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"))
		return false;
	return dh(out, alice, bob_public) &&
	       is_answer(out, KEY_LEN,
	                 "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

/* RFC 8439, appendix A.5: the one vector there whose nonce begins with four zero bytes, as ours. */
static bool aead_answers(void)
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
	const size_t text_len = sizeof text - 1, len = text_len + AEAD_TAG_LEN;
	const uint64_t counter = 0x0807060504030201;
	uint8_t key[ANSWER_MAX], ad[ANSWER_MAX], out[ANSWER_MAX];
	size_t ad_len = from_hex(ad, "f33388860000000000004e91");

	from_hex(key, "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
	aead_seal(out, (const uint8_t *)text, text_len, ad, ad_len, counter, key);
	if (!is_answer(out, len, sealed) || !aead_open(out, out, len, ad, ad_len, counter, key) ||
	    memcmp(out, text, text_len) != 0)
		return false;
	from_hex(out, sealed);
	out[len - 1] ^= 1; /* one wrong bit in the tag */
	return !aead_open(out, out, len, ad, ad_len, counter, key);
}

/* draft-irtf-cfrg-xchacha-03, appendix A.3.1. */
static bool xaead_answers(void)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				   "only one tip for the future, sunscreen would be it.";
	static const char sealed[] =
		"bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa644"
		"0bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e"
		"3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7"
		"987947deafd8780acf49";
	const size_t text_len = sizeof text - 1, len = text_len + AEAD_TAG_LEN;
	uint8_t key[ANSWER_MAX], ad[ANSWER_MAX], nonce[ANSWER_MAX], out[ANSWER_MAX];
	size_t ad_len = from_hex(ad, "50515253c0c1c2c3c4c5c6c7");

	from_hex(key, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
	from_hex(nonce, "404142434445464748494a4b4c4d4e4f5051525354555657");
	xaead_seal(out, (const uint8_t *)text, text_len, ad, ad_len, nonce, key);
	return is_answer(out, len, sealed) && xaead_open(out, out, len, ad, ad_len, nonce, key) &&
	       memcmp(out, text, text_len) == 0;
}

/* With no flags getrandom() sleeps until the kernel's generator has its seed, early in a boot. */
static bool wait_for_randomness(void)
{
	uint8_t byte;
	ssize_t n;

	do
		n = getrandom(&byte, sizeof byte, 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof byte;
}

int crypto_init(void)
{
	if (!wait_for_randomness() || sodium_init() < 0)
		return -EIO;
	if (!blake2s_answers() || !dh_answers() || !aead_answers() || !xaead_answers())
		return -EIO;
	return 0;
}
