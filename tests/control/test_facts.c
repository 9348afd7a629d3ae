/* SPDX-License-Identifier: MIT */
#include "control/facts.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static void expect_described(const struct fact_member *members)
{
	for (const struct fact_member *m = members; m->name; m++) {
		cr_expect(lt(sz, 1, strlen(m->help)), "%s says nothing", m->name);
		cr_expect(not(m->help[strlen(m->help) - 1] == '.'), "%s is no phrase", m->name);
		for (const char *c = m->name; *c; c++)
			cr_expect(strchr("abcdefghijklmnopqrstuvwxyz0123456789_", *c) != NULL, "%s",
			          m->name);
		for (const struct fact_member *other = members; other < m; other++)
			cr_expect(strcmp(m->name, other->name) != 0, "%s twice", m->name);
		cr_expect(eq(int, m->type == STATUS_OBJECT || m->type == STATUS_LIST,
		             m->member != NULL));
		if (m->member)
			expect_described(m->member);
	}
}

Test(facts, every_member_is_named_once_and_described)
{
	expect_described(facts_members);
}

static void expect_unit(const struct fact_member *members, const char *suffix,
                        enum status_unit unit)
{
	for (const struct fact_member *m = members; m->name; m++) {
		size_t len = strlen(m->name), suffix_len = strlen(suffix);

		if (len >= suffix_len && !strcmp(m->name + len - suffix_len, suffix))
			cr_expect(eq(int, m->unit, unit), "%s", m->name);
		if (m->member)
			expect_unit(m->member, suffix, unit);
	}
}

Test(facts, units_are_those_of_the_names)
{
	expect_unit(facts_members, "_s", STATUS_SECONDS);
	expect_unit(facts_members, "_ms", STATUS_MILLISECONDS);
	expect_unit(facts_members, "_bps", STATUS_BPS);
	expect_unit(facts_members, "_bytes", STATUS_BYTES);
	expect_unit(facts_members, "_packets", STATUS_PACKETS);
	expect_unit(facts_members, "_percent", STATUS_PERCENT);
}

Test(facts, lists_keep_the_order_in_which_they_were_made)
{
	struct facts *facts = facts_create();
	struct facts_peer *peer[3];

	for (unsigned i = 0; i < 3; i++) {
		peer[i] = facts_add_peer(facts);
		cr_assert(ne(ptr, facts_add_path(peer[i]), NULL));
		cr_assert(ne(ptr, facts_add_link(facts), NULL));
	}
	struct fact_item *item = facts->peers.first;
	for (unsigned i = 0; i < 3; i++, item = item->next)
		cr_assert(eq(ptr, item, &peer[i]->item));
	cr_assert(eq(ptr, item, NULL));
	cr_assert(eq(ptr, peer[0]->paths.first, peer[0]->paths.last));
	facts_free(facts);
	facts_free(NULL);
}

Test(facts, what_is_set_is_copied_and_may_be_set_again)
{
	struct facts *facts = facts_create();
	struct facts_peer *peer = facts_add_peer(facts);
	struct facts_path *path = facts_add_path(peer);
	struct prefix allowed[2] = {{.len = 1}, {.len = 2}};
	char note[] = "shares";

	cr_assert(facts_set_allowed_ips(peer, allowed, 2));
	cr_assert(facts_set_note(path, note));
	allowed[1].len = note[0] = 0;
	cr_assert(eq(u8, peer->allowed_ips.prefix[1].len, 2));
	cr_assert(eq(str, (char *)path->note, (char *)"shares"));
	cr_assert(facts_set_allowed_ips(peer, allowed, 1));
	cr_assert(eq(sz, peer->allowed_ips.count, 1));
	cr_assert(facts_set_allowed_ips(peer, NULL, 0));
	cr_assert(facts_set_note(path, ""));
	cr_assert(eq(ptr, (void *)path->note, NULL));
	facts_free(facts);
}
