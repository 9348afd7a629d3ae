/* SPDX-License-Identifier: MIT */
#include "topology.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "events.h"
#include "same_math.h"

#define STREAM      1000u
#define LONG_S      6.0    /* what goes on without end goes on for so long, ... */
#define SHORT_S     2.5    /* ... at least for so long, ... */
#define PACKETS     200000 /* ... and otherwise until about so many could have gone */
#define DOWNLOAD_S  25.0   /* the best link is to bring it within so long */
#define CHANGES_S   8.0    /* and something happens in the first so many seconds */
#define BEGINS_S    0.5
#define DEAD_MIN_S  0.3
#define DEAD_MORE_S 3.0

static struct sim_random random_of;

static double part(void)
{
	return (double)(sim_next(&random_of) >> 11) / 9007199254740992.0;
}

static bool chance(double p)
{
	return part() < p;
}

static double between(double least, double most)
{
	return least + part() * (most - least);
}

static double evenly(double least, double most)
{
	return least * same_power(most / least, part());
}

/* Adds to @text, which has @size bytes. */
static void add_to(char *text, size_t size, const char *format, va_list args)
{
	size_t len = strlen(text);

	vsnprintf(text + len, size - len, format, args);
}

static void tell(struct topology *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_to(t->about, sizeof t->about, format, args);
	va_end(args);
}

static void tell_traffic(struct topology *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_to(t->traffic, sizeof t->traffic, format, args);
	va_end(args);
}

/* ---- links ---- */

static void draw_loss(struct pipe_settings *l)
{
	double kind = part();

	if (kind < 0.6)
		return;
	l->loss_percent = evenly(0.01, 2);
	if (kind > 0.85)
		l->burst = between(2, 10);
}

static void make_cell(struct pipe_settings *l)
{
	l->lte_high = MAX(l->mbps, 4);
	l->lte_low = l->lte_high / between(2, 8);
	l->mbps = sqrt(l->lte_low * l->lte_high);
	l->delay_ms = MAX(l->delay_ms, 15);
	l->jitter_ms = between(2, 10);
	l->queue_ms = between(150, 500);
	l->handover_s = chance(0.5) ? between(5, 20) : 0;
}

static void draw_link(struct topology *t, struct pipe_settings *l)
{
	l->mbps = evenly(1, 1000);
	l->delay_ms = evenly(1, 150);
	l->queue_ms = evenly(20, 500);
	if (chance(0.5))
		l->jitter_ms = evenly(0.1, MIN(0.3 * l->delay_ms + 0.2, 25));
	draw_loss(l);
	if (chance(0.15)) {
		make_cell(l);
		t->has_cell = true;
	}
	l->up_mbps = MAX(l->mbps * (chance(0.5) ? 1 : evenly(0.05, 1)), 0.5);
	l->up_delay_ms = l->delay_ms * between(0.7, 1.5);
	t->sum_mbps += l->mbps;
	tell(t, " %s%.1f/%.1f Mbit/s %.1f/%.1f ms", l->lte_high > 0 ? "cell " : "", l->mbps,
	     l->up_mbps, l->delay_ms, l->up_delay_ms);
	tell(t, " jitter %.1f loss %.2f%s queue %.0f;", l->jitter_ms, l->loss_percent,
	     l->burst > 0 ? " in bursts" : "", l->queue_ms);
}

/* ---- what happens ---- */

static void add_change(struct topology *t, double at_s, enum change_kind kind, unsigned link,
                       uint8_t ways, double mbps)
{
	struct scenario *s = &t->links;

	if (s->changes < SCENARIO_CHANGES)
		s->change[s->changes++] = (struct change){at_s, kind, (uint8_t)link, ways, mbps};
}

static void die_for_a_while(struct topology *t, unsigned link)
{
	double at_s = BEGINS_S + between(0.2, 4), for_s = DEAD_MIN_S + part() * DEAD_MORE_S;
	uint8_t ways = chance(0.5) ? 3 : 1;

	add_change(t, at_s, CHANGE_DIES, link, ways, 0);
	add_change(t, at_s + for_s, CHANGE_LIVES, link, ways, 0);
	tell(t, " link %u is dead from %.1f s for %.1f s (%u);", link, at_s, for_s, ways);
}

static void flap(struct topology *t, unsigned link)
{
	double up_s = between(0.4, 3), down_s = between(0.1, 1);

	tell(t, " link %u is up for %.1f and down for %.1f s;", link, up_s, down_s);
	for (double s = BEGINS_S + up_s; s < CHANGES_S; s += up_s + down_s) {
		add_change(t, s, CHANGE_DIES, link, 3, 0);
		add_change(t, s + down_s, CHANGE_LIVES, link, 3, 0);
	}
}

static void step(struct topology *t, unsigned link)
{
	double mbps = t->links.link[link].mbps;

	if (t->links.link[link].lte_high > 0)
		return;
	for (double s = BEGINS_S + between(0.5, 3); s < CHANGES_S; s += between(1, 4)) {
		double to = MAX(mbps * evenly(0.2, 1), 0.5);

		add_change(t, s, CHANGE_RATE, link, 1, to);
		tell(t, " link %u has %.1f Mbit/s at %.1f s;", link, to, s);
	}
}

static void draw_changes(struct topology *t)
{
	unsigned link = (unsigned)sim_below(&random_of, t->links.links);
	double kind = part();

	if (kind > 0.88)
		die_for_a_while(t, link);
	else if (kind > 0.8)
		flap(t, link);
	else if (kind > 0.6)
		step(t, link);
}

/* ---- what goes over them ---- */

static void draw_traffic(struct topology *t)
{
	static const enum flow_kind kinds[] = {FLOW_CUBIC, FLOW_CUBIC, FLOW_QUIC, FLOW_QUIC,
	                                       FLOW_BBR};
	static const char *const names[] = {
		[FLOW_CUBIC] = "CUBIC", [FLOW_QUIC] = "QUIC", [FLOW_BBR] = "BBR"};

	t->kind = kinds[sim_below(&random_of, sizeof kinds / sizeof *kinds)];
	t->flows = chance(0.3) ? 4 : 1;
	tell_traffic(t, "%u %s", t->flows, names[t->kind]);
}

/* 1, 10 or 100 MB, if the best link alone needs no eternity for it. */
static void draw_length(struct topology *t)
{
	static const double sizes[] = {0, 1, 10, 100};
	double best_mbps = 0;
	unsigned size = (unsigned)sim_below(&random_of, 4);

	for (unsigned i = 0; i < t->links.links; i++)
		best_mbps = MAX(best_mbps, t->links.link[i].mbps);
	while (size && sizes[size] * 8 > best_mbps * DOWNLOAD_S)
		size--;
	t->mbytes = sizes[size];
	t->seconds = MAX(SHORT_S, MIN(LONG_S, PACKETS * INNER_BYTES * 8 / 1e6 / t->sum_mbps));
	if (size) {
		t->flows = 1;
		t->seconds = 4 * DOWNLOAD_S;
		tell_traffic(t, ", %.0f MB", t->mbytes);
	} else {
		tell_traffic(t, ", for %.1f s", t->seconds);
	}
}

struct topology topology_draw(uint64_t seed)
{
	struct topology t = {.links = {.name = "random", .about = "random"}};

	sim_random_init(&random_of, seed, STREAM);
	t.links.links = 2 + (unsigned)sim_below(&random_of, SCENARIO_LINKS - 1);
	for (unsigned i = 0; i < t.links.links; i++) {
		draw_link(&t, &t.links.link[i]);
		t.links.rate_weight[i] = (uint32_t)MAX(t.links.link[i].mbps, 1);
	}
	draw_changes(&t);
	draw_traffic(&t);
	draw_length(&t);
	t.is_warm = chance(0.9);
	if (!t.is_warm)
		tell_traffic(&t, ", the first ever");
	return t;
}
