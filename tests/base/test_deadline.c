/* SPDX-License-Identifier: MIT */
#include "base/deadline.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MANY 300u

struct item {
	struct deadline deadline;
	struct deadline_heap *heap;
	struct item *other;   /* whom the callback works on */
	uint64_t other_at_ns; /* to when it sets the other; NEVER_NS cancels */
	unsigned calls;
	uint64_t called_now_ns;
	uint64_t due_ns; /* the deadline when it expired */
};

static uint64_t last_due_ns; /* of the last callback: they must come in order */
static bool is_ordered;

/* Stands before libc's, to be able to fail. */
static bool is_memory_used_up;

void *reallocarray(void *at, size_t count, size_t size)
{
	return is_memory_used_up ? NULL : realloc(at, count * size);
}

static struct item *item_of(struct deadline *d)
{
	return (struct item *)((char *)d - offsetof(struct item, deadline));
}

static void note(struct deadline *d, uint64_t now_ns)
{
	struct item *item = item_of(d);

	item->calls++;
	item->called_now_ns = now_ns;
	item->due_ns = d->at_ns;
	is_ordered &= d->at_ns >= last_due_ns;
	last_due_ns = d->at_ns;
	if (item->other)
		deadline_set(item->heap, &item->other->deadline, item->other_at_ns);
}

static void begin_run(void)
{
	last_due_ns = 0;
	is_ordered = true;
}

static unsigned random_seed(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	unsigned seed = (unsigned)(t.tv_nsec ^ t.tv_sec);
	fprintf(stderr, "seed %u\n", seed);
	return seed;
}

Test(deadline, empty_heap_is_never_due)
{
	struct deadline_heap heap;

	deadline_heap_init(&heap);
	cr_assert(eq(u64, deadline_next_ns(&heap), NEVER_NS));
	cr_assert(eq(sz, deadline_run(&heap, NEVER_NS - 1), 0));
	deadline_heap_fini(&heap);
	deadline_heap_fini(&heap);
	deadline_heap_fini(NULL);
}

Test(deadline, is_due_at_its_nanosecond_and_not_before)
{
	struct deadline_heap heap = {0};
	struct item item = {.deadline.expired = note, .heap = &heap};

	cr_assert(eq(int, deadline_set(&heap, &item.deadline, 1000), 0));
	cr_assert(deadline_is_set(&item.deadline));
	cr_assert(eq(sz, deadline_run(&heap, 999), 0));
	cr_assert(eq(u64, deadline_next_ns(&heap), 1000));
	cr_assert(eq(sz, deadline_run(&heap, 1000), 1));
	cr_assert(not(deadline_is_set(&item.deadline)));
	cr_assert(eq(sz, deadline_run(&heap, 1000), 0));
	cr_assert(eq(uint, item.calls, 1));
	cr_assert(eq(u64, item.called_now_ns, 1000));
	deadline_heap_fini(&heap);
}

Test(deadline, never_and_cancel_take_it_out)
{
	struct deadline_heap heap = {0};
	struct item items[3] = {0};

	for (unsigned i = 0; i < 3; i++) {
		items[i].deadline.expired = note;
		deadline_set(&heap, &items[i].deadline, 10 + i);
	}
	deadline_set(&heap, &items[0].deadline, NEVER_NS);
	deadline_cancel(&heap, &items[1].deadline);
	deadline_cancel(&heap, &items[1].deadline);
	cr_assert(eq(u64, deadline_next_ns(&heap), 12));
	cr_assert(eq(sz, deadline_run(&heap, 100), 1));
	cr_assert(eq(uint, items[2].calls, 1));
	deadline_heap_fini(&heap);
}

Test(deadline, fini_unsets_what_was_set)
{
	struct deadline_heap heap = {0};
	struct item item = {.deadline.expired = note};

	deadline_set(&heap, &item.deadline, 5);
	deadline_heap_fini(&heap);
	cr_assert(not(deadline_is_set(&item.deadline)));
	cr_assert(eq(u64, deadline_next_ns(&heap), NEVER_NS));
}

Test(deadline, reserved_room_is_enough_and_does_not_move)
{
	struct deadline_heap heap = {0};
	struct item items[MANY] = {0};

	cr_assert(eq(int, deadline_reserve(&heap, MANY), 0));
	struct deadline **slots = heap.slots;
	for (unsigned i = 0; i < MANY; i++) {
		items[i].deadline.expired = note;
		cr_assert(eq(int, deadline_set(&heap, &items[i].deadline, MANY - i), 0));
	}
	cr_assert(eq(ptr, heap.slots, slots));
	deadline_heap_fini(&heap);
}

Test(deadline, growth_without_memory_changes_nothing)
{
	struct deadline_heap heap = {0};
	struct item items[2] = {{.deadline.expired = note}, {.deadline.expired = note}};

	cr_assert(eq(int, deadline_reserve(&heap, 1), 0));
	cr_assert(eq(int, deadline_set(&heap, &items[0].deadline, 7), 0));
	is_memory_used_up = true;
	cr_assert(eq(int, deadline_reserve(&heap, 2), -ENOMEM));
	cr_assert(eq(int, deadline_set(&heap, &items[1].deadline, 6), -ENOMEM));
	cr_assert(not(deadline_is_set(&items[1].deadline)));
	cr_assert(eq(u64, deadline_next_ns(&heap), 7));
	cr_assert(eq(int, deadline_set(&heap, &items[0].deadline, 8), 0)); /* a move needs none */
	is_memory_used_up = false;
	cr_assert(eq(int, deadline_set(&heap, &items[1].deadline, 6), 0));
	cr_assert(eq(sz, deadline_run(&heap, 8), 2));
	deadline_heap_fini(&heap);
}

/* The earlier one cancels, moves out or pulls in the later one. */
Test(deadline, callback_changes_others)
{
	static const struct {
		uint64_t first_ns, other_ns, set_to_ns;
		unsigned other_calls;
		uint64_t next_ns;
	} cases[] = {
		{10, 20, NEVER_NS, 0, NEVER_NS}, /* cancels one that is due too */
		{10, 20, 500, 0, 500},           /* moves it out */
		{10, 500, 50, 0, 101},           /* pulls it in: not before the next run */
		{10, 500, 100, 0, 101},          {10, 500, 101, 0, 101}, {10, 500, 102, 0, 102},
		{10, NEVER_NS, 300, 0, 300}, /* sets one that was not set */
		{20, 10, 300, 1, 300},       /* sets again one that ran before */
	};

	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct deadline_heap heap = {0};
		struct item other = {.deadline.expired = note};
		struct item first = {{.expired = note}, &heap, &other, cases[i].set_to_ns, 0, 0, 0};

		deadline_set(&heap, &first.deadline, cases[i].first_ns);
		deadline_set(&heap, &other.deadline, cases[i].other_ns);
		deadline_run(&heap, 100);
		cr_expect(eq(uint, first.calls, 1), "case %u", i);
		cr_expect(eq(uint, other.calls, cases[i].other_calls), "case %u", i);
		cr_expect(eq(u64, deadline_next_ns(&heap), cases[i].next_ns), "case %u", i);
		deadline_heap_fini(&heap);
	}
}

Test(deadline, one_that_sets_itself_into_the_past_waits_for_the_next_run)
{
	struct deadline_heap heap = {0};
	struct item item = {.deadline.expired = note, .heap = &heap, .other_at_ns = 1};

	item.other = &item;
	deadline_set(&heap, &item.deadline, 1);
	cr_assert(eq(sz, deadline_run(&heap, 100), 1));
	cr_assert(eq(sz, deadline_run(&heap, 100), 0));
	cr_assert(eq(sz, deadline_run(&heap, 101), 1));
	cr_assert(eq(uint, item.calls, 2));
	deadline_heap_fini(&heap);
}

static void free_item(struct deadline *d, uint64_t now_ns)
{
	(void)now_ns;
	free(item_of(d));
}

Test(deadline, callback_may_free_its_owner)
{
	struct deadline_heap heap = {0};

	for (unsigned i = 0; i < MANY; i++) {
		struct item *item = calloc(1, sizeof *item);

		item->deadline.expired = free_item;
		deadline_set(&heap, &item->deadline, i % 7);
	}
	cr_assert(eq(sz, deadline_run(&heap, 7), MANY));
	cr_assert(eq(u64, deadline_next_ns(&heap), NEVER_NS));
	deadline_heap_fini(&heap);
}

/* The oracle: a plain array of when each is due, searched from end to end. */
static uint64_t oracle_next(const uint64_t due_ns[static MANY])
{
	uint64_t next_ns = NEVER_NS;

	for (unsigned i = 0; i < MANY; i++)
		if (due_ns[i] < next_ns)
			next_ns = due_ns[i];
	return next_ns;
}

/* Runs both to @now_ns. Each that expires works on one other, which the oracle repeats in the order
 * in which the heap must have called them: by time. Times are distinct, so there are no ties.
 */
static void oracle_run(struct item items[static MANY], uint64_t due_ns[static MANY],
                       unsigned calls[static MANY], uint64_t now_ns)
{
	for (uint64_t next_ns; (next_ns = oracle_next(due_ns)) <= now_ns;) {
		unsigned i = 0;

		while (due_ns[i] != next_ns)
			i++;
		due_ns[i] = NEVER_NS;
		calls[i]++;
		if (items[i].other)
			due_ns[items[i].other - items] = items[i].other_at_ns;
	}
}

/* Unique by the low digits: @i tells the item, so no two deadlines are ever equal. */
static uint64_t random_time(uint64_t now_ns, unsigned i)
{
	return (now_ns + 1 + (uint64_t)rand() % 1000) * 1000 + i;
}

Test(deadline, random_work_agrees_with_a_searched_array)
{
	struct deadline_heap heap = {0};
	struct item items[MANY] = {0};
	uint64_t due_ns[MANY];
	unsigned calls[MANY] = {0};
	uint64_t now = 0;

	srand(random_seed());
	for (unsigned i = 0; i < MANY; i++) {
		items[i].deadline.expired = note;
		items[i].heap = &heap;
		due_ns[i] = NEVER_NS;
	}
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (unsigned)rand() % MANY, other = (unsigned)rand() % MANY;

		due_ns[i] = rand() % 4 ? random_time(now, i) : NEVER_NS;
		deadline_set(&heap, &items[i].deadline, due_ns[i]);
		items[i].other = rand() % 2 ? &items[other] : NULL;
		items[i].other_at_ns = rand() % 3 ? random_time(now + 5000, other) : NEVER_NS;
		if (step % 10 == 0) {
			now += (uint64_t)rand() % 100;
			begin_run();
			/* A time not after now, set by a callback, is the one thing the oracle does
			 * not know; those were drawn far ahead and may have come near since.
			 */
			for (unsigned k = 0; k < MANY; k++)
				if (items[k].other_at_ns <= now * 1000)
					items[k].other = NULL;
			deadline_run(&heap, now * 1000);
			oracle_run(items, due_ns, calls, now * 1000);
			cr_assert(is_ordered);
		}
		cr_assert(eq(u64, deadline_next_ns(&heap), oracle_next(due_ns)));
	}
	unsigned total = 0;
	for (unsigned i = 0; i < MANY; i++) {
		cr_assert(eq(uint, items[i].calls, calls[i]));
		total += calls[i];
	}
	cr_assert(lt(uint, 1000, total));
	deadline_heap_fini(&heap);
}
