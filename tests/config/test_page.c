/* SPDX-License-Identifier: MIT */
/* CONFIG_PAGE is the source of the man page. */
#include "config/page.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"

static char *page; /* with everything filled in */

/* The outcome for @source; the text is left in page. */
static int write_page(FILE *source)
{
	size_t len;
	FILE *out = open_memstream(&page, &len);

	cr_assert(ne(ptr, source, NULL));
	int err = config_page_write(source, out);
	fclose(out);
	fclose(source);
	return err;
}

static int write_text(const char *text)
{
	return write_page(fmemopen((char *)text, strlen(text), "r"));
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *at = page; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

/* An entry for each key of a section and of what has entries of its own there; cpus and endpoints
 * name their few keys in the text.
 */
static void expect_entries(const struct config_rule *keys)
{
	for (const struct config_rule *rule = keys; rule->key; rule++) {
		const struct config_rule *inner =
			rule->kind & CONFIG_LIST ? rule->inner->inner : rule->inner;
		char entry[512];

		snprintf(entry, sizeof entry, "\n*%s*: ", rule->key);
		cr_expect(ge(uint, count(entry), 1), "%s", entry);
		snprintf(entry, sizeof entry, "\n\t%s", rule->brief);
		cr_expect(ge(uint, count(entry), 1), "%s", entry);
		if (!inner)
			continue;
		if (!strcmp(rule->key, "links") || !strcmp(rule->key, "peers"))
			expect_entries(inner);
		else
			for (; inner->key; inner++) {
				snprintf(entry, sizeof entry, "*%s*", inner->key);
				cr_expect(ge(uint, count(entry), 1), "%s", entry);
			}
	}
}

Test(page, every_key_is_in_the_man_page)
{
	FILE *source = fopen(getenv("CONFIG_PAGE"), "re");

	cr_assert(eq(int, write_page(source), 0));
	for (const struct config_rule *section = config_schema.inner; section->key; section++) {
		char title[64];

		snprintf(title, sizeof title, "\n# %s\n", section->key);
		cr_expect(eq(uint, count(title), 1), "%s", title);
		expect_entries(section->inner);
	}
	cr_expect(eq(uint, count("@KEYS"), 0));
}

Test(page, entry_has_unit_range_default_and_sentences)
{
	cr_assert(eq(int, write_text("a\n@KEYS network@\nb\n"), 0));
	cr_expect(zero(int, strncmp(page,
	                            "a\n*mtu*: bytes, 1..65535; default 1420\n"
	                            "\tMTU of the tunnel's device. 1420 fits ",
	                            strlen("a\n*mtu*: bytes, 1..65535; default 1420\n"
	                                   "\tMTU of the tunnel's device. 1420 fits "))));
	cr_expect(
		ne(ptr, strstr(page, "\n\n*routes*: *auto* or *none*; default *auto*\n\t"), NULL));
	cr_expect(ne(ptr, strstr(page, "\n\n*address*: _IP_; default: none\n\t"), NULL));
	cr_expect(zero(int, strcmp(page + strlen(page) - 3, "\nb\n")));
}

Test(page, entries_of_a_list_are_found_by_its_name)
{
	cr_assert(eq(int, write_text("@KEYS wireguard.links@\n"), 0));
	cr_expect(ne(ptr, strstr(page, "*weight*: 1..1000000; default 1\n\t"), NULL));
	cr_expect(eq(uint, count("\n\n*"), 7));
}

Test(page, place_that_is_none_is_an_error)
{
	cr_expect(eq(int, write_text("@KEYS wireguard.lonks@\n"), -ENOENT));
	cr_expect(eq(int, write_text("@KEYS network.mtu@\n"), -ENOENT));
}
