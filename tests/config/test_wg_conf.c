/* SPDX-License-Identifier: MIT */
#include "config/wg_conf.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static const struct {
	const char *text;
	size_t line; /* 0: it is none */
} cases[] = {
	{"[Interface]\n", 1},
	{"[Interface]", 1},
	{"[peer]\nPublicKey = x\n", 1},
	{"\xef\xbb\xbf[Interface]\n", 1},
	{"\n# a comment\n  ; another\n\t[INTERFACE] # here\r\n", 4},
	{"\r\n\r\n[Peer]\r\n", 3},
	{"", 0},
	{"\n\n", 0},
	{"[Interfac", 0},
	{"[Interfaces]\n", 0},
	{"network: {}\n[Interface]\n", 0},
	{"# [Interface]\n", 0},
	{"- [Peer]\n", 0},
};

Test(wg_conf, first_line_with_something_in_it_decides)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t line = 0;
		bool is_it = is_wg_conf(cases[i].text, strlen(cases[i].text), &line);

		cr_expect(eq(int, is_it, cases[i].line > 0), "case %zu", i);
		if (is_it)
			cr_expect(eq(sz, line, cases[i].line), "case %zu", i);
	}
}

/* The text of a file ends by its length, not by a zero. */
Test(wg_conf, nothing_behind_the_end_is_read)
{
	static const char text[] = "\n[Interface]";
	size_t line;

	cr_expect(is_wg_conf(text, sizeof text - 1, &line));
	cr_expect(not(is_wg_conf(text, sizeof text - 2, &line)));
	cr_expect(not(is_wg_conf(text, 1, &line)));
}
