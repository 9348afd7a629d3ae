/* SPDX-License-Identifier: MIT */
#include "config/file.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "corpus_rig.h"

TestSuite(file, .init = enter_scratch, .fini = leave_scratch);

/* Reads @path, which shall lead to @outcome and to @expected being said. */
static void expect_read(const char *path, int outcome, const char *expected,
                        struct config_file *file)
{
	char *said;
	size_t len;
	FILE *messages = open_memstream(&said, &len);

	*file = (struct config_file){0};
	cr_expect(eq(int, config_file_read(path, messages, file), outcome), "%s", path);
	fclose(messages);
	EXPECT_TEXT(said, expected);
	free(said);
}

Test(file, text_comes_as_it_is)
{
	static const char text[] = "a\0b\r\n\xff";
	struct config_file file;

	put_file("t", text, sizeof text - 1, 0600);
	expect_read("t", 0, "", &file);
	cr_assert(eq(sz, file.len, sizeof text - 1));
	cr_expect(zero(int, memcmp(file.text, text, file.len)));
	config_file_fini(&file);
	put_text("t", "", 0600);
	expect_read("t", 0, "", &file);
	cr_expect(eq(sz, file.len, 0));
	config_file_fini(&file);
}

Test(file, as_much_as_is_allowed_and_not_a_byte_more)
{
	char *text = calloc(1, CONFIG_BYTES_MAX + 1);
	struct config_file file;

	put_file("t", text, CONFIG_BYTES_MAX, 0600);
	expect_read("t", 0, "", &file);
	cr_expect(eq(sz, file.len, CONFIG_BYTES_MAX));
	config_file_fini(&file);
	put_file("t", text, CONFIG_BYTES_MAX + 1, 0600);
	expect_read("t", -EFBIG, "t:1:1: document: must be at most 1048576 bytes\n", &file);
	config_file_fini(&file);
	free(text);
}

/* Only a file holds a key that somebody else could read there. */
Test(file, everybody_may_read_it_or_not)
{
	static const struct {
		mode_t mode;
		bool is_world_readable;
	} cases[] = {{0600, false}, {0640, false}, {0604, true}, {0644, true}, {0602, false}};
	struct config_file file;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		put_text("t", "x", cases[i].mode);
		expect_read("t", 0, "", &file);
		cr_expect(eq(int, file.is_world_readable, cases[i].is_world_readable), "%o",
		          (unsigned)cases[i].mode);
		config_file_fini(&file);
	}
	expect_read("/dev/null", 0, "", &file);
	cr_expect(not(file.is_world_readable));
	config_file_fini(&file);
}

Test(file, failure_says_why)
{
	struct config_file file;

	expect_read("key/none", -ENOTDIR,
	            "key/none:1:1: document: cannot be read: Not a directory\n", &file);
	config_file_fini(&file);
	expect_read("absent", -ENOENT,
	            "absent:1:1: document: cannot be read: No such file or directory; `vtrunkd "
	            "config --output absent` writes a file to start from, -c FILE names another\n",
	            &file);
	config_file_fini(&file);
	expect_read(".", -EISDIR, ".:1:1: document: cannot be read: Is a directory\n", &file);
	config_file_fini(&file);
}
