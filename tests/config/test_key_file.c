/* SPDX-License-Identifier: MIT */
#include "config/key_file.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "corpus_rig.h"
#include "node_rig.h"

TestSuite(key_file, .init = enter_scratch, .fini = leave_scratch);

#define HOLDS "f:1:4: k: the file must hold a key, base64 of 32 bytes (44 characters); it holds "
#define ACCESSIBLE                                                                            \
	"f:1:4: k: the file must not be accessible by group or others; mode 0600 or 0400 is " \
	"allowed\n"

/* What is said about the file @name. The secrets hold its key when that is nothing. */
static const char *load_key(struct parsed *doc, const char *name)
{
	parse(doc, "k: %s\n", name);
	cr_assert(zero(int, config_key_file_load(doc->root->first, &doc->report, &doc->secrets)));
	return parsed_messages(doc);
}

Test(key_file, key_becomes_a_secret_whose_number_the_node_gets)
{
	static const char *const texts[] = {OWN_KEY, OWN_KEY "\n", "\n \t" OWN_KEY " \r\n\n"};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct parsed doc;

		put_text("t", texts[i], i ? 0600 : 0400);
		EXPECT_TEXT(load_key(&doc, "t"), "");
		cr_assert(eq(u64, doc.root->first->number, 1));
		expect_key(doc.secrets.keys[0], OWN_KEY);
		cr_expect(not(doc.root->first->is_refused));
		parsed_fini(&doc);
	}
}

Test(key_file, what_is_no_key_is_told_without_quoting_it)
{
	static const struct {
		const char *text, *messages;
	} cases[] = {
		{"", HOLDS "nothing\n"},
		{"AAAA\n", HOLDS "base64 of another length\n"},
		{"\n", HOLDS "base64 of another length\n"},
		{"hunter2!\n", HOLDS "no base64\n"},
		{OWN_KEY OWN_KEY, HOLDS "no base64\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct parsed doc;

		put_text("t", cases[i].text, 0600);
		EXPECT_TEXT(load_key(&doc, "t"), cases[i].messages);
		cr_expect(doc.root->first->is_refused);
		parsed_fini(&doc);
	}
}

Test(key_file, zero_ends_no_key)
{
	struct parsed doc;

	EXPECT_TEXT(load_key(&doc, "key-zero-byte"), HOLDS "no base64\n");
	parsed_fini(&doc);
}

Test(key_file, nobody_else_may_have_any_access)
{
	static const mode_t modes[] = {0640, 0620, 0610, 0604, 0602, 0601, 0666};

	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		struct parsed doc;

		put_text("t", OWN_KEY, modes[i]);
		EXPECT_TEXT(load_key(&doc, "t"), ACCESSIBLE);
		parsed_fini(&doc);
	}
}

/* A reader of a pipe would wait for a writer. */
Test(key_file, only_a_regular_file_is_read, .timeout = 20)
{
	struct parsed doc;

	cr_assert(zero(int, mkfifo("pipe", 0600)));
	EXPECT_TEXT(load_key(&doc, "pipe"), "f:1:4: k: must name a regular file\n");
	parsed_fini(&doc);
	EXPECT_TEXT(load_key(&doc, "/dev/null"), "f:1:4: k: must name a regular file\n");
	parsed_fini(&doc);
	EXPECT_TEXT(load_key(&doc, "absent"),
	            "f:1:4: k: the file cannot be read: No such file or directory; `umask 077; "
	            "vtrunkd genkey >FILE` makes one\n");
	parsed_fini(&doc);
}
