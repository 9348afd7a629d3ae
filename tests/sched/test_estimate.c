/* SPDX-License-Identifier: MIT */
#include "sched/estimate.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "vtrunkd/limits.h"

#define MS NS_PER_MS

/* By hand from RFC 6298 2.2 and 2.3 and RFC 3550 6.4.1, in microseconds. */
Test(estimate, round_trips_follow_the_rfc)
{
	static const struct {
		uint64_t rtt_us, srtt_us, rttvar_us, min_us;
		uint64_t jitter_ns;
	} steps[] = {
		{100000, 100000, 50000, 100000, 0},       /* SRTT = R, RTTVAR = R / 2 */
		{100000, 100000, 37500, 100000, 0},       /* 3/4 of 50 */
		{180000, 110000, 48125, 100000, 5000000}, /* 3/4 * 37.5 + 80/4; 100 + 80/8; 80/16 */
		{30000, 100000, 56093, 30000,
	         14062500}, /* 110 - 80/8; 3/4 * 48.125 + 80/4 = 56.09375 */
		{100000, 100000, 42070, 30000, 17558593}, /* 42.0703125; 15/16 * 14.0625 + 70/16 */
	};
	struct path_estimate est = {0};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		estimate_rtt(&est, steps[i].rtt_us * 1000);
		cr_expect(est.has_rtt);
		cr_expect(eq(u64, est.srtt_ns / 1000, steps[i].srtt_us), "step %zu", i);
		cr_expect(eq(u64, est.rttvar_ns / 1000, steps[i].rttvar_us), "step %zu", i);
		cr_expect(eq(u64, est.rtt_min_ns / 1000, steps[i].min_us), "step %zu", i);
		cr_expect(eq(u64, est.rtt_last_ns / 1000, steps[i].rtt_us), "step %zu", i);
		cr_expect(eq(u64, est.jitter_ns, steps[i].jitter_ns), "step %zu", i);
	}
}

Test(estimate, a_steady_path_settles)
{
	struct path_estimate est = {0};

	estimate_rtt(&est, 900 * MS);
	for (unsigned i = 0; i < 200; i++)
		estimate_rtt(&est, 20 * MS);
	cr_expect(ge(u64, est.srtt_ns, 20 * MS - 8));
	cr_expect(le(u64, est.srtt_ns, 20 * MS + 8));
	cr_expect(le(u64, est.rttvar_ns, 16));
	cr_expect(eq(u64, est.rtt_min_ns, 20 * MS));
}

Test(estimate, overdue_is_mean_and_spread_and_slack)
{
	static const struct {
		struct path_estimate est;
		uint64_t slack_ns, overdue_ns;
	} cases[] = {
		{{.has_rtt = false}, 150 * MS, 1000 * MS},
		{{.has_rtt = false}, 0, 1000 * MS},
		{{.has_rtt = true, .srtt_ns = 20 * MS},
	         150 * MS,
	         175 * MS}, /* spread at least 5 ms */
		{{.has_rtt = true, .srtt_ns = 20 * MS, .rttvar_ns = 1250000}, 0, 25 * MS},
		{{.has_rtt = true, .srtt_ns = 20 * MS, .rttvar_ns = 1250001}, 0, 25 * MS + 4},
		{{.has_rtt = true, .srtt_ns = 500 * MS, .rttvar_ns = 250 * MS},
	         150 * MS,
	         1650 * MS},
		{{.has_rtt = true}, 0, 5 * MS},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect(eq(u64, estimate_overdue_ns(&cases[i].est, cases[i].slack_ns),
		             cases[i].overdue_ns),
		          "case %zu", i);
}

/* What health.c builds on: after an answer that took R, nothing younger than R is overdue. */
Test(estimate, overdue_is_above_the_last_round_trip)
{
	for (unsigned settled = 1; settled < 50; settled++) {
		for (uint64_t rtt = 1; rtt < 10 * NS_PER_S; rtt = rtt * 3 + 7) {
			struct path_estimate est = {0};

			for (unsigned i = 0; i < settled; i++)
				estimate_rtt(&est, 20 * MS);
			estimate_rtt(&est, rtt);
			cr_assert(lt(u64, rtt, estimate_overdue_ns(&est, 0)), "rtt %llu",
			          (unsigned long long)rtt);
		}
	}
}

static double loss_after(struct path_estimate *est, uint32_t sent, uint32_t received)
{
	estimate_loss_tx(est, sent, received);
	return est->tx.ratio;
}

Test(estimate, loss_is_known_after_64_datagrams)
{
	struct path_estimate est = {0};

	loss_after(&est, 1000, 900); /* counts began elsewhere: the base */
	cr_expect(not(est.tx.is_known));
	loss_after(&est, 1063, 963);
	cr_expect(not(est.tx.is_known));
	cr_expect(epsilon_eq(dbl, loss_after(&est, 1064, 948), 0.25, 1e-12)); /* 48 of 64 */
	cr_expect(est.tx.is_known);
	cr_expect(not(est.rx.is_known));
}

Test(estimate, loss_moves_by_a_quarter_per_window)
{
	struct path_estimate est = {0};

	loss_after(&est, 0, 0);
	cr_expect(epsilon_eq(dbl, loss_after(&est, 100, 80), 0.2,
	                     1e-12)); /* the first counts whole */
	cr_expect(epsilon_eq(dbl, loss_after(&est, 200, 180), 0.15, 1e-12));
	cr_expect(epsilon_eq(dbl, loss_after(&est, 300, 180), 0.3625, 1e-12)); /* all lost */
	cr_expect(epsilon_eq(dbl, loss_after(&est, 400, 280), 0.271875, 1e-12));
}

Test(estimate, an_idle_path_needs_16_probes)
{
	struct path_estimate est = {0};

	estimate_loss_rx(&est, 10, 10);
	for (uint32_t i = 1; i < 16; i++) {
		estimate_loss_rx(&est, 10 + i, 10 + i / 2);
		cr_expect(not(est.rx.is_known), "probe %u", i);
	}
	estimate_loss_rx(&est, 26, 18);
	cr_expect(est.rx.is_known);
	cr_expect(epsilon_eq(dbl, est.rx.ratio, 0.5, 1e-12));
	cr_expect(eq(u32, est.rx_probes, 0)); /* and a new window */
	cr_expect(not(est.tx.is_known));
}

Test(estimate, repeated_counts_say_nothing)
{
	struct path_estimate est = {0};

	for (unsigned i = 0; i < 100; i++)
		estimate_loss_tx(&est, 7, 7);
	cr_expect(not(est.tx.is_known));
}

Test(estimate, counts_may_wrap)
{
	static const struct {
		uint32_t sent, received;
	} bases[] = {
		{UINT32_MAX, 5},
		{5, UINT32_MAX},
		{UINT32_MAX, UINT32_MAX},
		{UINT32_MAX - 99, 0},
	};

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		struct path_estimate est = {0};

		loss_after(&est, bases[i].sent, bases[i].received);
		cr_expect(epsilon_eq(dbl,
		                     loss_after(&est, bases[i].sent + 100, bases[i].received + 90),
		                     0.1, 1e-12),
		          "base %zu", i);
	}
}

/* Each of these begins a window: no loss is made up, and counting goes on from there. */
Test(estimate, a_restart_of_the_counts_begins_a_window)
{
	static const struct {
		const char *what;
		uint32_t sent, received;
	} restarts[] = {
		{"receiver", 10030, 3},
		{"sender", 4, 9040},
		{"both", 2, 1},
		{"receiver far ahead", 10010, 9500},
	};

	for (size_t i = 0; i < sizeof(restarts) / sizeof(restarts[0]); i++) {
		struct path_estimate est = {0};
		uint32_t sent = restarts[i].sent, received = restarts[i].received;

		loss_after(&est, 9900, 8900);
		loss_after(&est, 10000, 9000); /* 0 % */
		loss_after(&est, sent, received);
		cr_expect(epsilon_eq(dbl, est.tx.ratio, 0.0, 1e-12), "%s", restarts[i].what);
		loss_after(&est, sent + 63, received + 63);
		cr_expect(eq(u32, est.tx_probes, 1), "%s", restarts[i].what);
		cr_expect(epsilon_eq(dbl, loss_after(&est, sent + 80, received + 72), 0.025, 1e-12),
		          "%s", restarts[i].what);
	}
}

Test(estimate, overtaking_packets_are_not_negative_loss)
{
	struct path_estimate est = {0};

	loss_after(&est, 100, 90);
	cr_expect(epsilon_eq(dbl, loss_after(&est, 164, 164), 0.0,
	                     1e-12)); /* the 10 late ones came */
	cr_expect(est.tx.is_known);
	loss_after(&est, 228, 228 + 64); /* one window ahead is the most that is believed */
	cr_expect(eq(u32, est.tx.sent, 228));
	cr_expect(epsilon_eq(dbl, est.tx.ratio, 0.0, 1e-12));
}

/* Probes that overtake each other bring pairs out of order; each pair is true in itself. */
Test(estimate, pairs_out_of_order_make_no_loss)
{
	struct path_estimate est = {0};

	for (uint32_t i = 0; i < 200; i++) {
		uint32_t swapped = 20 * (i ^ 1);

		estimate_loss_tx(&est, UINT32_MAX - 1000 + swapped, swapped);
	}
	cr_expect(est.tx.is_known);
	cr_expect(epsilon_eq(dbl, est.tx.ratio, 0.0, 1e-12));
}
