/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <stdlib.h>

struct event {
	uint64_t at_ns, number, order;
	event_run run;
	void *what;
};

uint64_t sim_now_ns;

static struct event *heap; /* from 1 on */
static unsigned len, room;
static uint64_t planned;

void events_begin(uint64_t now_ns)
{
	sim_now_ns = now_ns;
	len = 0;
	planned = 0;
}

static bool is_before(const struct event *a, const struct event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void event_at(uint64_t at_ns, event_run run, void *what, uint64_t number)
{
	struct event e = {MAX(at_ns, sim_now_ns), number, planned++, run, what};
	unsigned i = ++len;

	if (len >= room) {
		room = room ? 2 * room : 1u << 16;
		heap = realloc(heap, room * sizeof *heap);
		if (!heap)
			abort();
	}
	for (; i > 1 && is_before(&e, &heap[i / 2]); i /= 2)
		heap[i] = heap[i / 2];
	heap[i] = e;
}

static struct event take_first(void)
{
	struct event first = heap[1], last = heap[len--];
	unsigned i = 1, child;

	while ((child = 2 * i) <= len) {
		if (child < len && is_before(&heap[child + 1], &heap[child]))
			child++;
		if (is_before(&last, &heap[child]))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return first;
}

void events_run_until(uint64_t end_ns)
{
	while (len && heap[1].at_ns <= end_ns) {
		struct event e = take_first();

		sim_now_ns = e.at_ns;
		e.run(e.what, e.number);
	}
	sim_now_ns = MAX(sim_now_ns, end_ns);
}

uint64_t events_run(void)
{
	return planned - len;
}
