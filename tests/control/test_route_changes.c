/* SPDX-License-Identifier: MIT */
#include "control/route_changes.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#define ROUTES_MAX 4096u

static struct prefix from[ROUTES_MAX], to[ROUTES_MAX];
static size_t from_count, to_count;
static struct route_changes changes;

static void teardown(void)
{
	route_changes_fini(&changes);
	route_changes_fini(&changes); /* nothing is left */
}

TestSuite(route_changes, .fini = teardown);

static void add(struct prefix *list, size_t *count, const char *text)
{
	cr_assert(eq(int, prefix_parse(text, &list[(*count)++]), 0));
}

static void compare(void)
{
	cr_assert(eq(int, route_changes_init(&changes, from, from_count, to, to_count), 0));
}

static void expect(const struct prefix *list, size_t count, size_t i, const char *text)
{
	char buf[PREFIX_TEXT_LEN];

	cr_assert(lt(sz, i, count));
	cr_expect(eq(str, (char *)prefix_format(&list[i], buf), (char *)text));
}

Test(route_changes, of_both_families_come_and_go)
{
	add(from, &from_count, "10.2.0.0/16");
	add(from, &from_count, "fd02::/64");
	add(from, &from_count, "10.1.0.0/16");
	add(to, &to_count, "fd03::/64");
	add(to, &to_count, "10.1.0.0/16");
	add(to, &to_count, "10.2.0.0/17");
	compare();
	cr_assert(eq(sz, changes.remove_count, 2));
	expect(changes.remove, 2, 0, "10.2.0.0/16");
	expect(changes.remove, 2, 1, "fd02::/64");
	cr_assert(eq(sz, changes.add_count, 2));
	expect(changes.add, 2, 0, "10.2.0.0/17");
	expect(changes.add, 2, 1, "fd03::/64");
}

Test(route_changes, one_that_several_have_goes_with_the_last_of_them)
{
	add(from, &from_count, "10.1.0.0/16");
	add(from, &from_count, "10.1.0.0/16");
	add(from, &from_count, "10.2.0.0/16");
	add(from, &from_count, "10.2.0.0/16");
	add(to, &to_count, "10.1.0.0/16");
	compare();
	cr_assert(eq(sz, changes.remove_count, 1));
	expect(changes.remove, 1, 0, "10.2.0.0/16");
	cr_expect(eq(sz, changes.add_count, 0));
}

Test(route_changes, one_that_several_get_comes_once)
{
	add(to, &to_count, "10.1.0.0/16");
	add(to, &to_count, "10.1.0.0/16");
	compare();
	cr_expect(eq(sz, changes.remove_count, 0));
	cr_expect(eq(sz, changes.add_count, 1));
}

Test(route_changes, nothing_to_nothing_is_nothing)
{
	compare();
	cr_expect(eq(sz, changes.remove_count, 0));
	cr_expect(eq(sz, changes.add_count, 0));
}

Test(route_changes, thousands_are_told_apart)
{
	for (; from_count < ROUTES_MAX; from_count++)
		from[from_count] = to[ROUTES_MAX - 1 - from_count] = (struct prefix){
			AF_INET, 32, {10, 0, (uint8_t)(from_count >> 8), (uint8_t)from_count}};
	to_count = ROUTES_MAX;
	to[17].len = 24;
	compare();
	cr_expect(eq(sz, changes.remove_count, 1));
	cr_expect(eq(sz, changes.add_count, 1));
	cr_expect(eq(uint, changes.add[0].len, 24));
}
