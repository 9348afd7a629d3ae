/* SPDX-License-Identifier: MIT */
#include "corpus_rig.h"

char corpus[PATH_MAX];
char scratch[PATH_MAX];

void put_file(const char *name, const void *content, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert(ge(int, fd, 0), "%s: %s", name, strerror(errno));
	cr_assert(eq(long, write(fd, content, len), (long)len));
	cr_assert(zero(int, fchmod(fd, mode)));
	close(fd);
}

void put_text(const char *name, const char *text, mode_t mode)
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

	snprintf(beside, sizeof beside, "%.*s/corpus", slash ? (int)(slash - __FILE__) : 1,
	         slash ? __FILE__ : ".");
	candidates[1] = beside;
	for (size_t i = 0; i < 3; i++)
		if (candidates[i] && realpath(candidates[i], corpus))
			return;
	cr_fatal("no corpus: set CONFIG_CORPUS to tests/config/corpus of the sources");
}

void enter_scratch(void)
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

void leave_scratch(void)
{
	DIR *dir = opendir(scratch);

	for (struct dirent *entry; dir && (entry = readdir(dir));)
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(scratch);
}

char *read_all(const char *path, size_t *ret_len)
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

void fetch(const char *kind, const char *name)
{
	static const char mark[] = "@DIR@";
	char path[PATH_MAX * 2];
	size_t len = 0;

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

int load(const char *name, struct desired **ret, char **ret_output)
{
	size_t len;
	FILE *messages = open_memstream(ret_output, &len);

	*ret = NULL;
	int err = config_load(name, messages, ret);
	fclose(messages);
	return err;
}

void assert_refused(const char *text, size_t len, int outcome, const char *expected)
{
	struct desired *config;
	char *output;

	put_file("t.yaml", text, len, 0600);
	cr_expect(eq(int, load("t.yaml", &config, &output), outcome));
	cr_expect(eq(ptr, config, NULL));
	EXPECT_TEXT(output, expected);
	free(output);
}

struct desired *load_good(const char *name)
{
	struct desired *config;
	char *output;

	fetch("good", name);
	cr_assert(eq(int, load(name, &config, &output), 0), "%s", output);
	free(output);
	return config;
}

void expect_key(const uint8_t *key, const char *text)
{
	char written[KEY_TEXT_LEN];

	cr_assert(ne(ptr, (void *)key, NULL));
	key_to_base64(written, key);
	EXPECT_TEXT(written, text);
}

void expect_private_key(const uint8_t *key)
{
	uint8_t wanted[KEY_LEN], derived[KEY_LEN], ours[KEY_LEN];

	cr_assert(zero(int, key_from_base64(wanted, OWN_KEY)));
	dh_public(derived, wanted);
	dh_public(ours, key);
	cr_expect(zero(int, memcmp(derived, ours, KEY_LEN)));
	cr_expect(eq(int, key[0] & 7, 0), "not clamped");
	cr_expect(eq(int, key[31] & 0xc0, 0x40), "not clamped");
}

void expect_prefix(const struct prefix *prefix, const char *text)
{
	char written[PREFIX_TEXT_LEN];

	EXPECT_TEXT(prefix_format(prefix, written), text);
}

void expect_endpoint(const struct endpoint *endpoint, const char *text)
{
	char written[ENDPOINT_TEXT_LEN];

	EXPECT_TEXT(endpoint_format(endpoint, written), text);
}
