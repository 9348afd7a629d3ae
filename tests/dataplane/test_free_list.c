/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>

#include "base/rcu.h"

#include "base/thread.h"
#include "dataplane/free_list.h"

enum {
	GIVERS = 4,
	GIVEN = 20000, /* by each */
};

struct thing {
	struct cds_lfs_node node;
	unsigned times; /* it came home */
};

static struct free_list list;
static struct thing things[GIVERS][GIVEN];

static void setup(void)
{
	rcu_register_thread();
	free_list_init(&list);
}

TestSuite(free_list, .init = setup, .fini = rcu_unregister_thread, .timeout = 60);

/* Takes what is there. Returns how many. */
static unsigned take(void)
{
	struct cds_lfs_node *node;
	unsigned count = 0;

	for (; (node = free_list_get(&list)); count++)
		caa_container_of(node, struct thing, node)->times++;
	return count;
}

static void give(unsigned i)
{
	free_list_put(&list, &things[0][i].node);
}

static void expect_next(unsigned i)
{
	cr_expect(eq(ptr, free_list_get(&list), &things[0][i].node));
}

Test(free_list, what_came_last_is_taken_first)
{
	cr_expect(not(free_list_has_any(&list)));
	cr_expect(eq(ptr, free_list_get(&list), NULL));
	give(0);
	give(1);
	cr_expect(free_list_has_any(&list));
	expect_next(1);
	give(2);
	give(3);
	cr_expect(eq(uint, free_list_count(&list), 3));
	expect_next(3);
	expect_next(2);
	expect_next(0);
	cr_expect(eq(ptr, free_list_get(&list), NULL));
	cr_expect(eq(uint, free_list_count(&list), 0));
}

Test(free_list, who_waits_does_not_sleep_over_what_has_come)
{
	give(0);
	free_list_await(&list, NULL);
	cr_expect(eq(uint, take(), 1));
}

Test(free_list, wait_ends_though_nothing_comes)
{
	free_list_await(&list, &(struct timespec){.tv_nsec = 1000000});
	cr_expect(eq(uint, take(), 0));
	cr_expect(eq(uint, atomic_load(&list.is_waiting), 0));
}

/* ---- with other threads ---- */

static void await(void *arg)
{
	(void)arg;
	free_list_await(&list, NULL);
}

Test(free_list, owner_who_sleeps_is_woken_and_holds_up_no_grace_period)
{
	struct thread owner;

	cr_assert(eq(int, thread_start(&owner, "owner", THREAD_RX, -1, await, NULL), 0));
	while (!atomic_load(&list.is_waiting))
		sched_yield();
	synchronize_rcu(); /* would not end if it slept online */
	give(0);
	thread_join(&owner);
	cr_expect(eq(uint, take(), 1));
}

static void give_all(void *arg)
{
	struct thing *mine = arg;

	for (unsigned i = 0; i < GIVEN; i++)
		free_list_put(&list, &mine[i].node);
}

/* The owner sleeps whenever there is nothing: no wake-up is lost. */
Test(free_list, what_many_give_comes_home_each_once)
{
	struct thread giver[GIVERS];
	unsigned count = 0;

	for (unsigned i = 0; i < GIVERS; i++)
		cr_assert(
			eq(int,
		           thread_start(&giver[i], "giver", THREAD_HELPER, -1, give_all, things[i]),
		           0));
	while (count < GIVERS * GIVEN) {
		unsigned came = take();

		if (!came)
			free_list_await(&list, NULL);
		count += came;
	}
	for (unsigned i = 0; i < GIVERS; i++) {
		thread_join(&giver[i]);
		for (unsigned k = 0; k < GIVEN; k++)
			cr_assert(eq(uint, things[i][k].times, 1));
	}
}
