/* SPDX-License-Identifier: MIT */
#include "config/starter.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "corpus_rig.h"

TestSuite(starter, .init = enter_scratch, .fini = leave_scratch);

static const struct config_starter pair = {.kind = CONFIG_STARTER_PAIR};
static uint8_t starter_key[KEY_LEN]; /* of the last one written */

static int write_pair(const char *path, bool force)
{
	return config_write_starter(path, force, &pair, starter_key);
}

Test(starter, starter_file_loads_and_is_private)
{
	struct desired *config;
	struct stat st;
	char *output;

	umask(0);
	cr_assert(zero(int, write_pair("starter.yaml", false)));
	cr_assert(zero(int, stat("starter.yaml", &st)));
	cr_expect(eq(uint, st.st_mode & 07777, 0600));
	cr_assert(eq(int, load("starter.yaml", &config, &output), 0), "%s", output);
	EXPECT_TEXT(output, "");
	cr_expect(eq(u32, config->mtu, 1420));
	cr_expect(eq(sz, config->link_count, 2));
	cr_expect(eq(sz, config->peers[0].endpoint_count, 2));
	desired_free(config);
	free(output);
}

/* The value of the first line that holds @key, as a key. */
static void find_key(const char *text, const char *key, uint8_t ret[static KEY_LEN])
{
	char value[KEY_TEXT_LEN] = "";
	const char *at = strstr(text, key);

	cr_assert(ne(ptr, (void *)at, NULL), "%s", key);
	memcpy(value, at + strlen(key), KEY_TEXT_LEN - 1);
	cr_assert(zero(int, key_from_base64(ret, value)), "%s", key);
}

Test(starter, starter_file_has_fresh_keys_that_fit_the_other_end)
{
	uint8_t private_key[KEY_LEN], public_key[KEY_LEN], derived[KEY_LEN], first_key[KEY_LEN];
	char *text[2];
	size_t len;

	cr_assert(zero(int, write_pair("a.yaml", false)));
	memcpy(first_key, starter_key, KEY_LEN);
	cr_assert(zero(int, write_pair("b.yaml", false)));
	text[0] = read_all("a.yaml", &len);
	text[1] = read_all("b.yaml", &len);
	cr_expect(ne(str, text[0], text[1]));

	find_key(text[0], "\n  private_key: ", private_key);
	find_key(text[0], "#     peer_public_key: ", public_key);
	dh_public(derived, private_key);
	cr_expect(zero(int, memcmp(derived, public_key, KEY_LEN)));
	cr_expect(zero(int, memcmp(derived, first_key, KEY_LEN)), "the key that was told");
	find_key(text[0], "#     private_key: ", private_key);
	find_key(text[0], "\n  peer_public_key: ", public_key);
	dh_public(derived, private_key);
	cr_expect(zero(int, memcmp(derived, public_key, KEY_LEN)));
	free(text[0]);
	free(text[1]);
}

/* Fills in what a person would: puts @what in the place of each "<...>" that begins with @mark. */
static void fill_in(const char *name, const char *mark, const char *what)
{
	size_t len;
	char *text = read_all(name, &len), *at = strstr(text, mark), *filled;

	cr_assert(ne(ptr, (void *)at, NULL), "no %s in %s", mark, text);
	cr_assert(lt(
		int, 0,
		asprintf(&filled, "%.*s%s%s", (int)(at - text), text, what, strchr(at, '>') + 1)));
	put_text(name, filled, 0600);
	free(filled);
	free(text);
}

/* Loads a file that must be refused; the caller frees the output. */
static char *refuse(const char *name)
{
	struct desired *config;
	char *output;

	cr_assert(eq(int, load(name, &config, &output), -EINVAL));
	return output;
}

Test(starter, starter_file_of_a_gateway_wants_the_clients_key_and_nothing_else)
{
	static const struct config_starter starter = {.kind = CONFIG_STARTER_GATEWAY};
	struct desired *config;
	uint8_t told[KEY_LEN], key[KEY_LEN];
	char *output;

	cr_assert(zero(int, config_write_starter("g.yaml", false, &starter, told)));
	output = refuse("g.yaml");
	cr_expect(ne(ptr, strstr(output, "wireguard.peers[0].public_key: "), NULL), "%s", output);
	cr_expect(ne(ptr, strstr(output, "`vtrunkd pubkey -c FILE`"), NULL), "%s", output);
	cr_expect(eq(ptr, strchr(strchr(output, '\n') + 1, '\n'), NULL), "%s", output);
	free(output);

	fill_in("g.yaml", "<PUBLIC KEY", PEER_KEY);
	cr_assert(eq(int, load("g.yaml", &config, &output), 0), "%s", output);
	EXPECT_TEXT(output, "");
	expect_key(config->peers[0].public_key, PEER_KEY);
	dh_public(key, config->private_key);
	cr_expect(zero(int, memcmp(key, told, KEY_LEN)), "the key that was told");
	cr_expect(eq(int, endpoint_port(&config->links[0].bind), 51820));
	cr_expect(eq(sz, config->peers[0].endpoint_count, 0));
	desired_free(config);
	free(output);
}

Test(starter, starter_file_of_a_client_wants_what_the_gateway_knows)
{
	static const struct config_starter starter = {.kind = CONFIG_STARTER_CLIENT};
	struct desired *config;
	uint8_t told[KEY_LEN];
	char *output;
	size_t len;

	cr_assert(zero(int, config_write_starter("c.yaml", false, &starter, told)));
	output = refuse("c.yaml");
	cr_expect(ne(ptr, strstr(output, "wireguard.peers[0].public_key: "), NULL), "%s", output);
	cr_expect(ne(ptr, strstr(output, "wireguard.peers[0].endpoints[0]: "), NULL), "%s", output);
	free(output);

	fill_in("c.yaml", "<PUBLIC KEY", PEER_KEY);
	fill_in("c.yaml", "<ADDRESS", "vpn.example.net");
	char *text = read_all("c.yaml", &len);
	if (strstr(text, "<DEVICE")) /* where this machine has no default route */
		fill_in("c.yaml", "<DEVICE", "eth0");
	free(text);
	cr_assert(eq(int, load("c.yaml", &config, &output), 0), "%s", output);
	EXPECT_TEXT(output, "");
	cr_expect(ne(ptr, config->links[0].device, NULL));
	EXPECT_TEXT(config->peers[0].endpoints[0].address, "vpn.example.net:51820");
	cr_expect(eq(int, config->peers[0].endpoints[0].link, -1), "it is for every link");
	desired_free(config);
	free(output);
}

Test(starter, starter_file_takes_what_is_known_of_the_other_end)
{
	static const struct config_starter client = {.kind = CONFIG_STARTER_CLIENT,
	                                             .peer_key = PEER_KEY,
	                                             .endpoint = "[2001:db8::1]:4000"};
	static const struct config_starter gateway = {.kind = CONFIG_STARTER_GATEWAY,
	                                              .peer_key = PEER_KEY};
	struct desired *config;
	uint8_t told[KEY_LEN];
	char *output;
	size_t len;

	cr_assert(zero(int, config_write_starter("g.yaml", false, &gateway, told)));
	cr_assert(eq(int, load("g.yaml", &config, &output), 0), "%s", output);
	expect_key(config->peers[0].public_key, PEER_KEY);
	desired_free(config);
	free(output);

	cr_assert(zero(int, config_write_starter("c.yaml", false, &client, told)));
	char *text = read_all("c.yaml", &len);
	if (strstr(text, "<DEVICE"))
		fill_in("c.yaml", "<DEVICE", "eth0");
	free(text);
	cr_assert(eq(int, load("c.yaml", &config, &output), 0), "%s", output);
	expect_key(config->peers[0].public_key, PEER_KEY);
	EXPECT_TEXT(config->peers[0].endpoints[0].address, "[2001:db8::1]:4000");
	desired_free(config);
	free(output);
}

Test(starter, starter_file_replaces_another_only_by_force)
{
	struct stat st;
	size_t len;

	put_text("mine.yaml", "precious\n", 0644);
	cr_expect(eq(int, write_pair("mine.yaml", false), -EEXIST));
	char *text = read_all("mine.yaml", &len);
	EXPECT_TEXT(text, "precious\n");
	free(text);

	cr_expect(eq(int, write_pair("mine.yaml", true), 0));
	text = read_all("mine.yaml", &len);
	cr_expect(ne(ptr, strstr(text, "private_key: "), NULL));
	free(text);
	cr_assert(zero(int, stat("mine.yaml", &st)));
	cr_expect(eq(uint, st.st_mode & 07777, 0600), "the old file's mode must not stay");

	cr_assert(zero(int, symlink("absent", "dangling.yaml")));
	cr_expect(eq(int, write_pair("dangling.yaml", false), -EEXIST));
	cr_expect(eq(int, access("absent", F_OK), -1));
	cr_expect(eq(int, write_pair("no-such-dir/x.yaml", false), -ENOENT));
	cr_expect(eq(int, write_pair("no-such-dir/x.yaml", true), -ENOENT));
}

/* As root somebody may name /dev/stdout, or worse. */
Test(starter, force_replaces_regular_files_alone)
{
	struct stat st;

	cr_assert(zero(int, mkfifo("fifo", 0600)));
	cr_assert(zero(int, symlink("fifo", "link.yaml")));
	cr_expect(eq(int, write_pair("fifo", true), -ENOTSUP));
	cr_expect(eq(int, write_pair("link.yaml", true), -ENOTSUP));
	cr_assert(zero(int, lstat("fifo", &st)));
	cr_expect(eq(uint, st.st_mode & S_IFMT, S_IFIFO));
	cr_assert(zero(int, lstat("link.yaml", &st)));
	cr_expect(eq(uint, st.st_mode & S_IFMT, S_IFLNK));
	cr_expect(eq(int, write_pair(".", true), -EISDIR));
	cr_assert(zero(int, symlink("absent", "dangling.yaml")));
	cr_expect(eq(int, write_pair("dangling.yaml", true), 0));
}

Test(starter, comments_and_defaults_come_from_the_table_of_keys)
{
	size_t len;

	cr_assert(zero(int, write_pair("a.yaml", false)));
	char *text = read_all("a.yaml", &len);
	cr_expect(ne(ptr,
	             strstr(text, "\n  health_check_interval_ms: 1000  # milliseconds. Distance of "
	                          "the probes on an idle link.\n"),
	             NULL));
	cr_expect(ne(ptr,
	             strstr(text,
	                    "\n  bonding_mode: aggregate         # aggregate, redundant, "
	                    "failover, lowlat or balance. How data is spread over the links.\n"),
	             NULL));
	cr_expect(eq(ptr, strstr(text, "#="), NULL));
	cr_expect(eq(ptr, strchr(text, '@'), NULL));
	free(text);
}
