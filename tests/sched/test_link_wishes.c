/* SPDX-License-Identifier: MIT */
#include "sched/link_wishes.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* What the ends come to, whichever of them reckons. */
static void expect_both(struct link_wishes a, struct link_wishes b, struct link_wishes wanted)
{
	struct link_wishes ab = link_wishes_of_both(&a, &b), ba = link_wishes_of_both(&b, &a);

	cr_expect(eq(int, ab.role, wanted.role));
	cr_expect(eq(int, ba.role, wanted.role));
	cr_expect(eq(u32, ab.weight, wanted.weight));
	cr_expect(eq(u32, ba.weight, wanted.weight));
}

Test(link_wishes, default_of_one_end_leaves_it_to_the_other)
{
	expect_both((struct link_wishes){LINK_ROLE_PRIMARY, 1},
	            (struct link_wishes){LINK_ROLE_BACKUP, 40},
	            (struct link_wishes){LINK_ROLE_BACKUP, 40});
	expect_both((struct link_wishes){LINK_ROLE_OVERFLOW, 1},
	            (struct link_wishes){LINK_ROLE_PRIMARY, 40},
	            (struct link_wishes){LINK_ROLE_OVERFLOW, 40});
}

Test(link_wishes, same_at_both_ends_stays_what_it_is)
{
	expect_both((struct link_wishes){LINK_ROLE_BACKUP, 7},
	            (struct link_wishes){LINK_ROLE_BACKUP, 7},
	            (struct link_wishes){LINK_ROLE_BACKUP, 7});
}

Test(link_wishes, backup_is_more_reluctant_than_overflow)
{
	expect_both((struct link_wishes){LINK_ROLE_OVERFLOW, 3},
	            (struct link_wishes){LINK_ROLE_BACKUP, 2},
	            (struct link_wishes){LINK_ROLE_BACKUP, 3});
}

Test(link_wishes, roles_have_the_names_of_the_configuration)
{
	cr_expect(eq(str, (char *)link_role_name(LINK_ROLE_PRIMARY), "primary"));
	cr_expect(eq(str, (char *)link_role_name(LINK_ROLE_OVERFLOW), "overflow"));
	cr_expect(eq(str, (char *)link_role_name(LINK_ROLE_BACKUP), "backup"));
}
