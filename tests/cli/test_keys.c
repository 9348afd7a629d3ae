/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../expect_text.h"
#include "base/key_text.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/keys.h"
#include "crypto/aead.h"
#include "crypto/init.h"

/* What the subcommand reads, writes and says. */
struct run {
	int status;
	char out[256];
	char messages[256];
};

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
}

TestSuite(keys, .init = setup);

static void read_rest(int fd, char *text, size_t room)
{
	ssize_t n = pread(fd, text, room - 1, 0);

	cr_assert(ge(int, n, 0));
	text[n] = '\0';
}

static struct run run_pubkey(const void *input, size_t len)
{
	struct run run = {0};
	FILE *messages = tmpfile(), *out = tmpfile();
	int in[2];

	cr_assert(eq(int, pipe(in), 0));
	cr_assert(eq(sz, write(in[1], input, len), len));
	close(in[1]);
	run.status = keys_write_public(in[0], fileno(out), messages);
	fflush(messages);
	read_rest(fileno(out), run.out, sizeof run.out);
	read_rest(fileno(messages), run.messages, sizeof run.messages);
	close(in[0]);
	fclose(out);
	fclose(messages);
	return run;
}

static struct run run_generator(int (*generate)(int out, FILE *messages), mode_t mode)
{
	struct run run = {0};
	FILE *messages = tmpfile(), *out = tmpfile();

	cr_assert(eq(int, fchmod(fileno(out), mode), 0));
	run.status = generate(fileno(out), messages);
	fflush(messages);
	read_rest(fileno(out), run.out, sizeof run.out);
	read_rest(fileno(messages), run.messages, sizeof run.messages);
	fclose(out);
	fclose(messages);
	return run;
}

Test(keys, pubkey_gives_what_wg_gives)
{
	/* Made with `wg genkey | tee private | wg pubkey`; the second is RFC 7748 6.1 (Alice). */
	static const struct {
		const char *private_key, *public_key;
	} pairs[] = {
		{"QGTK6wsuxIUz6I7c+Xvtr1ds8xV/Omub3kWqv3tOFW8=\n",
	         "bDQNLvsvgt1+6ehKj0kOjduvsgRWMSyEVLX3rYrCZ18=\n"},
		{"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n",
	         "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"},
	};

	for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct run run = run_pubkey(pairs[i].private_key, strlen(pairs[i].private_key));

		cr_expect(eq(int, run.status, CLI_OK));
		EXPECT_TEXT(run.out, pairs[i].public_key);
		EXPECT_TEXT(run.messages, "");
	}
}

Test(keys, pubkey_ignores_blanks_around_the_key)
{
	struct run run = run_pubkey(" \tdwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo= \r\n\n", 49);

	cr_expect(eq(int, run.status, CLI_OK));
	EXPECT_TEXT(run.out, "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n");
}

Test(keys, pubkey_refuses_garbage_and_writes_nothing)
{
	static const struct {
		const char *input;
		const char *message;
	} cases[] = {
		{"", "not a key of 32 bytes"},
		{"\n", "not a key of 32 bytes"},
		{"dwdt", "not a key of 32 bytes"},
		{"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25", "not a key of 32 bytes"},
		{"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCoAAAAA", "not a key of 32 bytes"},
		{"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LC*=", "not base64"},
		{"not a key at all", "not base64"},
		{"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo= x", "not base64"},
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct run run = run_pubkey(cases[i].input, strlen(cases[i].input));

		cr_expect(eq(int, run.status, CLI_USAGE), "'%s'", cases[i].input);
		EXPECT_TEXT(run.out, "");
		cr_expect(ne(ptr, strstr(run.messages, cases[i].message), NULL), "'%s': %s",
		          cases[i].input, run.messages);
	}
}

Test(keys, pubkey_refuses_a_zero_byte_and_endless_input)
{
	static char blanks[4096];
	struct run zero = run_pubkey("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\0x", 46);

	memset(blanks, ' ', sizeof blanks);
	cr_expect(eq(int, zero.status, CLI_USAGE));
	EXPECT_TEXT(zero.out, "");
	cr_expect(eq(int, run_pubkey(blanks, sizeof blanks).status, CLI_USAGE));
}

Test(keys, private_key_is_clamped_canonical_and_new_each_time)
{
	struct run one = run_generator(keys_write_private, 0600);
	struct run two = run_generator(keys_write_private, 0600);
	uint8_t key[KEY_LEN];

	cr_expect(eq(int, one.status, CLI_OK));
	cr_expect(eq(sz, strlen(one.out), 45));
	cr_expect(eq(chr, one.out[44], '\n'));
	cr_assert(eq(int, key_from_base64(key, one.out), 0));
	cr_expect(eq(int, key[0] & 7, 0));
	cr_expect(eq(int, key[31] & 0xc0, 0x40));
	cr_expect(ne(str, one.out, two.out));
	EXPECT_TEXT(one.messages, "");
}

Test(keys, preshared_key_is_32_bytes_and_new_each_time)
{
	struct run one = run_generator(keys_write_preshared, 0600);
	struct run two = run_generator(keys_write_preshared, 0600);
	uint8_t key[KEY_LEN];

	cr_expect(eq(int, one.status, CLI_OK));
	cr_expect(eq(sz, strlen(one.out), 45));
	cr_expect(eq(int, key_from_base64(key, one.out), 0));
	cr_expect(ne(str, one.out, two.out));
}

Test(keys, file_that_everybody_may_read_is_warned_of)
{
	struct run secret = run_generator(keys_write_private, 0644);
	struct run shared = run_generator(keys_write_preshared, 0604);

	cr_expect(eq(int, secret.status, CLI_OK));
	cr_expect(ne(ptr, strstr(secret.messages, "umask 077"), NULL));
	cr_expect(ne(ptr, strstr(shared.messages, "umask 077"), NULL));
}

Test(keys, output_that_cannot_be_written_is_a_failure)
{
	FILE *messages = tmpfile();
	int full = open("/dev/full", O_WRONLY);
	char text[256];

	cr_assert(ge(int, full, 0));
	cr_expect(eq(int, keys_write_private(full, messages), CLI_FAILED));
	fflush(messages);
	read_rest(fileno(messages), text, sizeof text);
	cr_expect(ne(ptr, strstr(text, "cannot write the key"), NULL));
	close(full);
	fclose(messages);
}

static int run_words(char *first, char *second)
{
	char *argv[] = {first, second, NULL};

	return cli_main(second ? 2 : 1, argv);
}

Test(keys, subcommands_take_no_arguments)
{
	cr_redirect_stderr();
	cr_expect(eq(int, run_words((char *)"genkey", (char *)"now"), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"genpsk", (char *)"-x"), CLI_USAGE));
	cr_expect(eq(int, run_words((char *)"pubkey", (char *)"file"), CLI_USAGE));
}

Test(keys, genkey_writes_a_key_to_standard_output)
{
	char *argv[] = {(char *)"genkey", NULL};
	char text[64];
	uint8_t key[KEY_LEN];

	cr_redirect_stdout();
	cr_expect(eq(int, cli_main(1, argv), CLI_OK));
	close(STDOUT_FILENO);

	FILE *out = cr_get_redirected_stdout();

	cr_assert(ne(ptr, fgets(text, sizeof text, out), NULL));
	cr_expect(eq(int, key_from_base64(key, text), 0));
}
