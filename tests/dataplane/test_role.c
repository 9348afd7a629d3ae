/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/thread.h"
#include "dataplane/role.h"

enum {
	ASKERS = 4,
	ASKS = 200000,
};

Test(role, first_who_asks_has_it_until_it_is_left)
{
	struct role r = {0};

	cr_expect(role_ask(&r));
	cr_expect(not(role_ask(&r)));
	cr_expect(eq(uint, role_leave(&r, 1), 1), "somebody asked meanwhile");
	cr_expect(not(role_ask(&r)));
	cr_expect(eq(uint, role_leave(&r, 1), 1));
	cr_expect(eq(uint, role_leave(&r, 1), 0));
	cr_expect(role_ask(&r));
	cr_expect(eq(uint, role_leave(&r, 1), 0));
}

/* ---- with threads ---- */

static struct role role;
static _Atomic unsigned wanted; /* not yet done */
static unsigned done;           /* of the role: no atomic, no lock */
static bool is_taken;           /* of the role */
static unsigned collisions;     /* of the role */

static void do_what_is_wanted(void)
{
	for (unsigned seen = 1; seen; seen = role_leave(&role, seen)) {
		collisions += is_taken;
		is_taken = true;
		done += atomic_exchange_explicit(&wanted, 0, memory_order_relaxed);
		is_taken = false;
	}
}

static void ask(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ASKS; i++) {
		atomic_fetch_add_explicit(&wanted, 1, memory_order_relaxed);
		if (role_ask(&role))
			do_what_is_wanted();
	}
}

Test(role, nothing_that_was_asked_for_is_left_undone_and_no_two_have_it, .timeout = 60)
{
	struct thread t[ASKERS];

	for (unsigned i = 0; i < ASKERS; i++)
		cr_assert(eq(int, thread_start(&t[i], "asker", THREAD_HELPER, -1, ask, NULL), 0));
	for (unsigned i = 0; i < ASKERS; i++)
		thread_join(&t[i]);
	cr_expect(eq(uint, done, ASKERS * ASKS));
	cr_expect(eq(uint, collisions, 0));
	cr_expect(eq(uint, atomic_load(&role.asked), 0));
}
