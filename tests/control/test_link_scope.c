/* SPDX-License-Identifier: MIT */
#include "control/link_scope.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "config/desired.h"
#include "dataplane/allowedips.h"

static int somebody;

/* The table that a configuration makes of two entries for everything. */
static struct allowedips *table_of(const struct desired *config)
{
	struct allowedips_entry entries[2 + LINK_SCOPE_ENTRIES_MAX] = {
		{.prefix = {.family = AF_INET}, .peer = &somebody},
		{.prefix = {.family = AF_INET6}, .peer = &somebody}};
	size_t n = link_scope_exclude(config, entries + 2);
	struct allowedips *table = allowedips_build(entries, 2 + n);

	cr_assert(ne(ptr, table, NULL));
	return table;
}

static bool goes(const struct allowedips *table, const char *address)
{
	uint8_t bytes[16];

	if (strchr(address, ':')) {
		cr_assert(eq(int, inet_pton(AF_INET6, address, bytes), 1));
		return allowedips_lookup6(table, bytes) == &somebody;
	}
	cr_assert(eq(int, inet_pton(AF_INET, address, bytes), 1));
	return allowedips_lookup4(table, bytes) == &somebody;
}

static const char *const on_link4[] = {"224.0.0.0", "224.0.0.22", "224.0.0.251", "255.255.255.255",
                                       NULL};
static const char *const on_link6[] = {"fe80::1",  "febf::1",  "ff01::1", "ff02::2",
                                       "ff02::16", "ff02::fb", "ff12::1", NULL};
static const char *const beyond[] = {
	"10.0.0.1",        "223.255.255.255", "224.0.1.1", "239.255.255.250",
	"255.255.255.254", "fd00::1",         "fec0::1",   "ff05::2",
	"ff0e::1",         "ff15::1",         NULL};

static void expect(const struct desired *config, const char *const *addresses, bool want)
{
	struct allowedips *table = table_of(config);

	for (; *addresses; addresses++)
		cr_expect(eq(int, goes(table, *addresses), want), "%s", *addresses);
	allowedips_destroy(table);
}

Test(link_scope, the_single_peer_gets_everything_but_what_stays_on_a_link)
{
	struct desired config = {.allows_everything = true};

	expect(&config, on_link4, false);
	expect(&config, on_link6, false);
	expect(&config, beyond, true);
}

Test(link_scope, allowed_ips_that_were_written_are_taken_by_the_letter)
{
	struct desired config = {0};

	expect(&config, on_link4, true);
	expect(&config, on_link6, true);
	expect(&config, beyond, true);
}

Test(link_scope, a_link_local_address_of_our_own_lets_ipv6_through)
{
	struct prefix addresses[] = {{AF_INET, 24, {169, 254, 0, 1}}, {AF_INET6, 64, {0xfe, 0x80}}};
	struct desired config = {
		.allows_everything = true, .addresses = addresses, .address_count = 2};

	expect(&config, on_link4, false);
	expect(&config, on_link6, true);
}

Test(link_scope, other_addresses_change_nothing)
{
	struct prefix addresses[] = {{AF_INET, 24, {0xfe, 0x80}},
	                             {AF_INET6, 64, {0xfd, 0x80}},
	                             {AF_INET6, 64, {0xfe, 0xc0}}};
	struct desired config = {
		.allows_everything = true, .addresses = addresses, .address_count = 3};

	expect(&config, on_link6, false);
}
