/* SPDX-License-Identifier: MIT */
#include "config/dscp.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

Test(dscp, names_and_numbers_are_known)
{
	cr_expect(eq(u8, config_dscp_of("ef"), 46));
	cr_expect(eq(u8, config_dscp_of("EF"), 46));
	cr_expect(eq(u8, config_dscp_of("va"), 44));
	cr_expect(eq(u8, config_dscp_of("le"), 1));
	cr_expect(eq(u8, config_dscp_of("af11"), 10));
	cr_expect(eq(u8, config_dscp_of("af43"), 38));
	cr_expect(eq(u8, config_dscp_of("0"), 0));
	cr_expect(eq(u8, config_dscp_of("63"), 63));
}

Test(dscp, class_selectors_are_multiples_of_8_and_assured_forwarding_is_reckoned)
{
	char name[8];

	for (unsigned i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "cs%u", i);
		cr_expect(eq(u8, config_dscp_of(name), (uint8_t)(8 * i)), "%s", name);
	}
	for (unsigned class = 1; class <= 4; class ++) {
		for (unsigned drop = 1; drop <= 3; drop++) {
			snprintf(name, sizeof name, "af%u%u", class, drop);
			cr_expect(eq(u8, config_dscp_of(name), (uint8_t)(8 * class + 2 * drop)),
			          "%s", name);
		}
	}
}
