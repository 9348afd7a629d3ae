/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/key_text.h"

static const struct {
	const char *text;
	int outcome;
} spellings[] = {
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0},
	{"//////////////////////////////////////////8=", 0},
	{" \t\r\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n ", 0},
	{"", -EMSGSIZE},
	{" \n", -EMSGSIZE},
	{"AAAA", -EMSGSIZE},                                             /* 3 bytes */
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", -EMSGSIZE},     /* 31 */
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", -EMSGSIZE},     /* 33 */
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", -EMSGSIZE}, /* 35 */
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", -EINVAL},        /* no padding */
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", -EINVAL},       /* unused bits */
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC=", -EINVAL},
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB==", -EINVAL},
	{"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA===", -EINVAL},
	{"=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", -EINVAL},
	{"AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA=", -EINVAL},
	{"AAAAAAAAAAAAAAAAAAAAA-AAAAAAAAAAAAAAAAAAAAA=", -EINVAL}, /* the URL alphabet */
	{"AAAAAAAAAAAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAA=", -EINVAL},
	{"AAAAAAAAAAAAAAAAAAAAA\xc3\xa4"
         "AAAAAAAAAAAAAAAAAAAA=",
         -EINVAL},
	{"====", -EINVAL},
};

Test(key_text, wrong_alphabet_is_told_from_wrong_length)
{
	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		uint8_t key[KEY_LEN];
		int outcome = key_from_base64(key, spellings[i].text);

		cr_expect(eq(int, outcome, spellings[i].outcome), "case %zu: \"%s\"", i,
		          spellings[i].text);
	}
}

/* RFC 7748 6.1, and what `wg pubkey` prints for these. */
Test(key_text, known_keys_are_read_and_written)
{
	static const uint8_t alice[KEY_LEN] = {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d,
	                                       0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
	                                       0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a,
	                                       0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
	static const char text[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
	char written[KEY_TEXT_LEN];
	uint8_t read[KEY_LEN];

	key_to_base64(written, alice);
	cr_expect(eq(str, written, (char *)text));
	cr_assert(eq(int, key_from_base64(read, text), 0));
	cr_expect(zero(int, memcmp(read, alice, KEY_LEN)));
}

Test(key_text, any_key_survives_the_way_there_and_back)
{
	unsigned seed = (unsigned)time(NULL);

	printf("# seed %u\n", seed);
	srandom(seed);
	for (unsigned round = 0; round < 10000; round++) {
		uint8_t key[KEY_LEN], back[KEY_LEN];
		char text[KEY_TEXT_LEN];

		for (size_t i = 0; i < sizeof key; i++)
			key[i] = (uint8_t)random();
		key_to_base64(text, key);
		cr_assert(eq(sz, strlen(text), KEY_TEXT_LEN - 1));
		cr_assert(eq(int, key_from_base64(back, text), 0), "seed %u: %s", seed, text);
		cr_assert(zero(int, memcmp(key, back, KEY_LEN)), "seed %u: %s", seed, text);
	}
}

Test(key_text, a_refused_text_leaves_the_key_alone)
{
	uint8_t key[KEY_LEN], before[KEY_LEN];

	memset(before, 0x5a, sizeof before);
	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		memcpy(key, before, sizeof key);
		if (key_from_base64(key, spellings[i].text))
			cr_expect(zero(int, memcmp(key, before, KEY_LEN)), "case %zu", i);
	}
}
