/* SPDX-License-Identifier: MIT */
#include "config/load.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../emulation.h"
#include "config/file.h"
#include "corpus_rig.h"
#include "crypto/secret.h"

TestSuite(load, .init = enter_scratch, .fini = leave_scratch);

Test(load, missing_file_and_directory_are_reported)
{
	struct desired *config;
	char *output;

	cr_expect(eq(int, load("absent.yaml", &config, &output), -ENOENT));
	EXPECT_TEXT(
		output,
		"absent.yaml:1:1: document: cannot be read: No such file or directory; "
		"`vtrunkd config --output absent.yaml` writes a file to start from, -c FILE names "
		"another\n");
	free(output);
	cr_expect(eq(int, load(".", &config, &output), -EISDIR));
	EXPECT_TEXT(output, ".:1:1: document: cannot be read: Is a directory\n");
	free(output);
}

/* What goes to the other end is needed before the file is complete. */
Test(load, public_key_is_told_of_a_file_with_other_errors)
{
	static const char *const files[] = {
		"wireguard: {private_key: " OWN_KEY ", peer_public_key: <THEIRS>}\n",
		"wireguard: {private_key_file: key, links: 3, private_key: ~}\nsurplus: 1\n",
		"network: {mtu: 0}\nwireguard: {links: [], private_key: \" " OWN_KEY " \"}\n",
	};
	uint8_t wanted[KEY_LEN], got[KEY_LEN];
	char *output;
	size_t len;

	cr_assert(zero(int, key_from_base64(got, OWN_KEY)));
	dh_public(wanted, got);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		FILE *messages = open_memstream(&output, &len);
		char *text, *at;

		text = strdup(files[i]);
		at = strstr(text, "key_file: key");
		if (at) { /* the path has to be absolute */
			free(text);
			cr_assert(gt(
				int,
				asprintf(&text, "wireguard: {private_key_file: %s/key}\n", scratch),
				0));
		}
		put_text("t.yaml", text, 0600);
		free(text);
		memset(got, 0, sizeof got);
		cr_expect(eq(int, config_public_key("t.yaml", messages, got), 0), "file %zu", i);
		fclose(messages);
		cr_expect(zero(int, memcmp(got, wanted, KEY_LEN)), "file %zu", i);
		EXPECT_TEXT(output, "");
		free(output);
	}
}

Test(load, public_key_of_a_file_without_a_private_one_is_explained)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"network: {}\n", "t.yaml:1:1: document: wireguard.private_key is missing; "
	                          "`vtrunkd genkey` makes one\n"},
		{"wireguard: {links: []}\n",
	         "t.yaml:1:1: wireguard.private_key: required but missing; give it or "
	         "private_key_file; `vtrunkd genkey` makes one\n"},
		{"wireguard: {PrivateKey: " OWN_KEY "}\n",
	         "t.yaml:1:1: wireguard.private_key: required but missing; give it or "
	         "private_key_file; `vtrunkd genkey` makes one\n"},
		{"wireguard: {private_key: <OURS>}\n",
	         "t.yaml:1:26: wireguard.private_key: must be a key, base64 of 32 bytes (44 "
	         "characters); this is a placeholder, to be replaced; `vtrunkd genkey` makes "
	         "one\n"},
		{"wireguard: {\n", "t.yaml:2:1: document: must be YAML; did not find expected node "
	                           "content (while parsing a flow node)\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t untouched[KEY_LEN] = {7}, key[KEY_LEN] = {7};
		char *output;
		size_t len;
		FILE *messages = open_memstream(&output, &len);

		put_text("t.yaml", cases[i].text, 0600);
		cr_expect(eq(int, config_public_key("t.yaml", messages, key), -EINVAL));
		fclose(messages);
		EXPECT_TEXT(output, cases[i].expected);
		cr_expect(zero(int, memcmp(key, untouched, KEY_LEN)));
		free(output);
	}
}

Test(load, a_file_may_have_one_mebibyte_and_no_more)
{
	size_t good_len;
	struct desired *config;
	char *output;

	fetch("good", "minimal.yaml");
	char *good = read_all("minimal.yaml", &good_len);
	char *text = malloc(CONFIG_BYTES_MAX + 1);
	memset(text, '#', CONFIG_BYTES_MAX + 1); /* comment */
	memcpy(text, good, good_len);

	put_file("full.yaml", text, CONFIG_BYTES_MAX, 0600);
	cr_expect(eq(int, load("full.yaml", &config, &output), 0), "%s", output);
	free(output);
	desired_free(config);
	assert_refused(text, CONFIG_BYTES_MAX + 1, -EFBIG,
	               "t.yaml:1:1: document: must be at most 1048576 bytes\n");
	free(text);
	free(good);
}

/* Looks for the text whose bytes are those of @masked with every bit turned, so that the search
 * itself leaves no copy. True when our writable memory holds it.
 */
static bool memory_holds(const unsigned char *masked, size_t len)
{
	static unsigned char page[1 << 16];
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	bool is_found = false;
	char line[512];

	cr_assert(maps && mem >= 0);
	while (fgets(line, sizeof line, maps)) {
		uint64_t from, to;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " rw", &from, &to) != 2 ||
		    !strstr(line, " rw") || to - from > 64u << 20)
			continue;
		for (; from < to; from += sizeof page - len) {
			size_t want = to - from < sizeof page ? to - from : sizeof page;
			ssize_t got = pread(mem, page, want, (off_t)from);

			for (ssize_t i = 0; i + (ssize_t)len <= got; i++) {
				size_t k = 0;

				while (k < len && (unsigned char)~page[i + (ssize_t)k] == masked[k])
					k++;
				is_found |= k == len;
			}
		}
		explicit_bzero(page, sizeof page);
	}
	fclose(maps);
	close(mem);
	return is_found;
}

/* Writes a good file with the same fresh secret in many places, far from its start, so that
 * whatever is not wiped is unlikely to be overwritten by chance. Leaves only the masked text of the
 * secret.
 */
static void write_masked(unsigned char masked[static KEY_TEXT_LEN - 1])
{
	uint8_t key[KEY_LEN];
	char secret[KEY_TEXT_LEN], public_key[KEY_TEXT_LEN];
	int fd = open("secret.yaml", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	random_bytes(key, sizeof key);
	key_to_base64(secret, key);
	for (size_t i = 0; i < sizeof secret - 1; i++)
		masked[i] = (unsigned char)~secret[i];
	dprintf(fd, "#%20000s\nnetwork: {mtu: 1420, buffer_size: 65536}\n", "");
	dprintf(fd, "wireguard:\n  links: [{}]\n  peers:\n");
	for (unsigned i = 0; i < 100; i++) {
		random_bytes(key, sizeof key);
		key_to_base64(public_key, key);
		dprintf(fd, "    - {public_key: %s, allowed_ips: [10.0.0.%u], preshared_key: ",
		        public_key, i);
		cr_assert(eq(long, write(fd, secret, sizeof secret - 1), (long)sizeof secret - 1));
		dprintf(fd, "}\n");
	}
	dprintf(fd, "  private_key: ");
	cr_assert(eq(long, write(fd, secret, sizeof secret - 1), (long)sizeof secret - 1));
	close(fd);
	secret_wipe(key, sizeof key);
	secret_wipe(secret, sizeof secret);
}

/* The latter half of the text is looked for: what is freed loses its first bytes to the allocator's
 * lists. Pieces of the former half may stay where libyaml let its scanner's string grow.
 */
Test(load, no_copy_of_a_secret_keys_text_stays_in_memory)
{
	enum {
		TAIL = 24
	};
	unsigned char masked[KEY_TEXT_LEN - 1];
	const unsigned char *tail = masked + sizeof masked - TAIL;
	volatile char control[TAIL]; /* proves that the search finds things */
	struct desired *config;
	char *output;

	if (is_emulated())
		cr_skip("the emulator's memory cannot be searched by our addresses");
	write_masked(masked);
	cr_assert(eq(int, load("secret.yaml", &config, &output), 0), "%s", output);
	cr_expect(not(memory_holds(tail, TAIL)));
	for (size_t i = 0; i < TAIL; i++)
		control[i] = (char)~tail[i];
	cr_expect(memory_holds(tail, TAIL));
	secret_wipe((void *)(uintptr_t)control, sizeof control);
	desired_free(config);
	free(output);
}
