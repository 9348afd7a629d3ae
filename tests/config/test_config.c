/* SPDX-License-Identifier: MIT */
/* The corpus in config/ holds bad files, each beside the complete output that it must cause, and
 * good ones, which may have warnings beside them. Each test works in a directory of its own, into
 * which the files are copied so that modes and places are known; @DIR@ in a file stands for it.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../emulation.h"
#include "base/key_text.h"
#include "config/desired.h"
#include "config/file.h"
#include "config/load.h"
#include "config/starter.h"
#include "crypto/aead.h"
#include "crypto/init.h"
#include "vtrunkd/ctl.h"

#define OWN_KEY        "oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00="
#define PEER_KEY       "AY7lLKeF3FwVG8aE/9EHn/Mzmp/lKWbB5hZ8xmmPE2Q="
#define LATER_PEER_KEY "ML5rYVeiAf75Luz25sO0r8+wuIeAD03HPq6artXHf1o="
#define SHARED_KEY     "GF7IGeVfl0tcF/b8XcVzLbdfg0XfH/k7IiQKOV6nllE="

#define EXPECT_TEXT(got, wanted) cr_expect(eq(str, (char *)(got), (char *)(wanted)))

static char corpus[PATH_MAX];  /* where bad/ and good/ are */
static char scratch[PATH_MAX]; /* our directory, and the current one */

/* A file of exactly @len bytes and @mode. */
static void put_file(const char *name, const void *content, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert(ge(int, fd, 0), "%s: %s", name, strerror(errno));
	cr_assert(eq(long, write(fd, content, len), (long)len));
	cr_assert(zero(int, fchmod(fd, mode)));
	close(fd);
}

static void put_text(const char *name, const char *text, mode_t mode)
{
	put_file(name, text, strlen(text), mode);
}

/* The corpus is found through the environment, else beside this source. */
static void find_corpus(void)
{
	const char *given = getenv("CONFIG_CORPUS");
	const char *candidates[3] = {given, NULL, "tests/config/corpus"};
	char beside[PATH_MAX];
	const char *slash = strrchr(__FILE__, '/');

	snprintf(beside, sizeof beside, "%.*s/config", slash ? (int)(slash - __FILE__) : 1,
	         slash ? __FILE__ : ".");
	candidates[1] = beside;
	for (size_t i = 0; i < 3; i++)
		if (candidates[i] && realpath(candidates[i], corpus))
			return;
	cr_fatal("no corpus: set CONFIG_CORPUS to tests/config/corpus of the sources");
}

static void enter_scratch(void)
{
	const char *parent = getenv("TMPDIR");

	cr_assert(zero(int, crypto_init()));
	find_corpus();
	snprintf(scratch, sizeof scratch, "%s/test-config.XXXXXX", parent ? parent : "/tmp");
	cr_assert(ne(ptr, mkdtemp(scratch), NULL));
	cr_assert(zero(int, chdir(scratch)));
	put_text("key", " " OWN_KEY "\n", 0600);
	put_text("key-group-readable", OWN_KEY, 0640);
	put_text("key-world-readable", OWN_KEY, 0604);
	put_text("key-short", "AAAA\n", 0600);
	put_text("key-garbage", "not a key\n", 0600);
	put_text("key-empty", "", 0600);
	put_file("key-zero-byte", OWN_KEY, sizeof OWN_KEY, 0600); /* with the zero */
}

static void leave_scratch(void)
{
	DIR *dir = opendir(scratch);

	for (struct dirent *entry; dir && (entry = readdir(dir));)
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(scratch);
}

TestSuite(config, .init = enter_scratch, .fini = leave_scratch);

/* All of a file with a zero behind it; the caller frees it. NULL when there is none. */
static char *read_all(const char *path, size_t *ret_len)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t len, room;

	if (!in)
		return NULL;
	FILE *out = open_memstream(&text, &room);
	for (char buf[4096]; (len = fread(buf, 1, sizeof buf, in));)
		fwrite(buf, 1, len, out);
	fclose(in);
	fclose(out);
	*ret_len = room;
	return text;
}

/* Copies KIND/NAME here, with our directory filled in. World-readable if its name says so. */
static void fetch(const char *kind, const char *name)
{
	static const char mark[] = "@DIR@";
	char path[PATH_MAX * 2];
	size_t len;

	snprintf(path, sizeof path, "%s/%s/%s", corpus, kind, name);
	char *text = read_all(path, &len);
	cr_assert(ne(ptr, text, NULL), "%s", path);
	bool is_readable = !strncmp(name, "world-readable", strlen("world-readable"));
	char *at = memmem(text, len, mark, strlen(mark));
	if (at) {
		char *filled;
		int filled_len = asprintf(&filled, "%.*s%s%s", (int)(at - text), text, scratch,
		                          at + strlen(mark));

		put_file(name, filled, (size_t)filled_len, is_readable ? 0644 : 0600);
		free(filled);
	} else {
		put_file(name, text, len, is_readable ? 0644 : 0600);
	}
	free(text);
}

/* Loads @name and returns the outcome; the output goes to *@ret_output, to be freed. */
static int load(const char *name, struct desired **ret, char **ret_output)
{
	size_t len;
	FILE *messages = open_memstream(ret_output, &len);

	*ret = NULL;
	int err = config_load(name, messages, ret);
	fclose(messages);
	return err;
}

/* Loads text that must be refused and compares the output. */
static void assert_refused(const char *text, size_t len, int outcome, const char *expected)
{
	struct desired *config;
	char *output;

	put_file("t.yaml", text, len, 0600);
	cr_expect(eq(int, load("t.yaml", &config, &output), outcome));
	cr_expect(eq(ptr, config, NULL));
	EXPECT_TEXT(output, expected);
	free(output);
}

static struct desired *load_good(const char *name)
{
	struct desired *config;
	char *output;

	fetch("good", name);
	cr_assert(eq(int, load(name, &config, &output), 0), "%s", output);
	free(output);
	return config;
}

/* Holds every file of KIND against the output that stands beside it, or no output if none does.
 * Returns how many files there were.
 */
static unsigned check_corpus(const char *kind, int outcome)
{
	char path[PATH_MAX + 8];
	unsigned count = 0;

	snprintf(path, sizeof path, "%s/%s", corpus, kind);
	DIR *dir = opendir(path);
	cr_assert(ne(ptr, dir, NULL), "%s", path);
	for (struct dirent *entry; (entry = readdir(dir));) {
		const char *ending = strstr(entry->d_name, ".yaml");
		char beside[PATH_MAX * 2], *output;
		struct desired *config;
		size_t len;

		if (!ending || strcmp(ending, ".yaml"))
			continue;
		snprintf(beside, sizeof beside, "%s/%.*s.expected", path,
		         (int)(ending - entry->d_name), entry->d_name);
		char *expected = read_all(beside, &len);
		fetch(kind, entry->d_name);
		cr_expect(eq(int, load(entry->d_name, &config, &output), outcome), "%s",
		          entry->d_name);
		cr_expect(eq(str, output, expected ? expected : (char *)""), "%s", entry->d_name);
		cr_expect(eq(int, config != NULL, outcome == 0), "%s", entry->d_name);
		if (outcome)
			cr_expect(ne(ptr, expected, NULL), "%s has no .expected", entry->d_name);
		desired_free(config);
		free(output);
		free(expected);
		count++;
	}
	closedir(dir);
	return count;
}

Test(config, every_bad_file_is_refused_with_its_messages)
{
	cr_expect(ge(uint, check_corpus("bad", -EINVAL), 60));
}

Test(config, every_good_file_loads_with_its_warnings_alone)
{
	cr_expect(ge(uint, check_corpus("good", 0), 10));
}

static void expect_key(const uint8_t *key, const char *text)
{
	char written[KEY_TEXT_LEN];

	cr_assert(ne(ptr, (void *)key, NULL));
	key_to_base64(written, key);
	EXPECT_TEXT(written, text);
}

/* A private key as it is used: its public key tells. */
static void expect_private_key(const uint8_t *key)
{
	uint8_t wanted[KEY_LEN], derived[KEY_LEN], ours[KEY_LEN];

	cr_assert(zero(int, key_from_base64(wanted, OWN_KEY)));
	dh_public(derived, wanted);
	dh_public(ours, key);
	cr_expect(zero(int, memcmp(derived, ours, KEY_LEN)));
	cr_expect(eq(int, key[0] & 7, 0), "not clamped");
	cr_expect(eq(int, key[31] & 0xc0, 0x40), "not clamped");
}

static void expect_prefix(const struct prefix *prefix, const char *text)
{
	char written[PREFIX_TEXT_LEN];

	EXPECT_TEXT(prefix_format(prefix, written), text);
}

static void expect_endpoint(const struct endpoint *endpoint, const char *text)
{
	char written[ENDPOINT_TEXT_LEN];

	EXPECT_TEXT(endpoint_format(endpoint, written), text);
}

Test(config, example_of_a_user_with_two_uplinks)
{
	struct desired *config = load_good("readme.yaml");

	EXPECT_TEXT(config->path, "readme.yaml");
	cr_expect(eq(u32, config->mtu, 1420));
	cr_expect(eq(u32, config->buffer_size, 65536));
	EXPECT_TEXT(config->interface, "tun0");
	cr_assert(eq(sz, config->address_count, 1));
	expect_prefix(&config->addresses[0], "10.10.0.2/24");
	cr_expect(eq(int, config->destination.family, 0));
	cr_expect(config->routes_auto);

	expect_private_key(config->private_key);
	cr_expect(eq(int, config->bonding, BONDING_POLICY_AUTO));
	cr_expect(eq(u64, config->error_backoff_ns, 5 * NS_PER_S));
	cr_expect(eq(u64, config->health_interval_ns, 1 * NS_PER_S));
	cr_expect(eq(u64, config->health_timeout_ns, 5 * NS_PER_S));

	cr_assert(eq(sz, config->link_count, 2));
	EXPECT_TEXT(config->links[0].name, "wifi");
	expect_endpoint(&config->links[0].bind, "192.168.1.20:0");
	EXPECT_TEXT(config->links[0].endpoint, "203.0.113.7:51820");
	cr_expect(eq(u32, config->links[0].weight, 1));
	cr_expect(eq(ptr, config->links[0].device, NULL));
	cr_expect(not(config->links[0].has_fwmark));
	EXPECT_TEXT(config->links[1].name, "lte/5g");
	expect_endpoint(&config->links[1].bind, "10.0.0.5:0");
	EXPECT_TEXT(config->links[1].endpoint, "vps.example.com:51820");
	cr_expect(eq(u32, config->links[1].weight, 3));

	cr_assert(eq(sz, config->peer_count, 1));
	const struct desired_peer *peer = &config->peers[0];
	EXPECT_TEXT(peer->name, "peer");
	expect_key(peer->public_key, PEER_KEY);
	cr_expect(not(peer->has_preshared_key));
	cr_expect(eq(ptr, peer->preshared_key, NULL));
	cr_expect(eq(int, peer->mode, BONDING_AGGREGATE));
	cr_expect(eq(u16, peer->persistent_keepalive, 25));
	cr_assert(eq(sz, peer->allowed_ip_count, 2));
	expect_prefix(&peer->allowed_ips[0], "0.0.0.0/0");
	expect_prefix(&peer->allowed_ips[1], "::/0");
	cr_assert(eq(sz, peer->endpoint_count, 2));
	cr_expect(eq(int, peer->endpoints[0].link, 0));
	EXPECT_TEXT(peer->endpoints[0].address, "203.0.113.7:51820");
	cr_expect(eq(int, peer->endpoints[1].link, 1));
	EXPECT_TEXT(peer->endpoints[1].address, "vps.example.com:51820");
	desired_free(config);
}

/* What holds when a key is absent or null. */
static void expect_defaults(const struct desired *config)
{
	EXPECT_TEXT(config->interface, "");
	cr_expect(eq(sz, config->address_count, 0));
	cr_expect(eq(int, config->destination.family, 0));
	cr_expect(config->routes_auto);
	cr_expect(eq(int, config->bonding, BONDING_POLICY_AUTO));
	cr_expect(eq(u64, config->error_backoff_ns, 5 * NS_PER_S));
	cr_expect(eq(u64, config->health_interval_ns, 1 * NS_PER_S));
	cr_expect(eq(u64, config->health_timeout_ns, 5 * NS_PER_S));
	EXPECT_TEXT(config->links[0].name, "link-0");
	cr_expect(eq(int, endpoint_family(&config->links[0].bind), AF_UNSPEC));
	cr_expect(eq(ptr, config->links[0].endpoint, NULL));
	cr_expect(eq(ptr, config->links[0].device, NULL));
	cr_expect(eq(u32, config->links[0].weight, 1));
	cr_expect(not(config->links[0].has_fwmark));
	cr_assert(eq(sz, config->peer_count, 1));
	cr_expect(eq(int, config->peers[0].mode, BONDING_AGGREGATE));
	cr_expect(eq(u16, config->peers[0].persistent_keepalive, 0));
	cr_expect(eq(sz, config->peers[0].endpoint_count, 0));
	cr_expect(not(config->peers[0].has_preshared_key));
	cr_expect(eq(uint, config->workers, 0));
	cr_expect(eq(sz, config->cpus_control.count, 0));
	cr_expect(eq(sz, config->cpus_tun.count, 0));
	cr_expect(eq(sz, config->cpus_rx.count, 0));
	cr_expect(eq(sz, config->cpus_workers.count, 0));
	cr_expect(eq(int, config->crypto, CIPHER_AUTO));
	cr_expect(eq(uint, config->busy_poll_us, 0));
	cr_expect(config->has_offloads);
	cr_expect(eq(int, config->log_level, LOG_LEVEL_INFO));
	cr_expect(eq(int, config->log_format, LOG_FORMAT_AUTO));
	cr_expect(eq(ptr, config->run_dir, NULL));
}

Test(config, absent_keys_have_their_defaults)
{
	struct desired *config = load_good("minimal.yaml");

	cr_assert(eq(sz, config->link_count, 1));
	expect_defaults(config);
	desired_free(config);
}

Test(config, sizes_have_defaults_that_fit_each_other)
{
	static const struct {
		const char *file;
		uint32_t mtu, buffer_size;
	} cases[] = {
		{"sizes-missing.yaml", 1420, 1500},       {"mtu-missing.yaml", 1420, 65536},
		{"mtu-null.yaml", 1420, 65536},           {"mtu-empty.yaml", 1420, 65536},
		{"buffer-size-missing.yaml", 1420, 1500}, {"mtu-alone-and-large.yaml", 9000, 9080},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct desired *config = load_good(cases[i].file);

		cr_expect(eq(u32, config->mtu, cases[i].mtu), "%s", cases[i].file);
		cr_expect(eq(u32, config->buffer_size, cases[i].buffer_size), "%s", cases[i].file);
		desired_free(config);
	}
}

Test(config, null_means_absent_unless_in_quotes)
{
	struct desired *config = load_good("nulls.yaml");

	cr_assert(eq(sz, config->link_count, 2));
	expect_defaults(config);
	EXPECT_TEXT(config->links[1].name, "null");
	desired_free(config);
}

Test(config, gateway_with_peers_and_devices)
{
	struct desired *config = load_good("gateway.yaml");

	EXPECT_TEXT(config->interface, "gw0");
	cr_assert(eq(sz, config->address_count, 3));
	expect_prefix(&config->addresses[0], "10.10.0.1/24");
	expect_prefix(&config->addresses[1], "fd00::1/64");
	expect_prefix(&config->addresses[2], "192.168.200.1/32");
	cr_expect(not(config->routes_auto));
	cr_expect(eq(int, config->bonding, BONDING_POLICY_REQUIRE));
	expect_private_key(config->private_key);

	cr_assert(eq(sz, config->link_count, 3));
	const struct desired_link *links = config->links;
	expect_endpoint(&links[0].bind, "0.0.0.0:51820");
	EXPECT_TEXT(links[0].device, "wwan0");
	cr_expect(links[0].has_fwmark);
	cr_expect(eq(u32, links[0].fwmark, 0x51));
	cr_expect(eq(u32, links[0].weight, 1000000));
	EXPECT_TEXT(links[1].name, "link-1");
	expect_endpoint(&links[1].bind, "[::]:51820");
	cr_expect(links[1].has_fwmark);
	cr_expect(eq(u32, links[1].fwmark, UINT32_MAX));
	cr_expect(links[2].has_fwmark);
	cr_expect(eq(u32, links[2].fwmark, 0));

	cr_assert(eq(sz, config->peer_count, 2));
	const struct desired_peer *office = &config->peers[0], *other = &config->peers[1];
	EXPECT_TEXT(office->name, "office");
	expect_key(office->public_key, PEER_KEY);
	cr_expect(office->has_preshared_key);
	expect_key(office->preshared_key, SHARED_KEY);
	cr_expect(eq(int, office->mode, BONDING_FAILOVER));
	cr_expect(eq(u16, office->persistent_keepalive, 25));
	cr_assert(eq(sz, office->allowed_ip_count, 3));
	expect_prefix(&office->allowed_ips[0], "10.10.0.2/32");
	expect_prefix(&office->allowed_ips[1], "192.168.7.0/24");
	expect_prefix(&office->allowed_ips[2], "fd00:7::/48");
	cr_assert(eq(sz, office->endpoint_count, 3));
	cr_expect(eq(int, office->endpoints[0].link, -1));
	EXPECT_TEXT(office->endpoints[0].address, "198.51.100.7:51820");
	cr_expect(eq(int, office->endpoints[1].link, 0));
	EXPECT_TEXT(office->endpoints[1].address, "office.example.com:51821");
	cr_expect(eq(int, office->endpoints[2].link, 1));
	EXPECT_TEXT(office->endpoints[2].address, "[2001:db8::7]:51822");

	EXPECT_TEXT(other->name, "peer-2");
	expect_key(other->public_key, LATER_PEER_KEY);
	cr_expect(not(other->has_preshared_key));
	cr_expect(eq(int, other->mode, BONDING_REDUNDANT), "wireguard.bonding_mode is inherited");
	cr_expect(eq(u16, other->persistent_keepalive, 0));
	cr_expect(eq(sz, other->endpoint_count, 0));
	desired_free(config);
}

Test(config, engine_and_logging_keys)
{
	struct desired *config = load_good("every-engine-key.yaml");

	cr_expect(eq(u32, config->buffer_size, UINT32_MAX));
	cr_expect(config->routes_auto);
	cr_expect(eq(int, config->bonding, BONDING_POLICY_OFF));
	cr_expect(eq(uint, config->workers, 64));
	cr_assert(eq(sz, config->cpus_control.count, 1));
	cr_expect(eq(u16, config->cpus_control.cpu[0], 0));
	cr_assert(eq(sz, config->cpus_tun.count, 1));
	cr_expect(eq(u16, config->cpus_tun.cpu[0], 1));
	cr_assert(eq(sz, config->cpus_rx.count, 2));
	cr_expect(eq(u16, config->cpus_rx.cpu[1], 3));
	cr_assert(eq(sz, config->cpus_workers.count, 3));
	cr_expect(eq(u16, config->cpus_workers.cpu[2], 1023));
	cr_expect(eq(int, config->crypto, CIPHER_IPSEC_MB), "available here or not");
	cr_expect(eq(uint, config->busy_poll_us, 1000));
	cr_expect(not(config->has_offloads));
	cr_expect(eq(int, config->log_level, LOG_LEVEL_DEBUG));
	cr_expect(eq(int, config->log_format, LOG_FORMAT_JSON));
	cr_assert(ne(ptr, config->run_dir, NULL));
	cr_expect(eq(sz, strlen(config->run_dir), CTL_DIRECTORY_LEN_MAX));
	desired_free(config);
}

Test(config, run_directory_may_be_none_and_an_option_takes_its_place)
{
	struct desired *config = load_good("run-dir-none.yaml");

	cr_expect(eq(str, config->run_dir, (char *)CONFIG_RUN_DIR_NONE));
	cr_expect(eq(int, desired_set_run_dir(config, "/run/other"), 0));
	cr_expect(eq(str, config->run_dir, (char *)"/run/other"));
	desired_free(config);
}

Test(config, words_are_taken_in_any_case)
{
	struct desired *config = load_good("words-in-capitals.yaml");

	cr_expect(eq(int, config->peers[0].mode, BONDING_AGGREGATE));
	cr_expect(eq(uint, config->workers, 0));
	cr_expect(eq(int, config->crypto, CIPHER_SODIUM));
	cr_expect(config->has_offloads);
	cr_expect(eq(int, config->log_level, LOG_LEVEL_WARNING));
	cr_expect(eq(int, config->log_format, LOG_FORMAT_JOURNAL));
	desired_free(config);
}

Test(config, ipv6_addresses_binds_and_endpoints)
{
	struct desired *config = load_good("ipv6.yaml");

	cr_assert(eq(sz, config->address_count, 1));
	expect_prefix(&config->addresses[0], "fd00::2/64");
	expect_prefix(&config->destination, "fd00::1/128");
	cr_expect(eq(int, config->peers[0].mode, BONDING_REDUNDANT));
	cr_expect(eq(u16, config->peers[0].persistent_keepalive, 65535));
	expect_endpoint(&config->links[0].bind, "[2001:db8::5]:0");
	EXPECT_TEXT(config->links[0].endpoint, "[2001:db8::1]:51820");
	expect_endpoint(&config->links[1].bind, "[2001:db8::6]:4000");
	EXPECT_TEXT(config->links[2].endpoint, "[fe80::1%nosuchif0]:65535");
	desired_free(config);
}

Test(config, listen_port_is_a_bind_of_both_families)
{
	struct desired *config = load_good("listen-port.yaml");

	expect_endpoint(&config->links[0].bind, "[::]:51820");
	cr_expect(config->links[0].both_families);
	desired_free(config);
}

Test(config, any_ipv6_address_stands_for_both_families_unless_another_link_has_the_port)
{
	struct desired *config = load_good("any-address.yaml");
	static const bool both[] = {false, false, true, true, false};

	cr_assert(eq(sz, config->link_count, 5));
	for (size_t i = 0; i < config->link_count; i++)
		cr_expect(eq(int, config->links[i].both_families, both[i]), "link %zu", i);
	desired_free(config);
}

Test(config, json_is_yaml_and_escapes_are_kept)
{
	struct desired *config = load_good("json.yaml");

	expect_prefix(&config->addresses[0], "10.0.0.1/30");
	expect_prefix(&config->destination, "10.0.0.2/32");
	cr_expect(eq(int, config->peers[0].mode, BONDING_FAILOVER));
	EXPECT_TEXT(config->links[0].name, "a \"b\" \\c");
	EXPECT_TEXT(config->links[1].name, "s\xc3\xbc"
	                                   "d \xe4\xb8\xad");
	cr_expect(eq(u32, config->links[1].weight, 7));
	desired_free(config);
}

Test(config, blanks_around_keys_are_trimmed)
{
	struct desired *config = load_good("keys-with-blanks.yaml");

	expect_private_key(config->private_key);
	expect_key(config->peers[0].public_key, PEER_KEY);
	expect_key(config->peers[0].preshared_key, SHARED_KEY);
	desired_free(config);
}

Test(config, byte_order_mark_and_crlf_do_no_harm)
{
	struct desired *config = load_good("byte-order-mark-and-crlf.yaml");

	cr_expect(eq(u32, config->mtu, 1420));
	EXPECT_TEXT(config->links[0].name, "only");
	desired_free(config);
}

Test(config, one_health_time_alone_moves_the_other_out_of_its_way)
{
	struct desired *config = load_good("health-interval-alone.yaml");

	cr_expect(eq(u64, config->error_backoff_ns, 1000000000 * NS_PER_S));
	cr_expect(eq(u64, config->health_interval_ns, 6000 * NS_PER_MS));
	cr_expect(eq(u64, config->health_timeout_ns, 30000 * NS_PER_MS));
	desired_free(config);

	config = load_good("health-timeout-alone.yaml");
	cr_expect(eq(u64, config->health_interval_ns, 161 * NS_PER_MS));
	cr_expect(eq(u64, config->health_timeout_ns, 801 * NS_PER_MS));
	desired_free(config);
}

Test(config, missing_file_and_directory_are_reported)
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
Test(config, public_key_is_told_of_a_file_with_other_errors)
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

Test(config, public_key_of_a_file_without_a_private_one_is_explained)
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

Test(config, a_file_may_have_one_mebibyte_and_no_more)
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

/* Sixteen levels are read, so the complaint is about the unknown key; see bad/depth-17. */
Test(config, sixteen_levels_are_not_too_deep)
{
	static const char text[] = "{a: [[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}\n";

	assert_refused(text, sizeof text - 1, -EINVAL,
	               "t.yaml:1:1: network: required but missing; must be a mapping; `vtrunkd "
	               "config --output FILE` writes a file to start from\n"
	               "t.yaml:1:1: wireguard: required but missing; must be a mapping; `vtrunkd "
	               "config --output FILE` writes a file to start from\n"
	               "t.yaml:1:2: a: unknown key; allowed are network, wireguard, dataplane, "
	               "control, logging\n");
}

/* Each of these would take a reader without bounds very long, or much memory. */
Test(config, hostile_shapes_end_soon, .timeout = 60)
{
	static const struct {
		const char *start, *repeated;
	} shapes[] = {
		{"", "["},
		{"", "{"},
		{"", "- "},
		{"", "? "},
		{"a: &a ", "[*a,"},
		{"", "a: &a\n"},
		{"x: [", "1,"},
		{"network: {", "mtu: 1,"},
		{"wireguard:\n", " peers:\n"},
		{"\"", "\\"},
		{"", "*a "},
		{"", "!!a "},
		{"", "&a "},
		{"a: |\n", " \n"},
		{"", "a: 1\n"},
		{"", "'"},
		{"", "\n"},
		{"", "---\n"},
		{"", "%TAG ! a\n"},
	};

	for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
		size_t len = CONFIG_BYTES_MAX, step = strlen(shapes[i].repeated), at;
		char *text = malloc(len), *output;
		struct desired *config;

		at = strlen(shapes[i].start);
		memcpy(text, shapes[i].start, at);
		for (; at < len; at += step)
			memcpy(text + at, shapes[i].repeated, at + step < len ? step : len - at);
		put_file("t.yaml", text, len, 0600);
		cr_expect(eq(int, load("t.yaml", &config, &output), -EINVAL), "shape %zu", i);
		cr_expect(lt(sz, strlen(output), 200000), "shape %zu", i);
		free(output);
		free(text);
	}
}

/* Good files with some bytes changed: whatever happens must be a struct or messages, never both. */
Test(config, damaged_files_are_refused_or_loaded, .timeout = 60)
{
	struct timespec now;
	size_t len = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	unsigned seed = (unsigned)now.tv_nsec;
	printf("# seed %u\n", seed);
	srandom(seed);
	fetch("good", "gateway.yaml");
	char *good = read_all("gateway.yaml", &len);
	for (unsigned round = 0; round < 2000; round++) {
		static const char bytes[] = "{}[]:,-#&*!|>'\"%@`?~ \n\t0x9A/\\\x80\xff.";
		char *text = malloc(len), *output;
		struct desired *config;

		memcpy(text, good, len);
		for (unsigned n = 1 + (unsigned)random() % 4; n; n--)
			text[(size_t)random() % len] = bytes[(size_t)random() % (sizeof bytes - 1)];
		put_file("t.yaml", text, len, 0600);
		int err = load("t.yaml", &config, &output);
		bool is_clean = err ? err == -EINVAL && !config && *output : config != NULL;
		bool has_place = !*output || !strncmp(output, "t.yaml:", strlen("t.yaml:"));

		cr_assert(is_clean, "seed %u round %u: %s", seed, round, output);
		cr_assert(has_place, "seed %u round %u: %s", seed, round, output);
		desired_free(config);
		free(output);
		free(text);
	}
	free(good);
}

static const struct config_starter pair = {.kind = CONFIG_STARTER_PAIR};
static uint8_t starter_key[KEY_LEN]; /* of the last one written */

static int write_pair(const char *path, bool force)
{
	return config_write_starter(path, force, &pair, starter_key);
}

Test(config, starter_file_loads_and_is_private)
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

Test(config, starter_file_has_fresh_keys_that_fit_the_other_end)
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
	cr_assert(
		gt(int,
	           asprintf(&filled, "%.*s%s%s", (int)(at - text), text, what, strchr(at, '>') + 1),
	           0));
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

Test(config, starter_file_of_a_gateway_wants_the_clients_key_and_nothing_else)
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

Test(config, starter_file_of_a_client_wants_what_the_gateway_knows)
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

Test(config, starter_file_takes_what_is_known_of_the_other_end)
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

Test(config, starter_file_replaces_another_only_by_force)
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

/* Writes a good file with the same fresh secret in many places, far from its start, so that whatever
 * is not wiped is unlikely to be overwritten by chance. Leaves only the masked text of the secret.
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
Test(config, no_copy_of_a_secret_keys_text_stays_in_memory)
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
