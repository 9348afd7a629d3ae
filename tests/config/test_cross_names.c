/* SPDX-License-Identifier: MIT */
#include "config/cross_names.h"

#include "cross_rig.h"

TestSuite(cross_names, .init = ready_crypto);

#define LINKS(list) "wireguard: {links: [" list "]}"
#define TWICE(what)                                                                         \
	"wireguard.links" what ": a name, given or by default, must be unique; line 1 has " \
	"the same\n"

static void check_from_zero(const struct config_sections *s)
{
	cr_expect(zero(int, config_cross_names(s, s->links, "link", 0)));
}

static void check_from_one(const struct config_sections *s)
{
	cr_expect(zero(int, config_cross_names(s, s->links, "link", 1)));
}

Test(cross_names, name_belongs_to_one_and_so_does_that_by_default)
{
	static const struct cross_case cases[] = {
		{LINKS("{}, {}, {name: a}, {name: A}"), ""},
		{LINKS("{name: a}, {name: b}, {name: a}"), TWICE("[2].name")},
		{LINKS("{name: link-1}, {}"), TWICE("[1]")},
		{LINKS("{}, {name: link-0}"), TWICE("[1].name")},
		{LINKS("{name: link-0}, {name: link-2}"), ""},
		{LINKS("{name: ~}, {name: link-0}"), TWICE("[1].name")},
		{LINKS("{name: abcdefghijklmnopqrstuvwxyz01234}, {name: "
	               "abcdefghijklmnopqrstuvwxyz01235}"),
	         ""},
	};

	CROSS_EXPECT_ALL(cases, check_from_zero);
}

Test(cross_names, default_counts_from_where_it_is_told)
{
	static const struct cross_case cases[] = {
		{LINKS("{}, {name: link-0}"), ""},
		{LINKS("{}, {name: link-1}"), TWICE("[1].name")},
	};

	CROSS_EXPECT_ALL(cases, check_from_one);
}

/* It has a name, though nobody knows which. */
Test(cross_names, entry_whose_name_was_refused_has_none_by_default)
{
	static const struct cross_case cases[] = {
		{LINKS("{name: [x]}, {name: link-0}"),
	         "wireguard.links[0].name: must be a name of 1..31 bytes, without blanks around "
	         "it; this is a list\n"},
	};

	CROSS_EXPECT_ALL(cases, check_from_zero);
}

Test(cross_names, no_list_has_no_names)
{
	struct config_sections s = {0};

	check_from_zero(&s);
}
