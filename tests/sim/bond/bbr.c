/* SPDX-License-Identifier: MIT */
#include "bbr.h"

#include "events.h"
#include "tcp.h"
#include "vtrunkd/limits.h"

#define HIGH_GAIN    2.885 /* 2 / ln 2 */
#define WINDOW_GAIN  2.0
#define PACING_PART  0.99 /* bbr_pacing_margin_percent */
#define WINDOW_MIN   4.0
#define RTT_NS       (10 * NS_PER_S)
#define PROBE_RTT_NS (200 * NS_PER_MS)
#define FULL_GROWTH  1.25
#define FULL_ROUNDS  3u
#define PHASES       8u

static const double phase_gain[PHASES] = {1.25, 0.75, 1, 1, 1, 1, 1, 1};

static double bandwidth(const struct bbr *b)
{
	double most = 0;

	for (unsigned i = 0; i < BBR_ROUNDS; i++)
		most = MAX(most, b->rate[i]);
	return most;
}

static double product(const struct bbr *b)
{
	return bandwidth(b) * (double)b->least_rtt_ns;
}

void bbr_begin(struct tcp *t)
{
	t->bbr = (struct bbr){.mode = BBR_STARTUP};
}

/* Returns whether a round is over. */
static bool note_rate(struct tcp *t, uint64_t sent_ns, int64_t delivered, uint64_t delivered_ns)
{
	struct bbr *b = &t->bbr;
	uint64_t took_ns = MAX(sim_now_ns - delivered_ns, sim_now_ns - sent_ns);
	bool is_over = delivered >= b->round_end;

	if (is_over) {
		b->round_end = t->delivered;
		b->rate[++b->round % BBR_ROUNDS] = 0;
	}
	/* Over less than the least round trip ACKs have been held together. */
	if (took_ns && (!b->least_rtt_ns || took_ns >= b->least_rtt_ns)) {
		double rate = (double)(t->delivered - delivered) / (double)took_ns;

		b->rate[b->round % BBR_ROUNDS] = MAX(b->rate[b->round % BBR_ROUNDS], rate);
	}
	return is_over;
}

static void check_full(struct bbr *b)
{
	double rate = bandwidth(b);

	if (rate >= b->full_rate * FULL_GROWTH) {
		b->full_rate = rate;
		b->full_rounds = 0;
		return;
	}
	if (++b->full_rounds >= FULL_ROUNDS && b->mode == BBR_STARTUP)
		b->mode = BBR_DRAIN;
}

static void begin_probing(struct tcp *t)
{
	t->bbr.mode = BBR_PROBE_BANDWIDTH;
	t->bbr.phase = 2 + (unsigned)t->id % (PHASES - 2);
	t->bbr.phase_at_ns = sim_now_ns;
}

static void advance_phase(struct tcp *t)
{
	struct bbr *b = &t->bbr;
	double gain = phase_gain[b->phase];
	bool is_long = sim_now_ns - b->phase_at_ns > b->least_rtt_ns;

	if (b->mode != BBR_PROBE_BANDWIDTH)
		return;
	if (gain > 1)
		is_long = is_long && (t->lost || t->flying >= gain * product(b));
	else if (gain < 1)
		is_long = is_long || t->flying <= product(b);
	if (!is_long)
		return;
	b->phase = (b->phase + 1) % PHASES;
	b->phase_at_ns = sim_now_ns;
}

static void note_rtt(struct tcp *t, uint64_t rtt_ns)
{
	struct bbr *b = &t->bbr;
	bool is_old = b->least_at_ns && sim_now_ns - b->least_at_ns > RTT_NS;

	if (!b->least_rtt_ns || rtt_ns <= b->least_rtt_ns || is_old) {
		b->least_rtt_ns = rtt_ns;
		b->least_at_ns = sim_now_ns;
	}
	if (!is_old || b->mode == BBR_PROBE_RTT)
		return;
	b->mode = BBR_PROBE_RTT;
	b->prior_window = t->window;
	b->probed_until_ns = 0;
}

static void probe_rtt(struct tcp *t)
{
	struct bbr *b = &t->bbr;

	if (!b->probed_until_ns && t->flying <= (int)WINDOW_MIN)
		b->probed_until_ns = sim_now_ns + MAX(PROBE_RTT_NS, b->least_rtt_ns);
	if (!b->probed_until_ns || sim_now_ns < b->probed_until_ns)
		return;
	b->least_at_ns = sim_now_ns;
	t->window = MAX(t->window, b->prior_window);
	if (b->full_rounds >= FULL_ROUNDS)
		begin_probing(t);
	else
		b->mode = BBR_STARTUP;
}

static void set_rate_and_window(struct tcp *t, int newly)
{
	struct bbr *b = &t->bbr;
	double gain = b->mode == BBR_STARTUP           ? HIGH_GAIN
	              : b->mode == BBR_DRAIN           ? 1 / HIGH_GAIN
	              : b->mode == BBR_PROBE_BANDWIDTH ? phase_gain[b->phase]
	                                               : 1;
	double window_gain = b->mode == BBR_PROBE_BANDWIDTH ? WINDOW_GAIN : HIGH_GAIN;
	double target = window_gain * product(b) + 3;

	b->pacing = gain * bandwidth(b) * PACING_PART;
	if (b->full_rounds >= FULL_ROUNDS)
		t->window = MIN(t->window + newly, target);
	else if (t->window < target || t->delivered < 10)
		t->window += newly;
	t->window = b->mode == BBR_PROBE_RTT ? WINDOW_MIN : MAX(t->window, WINDOW_MIN);
}

void bbr_acknowledged(struct tcp *t, int newly, uint64_t sent_ns, int64_t delivered,
                      uint64_t delivered_ns)
{
	struct bbr *b = &t->bbr;

	if (note_rate(t, sent_ns, delivered, delivered_ns) && b->full_rounds < FULL_ROUNDS)
		check_full(b);
	if (b->mode == BBR_DRAIN && t->flying <= product(b))
		begin_probing(t);
	advance_phase(t);
	note_rtt(t, sim_now_ns - sent_ns);
	if (b->mode == BBR_PROBE_RTT)
		probe_rtt(t);
	set_rate_and_window(t, newly);
}
