/* SPDX-License-Identifier: MIT */
#include "cli/keys.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/key_text.h"
#include "cli/exit.h"
#include "cli/keys_ready.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/usage.h"
#include "config/load.h"
#include "crypto/aead.h"
#include "crypto/init.h"
#include "vtrunkd/wire.h"

#define INPUT_MAX 256 /* bytes: a key and generous blanks around it */

static int write_key(int out, const uint8_t key[static KEY_LEN], FILE *messages)
{
	char line[KEY_TEXT_LEN];
	size_t done = 0;

	key_to_base64(line, key);
	line[KEY_TEXT_LEN - 1] = '\n';
	while (done < sizeof line) {
		ssize_t n = write(out, line + done, sizeof line - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fprintf(messages, "vtrunkd: cannot write the key: %s\n", strerror(errno));
			break;
		}
		done += n;
	}
	secret_wipe(line, KEY_TEXT_LEN);
	return done == KEY_TEXT_LEN ? CLI_OK : CLI_FAILED;
}

/* The shell made the file before we ran, so all that is left is to say it. */
static void warn_if_readable_by_all(int out, FILE *messages)
{
	struct stat st;

	if (!fstat(out, &st) && S_ISREG(st.st_mode) && st.st_mode & S_IRWXO)
		fprintf(messages, "vtrunkd: warning: everybody may read the file this key goes to; "
		                  "run umask 077 before\n");
}

int keys_write_private(int out, FILE *messages)
{
	uint8_t key[KEY_LEN];

	warn_if_readable_by_all(out, messages);
	random_bytes(key, sizeof key);
	dh_clamp(key);

	int status = write_key(out, key, messages);

	secret_wipe(key, sizeof key);
	return status;
}

int keys_write_preshared(int out, FILE *messages)
{
	uint8_t key[KEY_LEN];

	warn_if_readable_by_all(out, messages);
	random_bytes(key, sizeof key);

	int status = write_key(out, key, messages);

	secret_wipe(key, sizeof key);
	return status;
}

/* All of @in as text. Returns 0 or a negative errno; -EMSGSIZE when it is too long for a key,
 * -EINVAL when it holds a zero byte.
 */
static int read_input(int in, char text[static INPUT_MAX])
{
	size_t len = 0;

	while (len < INPUT_MAX) {
		ssize_t n = read(in, text + len, INPUT_MAX - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			text[len] = '\0';
			return memchr(text, '\0', len) ? -EINVAL : 0;
		}
		len += n;
	}
	return -EMSGSIZE;
}

static int read_key(int in, uint8_t key[static KEY_LEN], FILE *messages)
{
	char text[INPUT_MAX];
	int err = read_input(in, text);

	if (!err)
		err = key_from_base64(key, text);
	secret_wipe(text, sizeof text);
	switch (err) {
	case 0:
		return CLI_OK;
	case -EINVAL:
		fputs("vtrunkd: pubkey: the input is not base64\n", messages);
		return CLI_USAGE;
	case -EMSGSIZE:
		fputs("vtrunkd: pubkey: the input is not a key of 32 bytes in 44 characters\n",
		      messages);
		return CLI_USAGE;
	default:
		fprintf(messages, "vtrunkd: pubkey: cannot read the key: %s\n", strerror(-err));
		return CLI_FAILED;
	}
}

int keys_write_public(int in, int out, FILE *messages)
{
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN];
	int status = read_key(in, private_key, messages);

	if (status)
		return status;
	dh_clamp(private_key);
	dh_public(public_key, private_key);
	secret_wipe(private_key, sizeof private_key);
	return write_key(out, public_key, messages);
}

/* True when there are no arguments and keys can be computed; else *@ret_status is how to exit. */
static bool begin(int argc, char **argv, int *ret_status)
{
	if (argc > 1) {
		fprintf(stderr, "Usage: vtrunkd %s%s\n", argv[0],
		        strcmp(argv[0], "pubkey") ? "" : " <PRIVATE-KEY-FILE");
		*ret_status = strcmp(argv[1], "--help") ? CLI_USAGE : CLI_OK;
		return false;
	}
	if (crypto_init()) {
		fputs("vtrunkd: the cryptographic library does not compute what it should\n",
		      stderr);
		*ret_status = CLI_FAILED;
		return false;
	}
	return true;
}

int genkey_main(int argc, char **argv)
{
	int status;

	return begin(argc, argv, &status) ? keys_write_private(STDOUT_FILENO, stderr) : status;
}

/* The public key of a configuration. */
static int pubkey_of_file(int argc, char **argv)
{
	uint8_t key[KEY_LEN];
	char text[KEY_TEXT_LEN];
	const char *file = CONFIG_FILE_DEFAULT;
	bool wants_help = false;
	const struct option_spec known[] = {
		{"config", 'c', .text = &file},
		{"help", 'h', .flag = &wants_help},
		{0},
	};

	if (!options_parse_or_hint(known, argc, argv) || !options_without_words(argc, argv))
		return CLI_USAGE;
	if (wants_help)
		return usage_print();
	int status = keys_ready();
	if (status)
		return status;
	if (config_public_key(file, stderr, key))
		return CLI_USAGE;
	key_to_base64(text, key);
	text[KEY_TEXT_LEN - 1] = '\n'; /* in place of the zero */
	printf("%.*s", (int)KEY_TEXT_LEN, text);
	return output_print("");
}

int pubkey_main(int argc, char **argv)
{
	int status;

	if (argc > 1)
		return pubkey_of_file(argc, argv);
	return begin(argc, argv, &status) ? keys_write_public(STDIN_FILENO, STDOUT_FILENO, stderr)
	                                  : status;
}

int genpsk_main(int argc, char **argv)
{
	int status;

	return begin(argc, argv, &status) ? keys_write_preshared(STDOUT_FILENO, stderr) : status;
}
