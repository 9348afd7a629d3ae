/* SPDX-License-Identifier: MIT */
#include "config/secrets.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "crypto/init.h"
#include "crypto/secret.h"
#include "vtrunkd/wire.h"

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(secrets, .init = setup);

Test(secrets, numbers_count_from_one_and_stay_with_their_key)
{
	static const uint8_t zeros[KEY_LEN];
	struct config_secrets secrets = {0};

	for (unsigned i = 1; i <= 300; i++) {
		uint64_t number = 0;
		uint8_t *key = config_secrets_add(&secrets, &number);

		cr_assert(ne(ptr, key, NULL));
		cr_assert(eq(u64, number, i));
		cr_assert(zero(int, memcmp(key, zeros, KEY_LEN)));
		memset(key, (int)(i & 0xff), KEY_LEN);
	}
	cr_expect(eq(sz, secrets.count, 300));
	for (unsigned i = 1; i <= 300; i++) {
		cr_expect(eq(int, secrets.keys[i - 1][0], (int)(i & 0xff)));
		cr_expect(eq(int, secrets.keys[i - 1][KEY_LEN - 1], (int)(i & 0xff)));
	}
	config_secrets_fini(&secrets);
}

Test(secrets, end_forgives_a_key_that_was_taken_over_and_leaves_nothing)
{
	struct config_secrets secrets = {0};
	uint64_t number;
	uint8_t *taken = config_secrets_add(&secrets, &number);

	cr_assert(ne(ptr, config_secrets_add(&secrets, &number), NULL));
	memset(taken, 7, KEY_LEN);
	secrets.keys[0] = NULL;
	config_secrets_fini(&secrets);
	cr_expect(eq(int, taken[0], 7));
	cr_expect(eq(sz, secrets.count, 0));
	cr_expect(eq(ptr, secrets.keys, NULL));
	config_secrets_fini(&secrets);
	secret_free(taken);
}
