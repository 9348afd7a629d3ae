/* SPDX-License-Identifier: MIT */
/* The names of reasons are keys of the status output, and its texts are read by people. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "dataplane/drop.h"

Test(drop, each_reason_has_a_name_of_its_own_that_is_a_key)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		const char *name = drop_name(i);

		cr_expect(ge(sz, strlen(name), 3));
		cr_expect(
			eq(sz, strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name)),
			"%s", name);
		for (unsigned k = 0; k < i; k++)
			cr_expect(ne(str, (char *)name, (char *)drop_name(k)));
	}
}

Test(drop, each_reason_has_a_text_of_its_own)
{
	for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
		cr_expect(ge(sz, strlen(drop_text(i)), 5));
		for (unsigned k = 0; k < i; k++)
			cr_expect(ne(str, (char *)drop_text(i), (char *)drop_text(k)));
	}
}
