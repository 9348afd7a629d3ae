/* SPDX-License-Identifier: MIT */
#include "shorts.h"

#include <stdlib.h>

#include "events.h"

#define AT_ONCE 64u
#define PACKETS 15 /* 20 KB */
#define TIMES   8192u

static struct tcp flow[AT_ONCE];
static bool is_begun[AT_ONCE];
static struct host *from, *to;
static double per_s, took_ms[TIMES];
static unsigned begun, times;

static void note(unsigned place)
{
	struct tcp *t = &flow[place];

	if (t->done_ns && times < TIMES)
		took_ms[times++] = (double)(t->done_ns - t->began_ns) / 1e6;
	tcp_end(t);
	is_begun[place] = false;
}

static void on_next(void *what, uint64_t number)
{
	unsigned place = begun % AT_ONCE;

	(void)number;
	if (is_begun[place])
		note(place);
	tcp_begin(&flow[place], (uint16_t)(SHORTS_FLOW + begun++), FLOW_CUBIC, PACKETS);
	flow[place].host = from;
	flow[place].peer = to;
	flow[place].send = host_offer;
	is_begun[place] = true;
	tcp_start(&flow[place]);
	event_at(sim_now_ns + (uint64_t)(1e9 / per_s), on_next, what, 0);
}

void shorts_begin(struct host *from_host, struct host *to_host, double each_s, uint64_t at_ns)
{
	from = from_host;
	to = to_host;
	per_s = each_s;
	begun = times = 0;
	event_at(at_ns, on_next, NULL, 0);
}

void shorts_end(void)
{
	for (unsigned i = 0; i < AT_ONCE; i++) {
		if (is_begun[i])
			note(i);
	}
}

struct tcp *shorts_find(unsigned number)
{
	struct tcp *t = &flow[(number - SHORTS_FLOW) % AT_ONCE];

	return is_begun[t - flow] && t->id == number ? t : NULL;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double shorts_took(double share)
{
	qsort(took_ms, times, sizeof *took_ms, compare);
	return times ? took_ms[(unsigned)(share * (times - 1))] : -1;
}
