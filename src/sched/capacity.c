/* SPDX-License-Identifier: MIT */
/* Shares are in percent. */
#include "sched/capacity.h"

#define LONG_NS        (3 * NS_PER_MS) /* above the target: a queue that stands */
#define LOADED_PERCENT 80u
#define USED_PERCENT   80u
#define GAIN_DOWN      70u /* of the difference, with a queue and less arrived than thought */
#define GAIN           30u
#define BUSY_NS        (30 * NS_PER_MS) /* without a rest: as good as a window */
#define BUSY_PERCENT   90u
#define PROBE_PERCENT  104u /* per loop ... */
#define PROBE_STEP     3u   /* ... and so much more for each window that went well, ... */
#define PROBE_STEPS    7u   /* ... up to this many */
#define PROBE_LIMIT    125u /* of what arrived */
#define FIRST_LIMIT    200u /* the same while nothing is known: it doubles */
#define LOOP_MIN_NS    (20 * NS_PER_MS)
#define LOSS_PERCENT   110u /* more sent than so much of what arrived: lost in a queue */
#define MTU_BYTES      1480u
#define TRAIN_PERCENT  90u

static void set_rate(struct capacity *c, uint64_t bytes_per_s)
{
	if (c->limit && bytes_per_s >= c->limit) {
		bytes_per_s = c->limit;
		c->is_known = true; /* as much of it as matters */
	}
	if (bytes_per_s < CAPACITY_FLOOR_BPS)
		bytes_per_s = CAPACITY_FLOOR_BPS;
	c->bytes_per_s = bytes_per_s;
	c->ns_per_byte_q16 = (uint32_t)((NS_PER_S << 16) / bytes_per_s);
	if (bytes_per_s > c->most_bytes_per_s)
		c->most_bytes_per_s = bytes_per_s;
}

void capacity_set_limit(struct capacity *c, uint64_t bytes_per_s)
{
	if (c->limit == bytes_per_s)
		return;
	c->limit = bytes_per_s;
	if (bytes_per_s && c->most_bytes_per_s > bytes_per_s)
		c->most_bytes_per_s = bytes_per_s;
	set_rate(c, c->bytes_per_s);
}

void capacity_init(struct capacity *c)
{
	*c = (struct capacity){0};
	set_rate(c, CAPACITY_FIRST_BPS);
	capacity_restart(c);
}

static void rest(struct capacity *c)
{
	c->busy.span_ns = c->busy.delivered = c->busy.sent = 0;
	c->busy.least_queue_ns = UINT64_MAX;
	c->busy.most_queue_ns = 0;
}

static void begin_window(struct capacity *c)
{
	c->window.span_ns = c->window.delivered = c->window.sent = 0;
	c->window.samples = c->window.loaded = 0;
	c->window.least_queue_ns = UINT64_MAX;
}

void capacity_restart(struct capacity *c)
{
	begin_window(c);
	rest(c);
}

void capacity_train(struct capacity *c, uint64_t bytes_per_s)
{
	c->is_known = true;
	set_rate(c, bytes_per_s * TRAIN_PERCENT / 100);
}

static void approach(struct capacity *c, uint64_t bytes_per_s, unsigned percent)
{
	uint64_t old = c->bytes_per_s;

	set_rate(c, bytes_per_s > old ? old + (bytes_per_s - old) * percent / 100
	                              : old - (old - bytes_per_s) * percent / 100);
}

/* By so much per loop, but at most once per window. */
static void probe_up(struct capacity *c, uint64_t arrived, uint64_t loop_ns)
{
	uint64_t percent = PROBE_PERCENT, limit = arrived * PROBE_LIMIT / 100, rate;
	uint64_t span_ns = c->window.span_ns;

	percent += PROBE_STEP * (c->growth < PROBE_STEPS ? c->growth : PROBE_STEPS);
	if (!c->is_known) {
		percent = 200;
		limit = arrived * FIRST_LIMIT / 100;
	}
	if (loop_ns < LOOP_MIN_NS)
		loop_ns = LOOP_MIN_NS;
	if (span_ns < loop_ns)
		percent = 100 + (percent - 100) * span_ns / loop_ns;
	rate = c->bytes_per_s * percent / 100;
	if (rate > limit)
		rate = limit;
	if (rate > c->bytes_per_s)
		set_rate(c, rate);
	c->growth++;
}

static bool is_loaded(const struct capacity *c)
{
	return c->window.loaded * 100 >= c->window.samples * LOADED_PERCENT;
}

/* Of what is thought too fast the queue seems gone before it is, so it is not loaded as it seems: a
 * long queue that stood, and most of what is thought of it arrived, tell the same. Less may have
 * arrived for other reasons.
 */
static bool is_used(const struct capacity *c, uint64_t arrived)
{
	return arrived >= c->bytes_per_s / 100 * USED_PERCENT;
}

static uint64_t per_second(uint64_t bytes, uint64_t span_ns)
{
	return bytes * (NS_PER_S / NS_PER_US) / (span_ns / NS_PER_US);
}

/* Some of what was sent may have been lost behind the bottleneck, which carried it. */
static uint64_t carried(uint64_t arrived, uint64_t sent)
{
	return sent > arrived && sent < arrived * LOSS_PERCENT / 100 ? sent : arrived;
}

/* What met a queue of @sample's length waited while the bottleneck worked on what was before it. So
 * it did not rest since the packet before, if that came within this time; and if it never did for
 * BUSY_NS, what arrived is what it carries, however little was offered: after a path has become
 * slower, senders come in bursts with pauses between them, and no window is loaded from end to end.
 * A way that has become longer looks like a queue too, but one that keeps its length.
 */
static void follow_busy(struct capacity *c, const struct capacity_sample *sample, uint64_t long_ns)
{
	uint64_t rate;

	if (sample->queue_ns < sample->span_ns || sample->queue_ns < long_ns) {
		rest(c);
		return;
	}
	c->busy.span_ns += sample->span_ns;
	c->busy.delivered += sample->delivered;
	c->busy.sent += sample->sent;
	if (sample->queue_ns < c->busy.least_queue_ns)
		c->busy.least_queue_ns = sample->queue_ns;
	if (sample->queue_ns > c->busy.most_queue_ns)
		c->busy.most_queue_ns = sample->queue_ns;
	if (c->busy.span_ns < BUSY_NS || c->busy.most_queue_ns - c->busy.least_queue_ns < long_ns)
		return;
	rate = carried(per_second(c->busy.delivered, c->busy.span_ns),
	               per_second(c->busy.sent, c->busy.span_ns));
	if (rate < c->bytes_per_s / 100 * BUSY_PERCENT) {
		approach(c, rate, GAIN_DOWN);
		c->is_known = true;
		c->growth = 0;
	}
	rest(c);
}

/* A queue that nobody means to keep. */
static uint64_t too_long_ns(const struct capacity *c, uint64_t target_ns)
{
	return target_ns + LONG_NS + capacity_cost_ns(c, MTU_BYTES);
}

static void judge(struct capacity *c, uint64_t target_ns, uint64_t loop_ns)
{
	uint64_t long_ns = too_long_ns(c, target_ns);
	uint64_t arrived = per_second(c->window.delivered, c->window.span_ns);
	uint64_t sent = per_second(c->window.sent, c->window.span_ns);
	bool is_long;

	c->arrived_bytes_per_s = arrived;
	c->standing_ns = c->window.least_queue_ns;
	if (c->standing_ns < long_ns)
		arrived = carried(arrived, sent);
	is_long = c->standing_ns > long_ns;
	if ((is_loaded(c) || (is_long && is_used(c, arrived))) && c->standing_ns > target_ns / 2) {
		approach(c, arrived, is_long && arrived < c->bytes_per_s ? GAIN_DOWN : GAIN);
		c->is_known = true;
		c->growth = 0;
	} else if (is_loaded(c)) {
		probe_up(c, arrived, loop_ns);
	}
	if (arrived > c->bytes_per_s)
		set_rate(c, arrived);
	c->most_bytes_per_s -= c->most_bytes_per_s / 100 * (c->window.span_ns / NS_PER_MS) / 1000;
	if (c->most_bytes_per_s < c->bytes_per_s)
		c->most_bytes_per_s = c->bytes_per_s;
}

enum capacity_news capacity_sample(struct capacity *c, const struct capacity_sample *sample,
                                   uint64_t target_ns, uint64_t loop_ns)
{
	follow_busy(c, sample, too_long_ns(c, target_ns));
	c->window.span_ns += sample->span_ns;
	c->window.delivered += sample->delivered;
	c->window.sent += sample->sent;
	c->window.samples++;
	c->window.loaded += sample->is_loaded;
	if (sample->queue_ns < c->window.least_queue_ns)
		c->window.least_queue_ns = sample->queue_ns;
	if (c->window.span_ns < CAPACITY_WINDOW_NS || c->window.samples < CAPACITY_SAMPLES_MIN)
		return CAPACITY_OPEN;
	judge(c, target_ns, loop_ns);
	begin_window(c);
	return CAPACITY_CLOSED;
}
