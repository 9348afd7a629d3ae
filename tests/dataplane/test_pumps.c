/* SPDX-License-Identifier: MIT */
#include "dataplane/pumps.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/rcu.h"
#include "dataplane/self.h"

enum {
	THINGS = 3,
};

/* Something that has an alarm. */
struct thing {
	struct alarm alarm;
	int references;
	unsigned rung;
	uint64_t rung_ns, next_ns; /* ... and what it is set to then */
};

static struct dp_thread dispatcher, other;
static struct pumps pumps;
static struct thing things[THINGS];

static struct thing *thing_of(struct alarm *alarm)
{
	return caa_container_of(alarm, struct thing, alarm);
}

/* As an outflow does: it is worked on in the dispatcher's thread, which sets it anew. */
static void ring(struct alarm *alarm, void *self, uint64_t now_ns)
{
	struct thing *thing = thing_of(alarm);

	cr_assert(eq(ptr, self, &dispatcher));
	thing->rung++;
	thing->rung_ns = now_ns;
	pumps_set(&pumps, self, alarm, thing->next_ns);
}

static bool hold(struct alarm *alarm)
{
	thing_of(alarm)->references++;
	return true;
}

static void release(struct alarm *alarm)
{
	thing_of(alarm)->references--;
}

static const struct alarm_kind kind = {ring, hold, release};

static void setup(void)
{
	rcu_register_thread();
	pumps.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	cr_assert(ge(int, pumps.wake_fd, 0));
	cr_assert(eq(int, alarms_init(&pumps.alarms, THINGS, &dispatcher), 0));
	for (unsigned i = 0; i < THINGS; i++) {
		things[i].next_ns = NEVER_NS;
		alarm_init(&things[i].alarm, &kind);
	}
}

/* Whatever happened, nothing is held for good. */
static void teardown(void)
{
	alarms_fini(&pumps.alarms);
	close(pumps.wake_fd);
	for (unsigned i = 0; i < THINGS; i++) {
		if (things[i].references)
			abort();
	}
	rcu_unregister_thread();
}

TestSuite(pumps, .init = setup, .fini = teardown, .timeout = 60);

static void set_by(const struct dp_thread *self, unsigned i, uint64_t at_ns)
{
	pumps_set(&pumps, self, &things[i].alarm, at_ns);
}

/* Whether the dispatcher's sleep would be over. */
static bool is_woken(void)
{
	eventfd_t count;

	return eventfd_read(pumps.wake_fd, &count) == 0;
}

Test(pumps, where_nothing_is_set_nothing_rings)
{
	cr_expect(eq(u64, pumps_serve(&pumps, 1000), NEVER_NS));
	set_by(&other, 0, NEVER_NS);
	cr_expect(not(is_woken()));
	cr_expect(eq(u64, pumps_serve(&pumps, 1000), NEVER_NS));
}

Test(pumps, each_rings_at_its_time_and_the_next_is_told)
{
	set_by(&dispatcher, 0, 300);
	set_by(&dispatcher, 1, 100);
	set_by(&dispatcher, 2, 200);
	cr_expect(eq(u64, pumps_serve(&pumps, 99), 100));
	cr_expect(eq(uint, things[1].rung, 0));
	cr_expect(eq(u64, pumps_serve(&pumps, 100), 200));
	cr_expect(eq(uint, things[1].rung, 1));
	cr_expect(eq(u64, things[1].rung_ns, 100));
	cr_expect(eq(u64, pumps_serve(&pumps, 350), NEVER_NS));
	for (unsigned i = 0; i < THINGS; i++)
		cr_expect(eq(uint, things[i].rung, 1));
}

/* What a ring sets counts already. */
Test(pumps, what_is_set_by_its_own_ring_is_told)
{
	things[0].next_ns = 150;
	set_by(&dispatcher, 0, 100);
	cr_expect(eq(u64, pumps_serve(&pumps, 100), 150));
	things[0].next_ns = NEVER_NS;
	cr_expect(eq(u64, pumps_serve(&pumps, 149), 150));
	cr_expect(eq(uint, things[0].rung, 1));
	cr_expect(eq(u64, pumps_serve(&pumps, 150), NEVER_NS));
	cr_expect(eq(uint, things[0].rung, 2));
}

/* It looks before it sleeps. */
Test(pumps, the_dispatcher_does_not_wake_itself)
{
	set_by(&dispatcher, 0, 100);
	cr_expect(not(is_woken()));
	cr_expect(eq(u64, pumps_serve(&pumps, 0), 100));
	set_by(&dispatcher, 0, 50);
	cr_expect(not(is_woken()));
	cr_expect(eq(u64, pumps_serve(&pumps, 0), 50));
}

/* One that sleeps until later would be too late. */
Test(pumps, another_thread_wakes_it_only_for_what_is_sooner)
{
	set_by(&other, 0, 100);
	cr_expect(is_woken());
	set_by(&other, 0, 90);
	cr_expect(not(is_woken()), "it was, and will see this too");
	cr_expect(eq(u64, pumps_serve(&pumps, 0), 90));
	set_by(&other, 0, 200);
	cr_expect(not(is_woken()), "it looks at 90 and then again");
	set_by(&other, 0, NEVER_NS);
	cr_expect(not(is_woken()));
	set_by(&other, 0, 95);
	cr_expect(not(is_woken()));
	set_by(&other, 0, 80);
	cr_expect(is_woken());
	set_by(&other, 1, 500);
	cr_expect(is_woken(), "another one is not known of yet");
	cr_expect(eq(u64, pumps_serve(&pumps, 0), 80));
}

/* ... which then sleeps on. */
Test(pumps, one_that_was_put_off_is_looked_at_and_rings_later)
{
	set_by(&other, 0, 100);
	pumps_serve(&pumps, 0);
	set_by(&other, 0, 300);
	cr_expect(eq(u64, pumps_serve(&pumps, 100), 300));
	cr_expect(eq(uint, things[0].rung, 0));
	set_by(&other, 0, NEVER_NS);
	cr_expect(eq(u64, pumps_serve(&pumps, 300), NEVER_NS));
	cr_expect(eq(uint, things[0].rung, 0));
	cr_expect(eq(int, things[0].references, 0));
}
