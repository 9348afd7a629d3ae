/* SPDX-License-Identifier: MIT */
#include "cubic.h"

#include "events.h"
#include "same_math.h"
#include "vtrunkd/limits.h"

#define C        0.4
#define BETA     0.7
#define PAYLOAD  1368.0
#define GSO_TIME (4 * 65536.0)

static double cube(double x)
{
	return x * x * x;
}

static void avoid_congestion(struct tcp *t, int newly)
{
	double time, target, growth;

	if (!t->epoch_ns) {
		t->epoch_ns = sim_now_ns;
		if (t->window < t->most) {
			t->origin_k = same_cube_root((t->most - t->window) / C);
		} else {
			t->origin_k = 0;
			t->most = t->window;
		}
		t->friendly = t->window;
	}
	time = ((double)(sim_now_ns - t->epoch_ns) + t->least_rtt) / 1e9;
	target = MIN(t->most + C * cube(time - t->origin_k), 1.5 * t->window);
	growth = target > t->window ? (target - t->window) / t->window : 0.01 / t->window;
	/* bictcp_update(): as long as nothing was lost, 5 % in a round trip */
	if (!t->is_quic && !t->was_lost)
		growth = MAX(growth, 0.05);
	t->friendly += 3 * 0.3 / 1.7 * newly / t->window;
	t->window = MAX(t->window + growth * newly, t->friendly);
}

static void begin_round(struct tcp *t)
{
	t->round_end = t->next;
	t->round_samples = 0;
	t->round_least = 1e18;
	t->round_ns = t->round_ack_ns = sim_now_ns;
}

/* ACKs in close succession for longer than half the shortest round trip: the pipe is full. */
static bool is_train_long(struct tcp *t)
{
	double limit = t->delay_min;

	if (sim_now_ns - t->round_ack_ns > 2 * NS_PER_MS)
		return false;
	t->round_ack_ns = sim_now_ns;
	limit += MIN(1e6, GSO_TIME / (2 * t->window * PAYLOAD / MAX(t->srtt, 1)));
	return (double)(sim_now_ns - t->round_ns) > limit / 2;
}

/* tcp_cubic.c: HyStart. */
static void start_slowly(struct tcp *t, int newly, double rtt)
{
	double limit;

	t->window += newly;
	if (rtt > 0 && (t->delay_min <= 0 || rtt < t->delay_min))
		t->delay_min = rtt;
	if (rtt <= 0)
		return;
	if (t->acked > t->round_end)
		begin_round(t);
	if (t->window < 16)
		return;
	if (!t->is_quic && is_train_long(t))
		t->threshold = t->window;
	limit = t->delay_min + MAX(4e6, MIN(16e6, t->delay_min / 8));
	t->round_least = MIN(t->round_least, rtt);
	if (t->round_samples < 8)
		t->round_samples++;
	else if (t->round_least > limit)
		t->threshold = t->window;
}

void cubic_grow(struct tcp *t, int newly, double rtt)
{
	if (t->window < t->threshold)
		start_slowly(t, newly, rtt);
	else
		avoid_congestion(t, newly);
}

void cubic_lost(struct tcp *t)
{
	t->was_lost = true;
	t->most = t->window < t->most ? t->window * (1 + BETA) / 2 : t->window;
	t->epoch_ns = 0;
	t->threshold = MAX(2, t->window * BETA);
	t->window = t->threshold;
}

void cubic_undo(struct tcp *t)
{
	t->window = MAX(t->window, t->undo_window);
	t->threshold = MAX(t->threshold, t->undo_threshold);
	t->most = MAX(t->most, t->undo_window);
}

void cubic_timed_out(struct tcp *t)
{
	t->window = 1;
	t->was_lost = false;
	t->delay_min = 0;
	t->round_least = 1e18;
}
