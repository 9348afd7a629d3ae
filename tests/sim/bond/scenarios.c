/* SPDX-License-Identifier: MIT */
#include "scenarios.h"

#define LINK(rate, delay, ...)                                   \
	{                                                        \
		.mbps = (rate), .delay_ms = (delay), __VA_ARGS__ \
	}

const struct scenario scenarios[] = {
	{"one", "100/10 ms alone", 1, {LINK(100, 10)}, {1}},
	{"equal", "2 x 100/10 ms", 2, {LINK(100, 10), LINK(100, 10)}, {1, 1}},
	{"same50", "2 x 50/20 ms", 2, {LINK(50, 20), LINK(50, 20)}, {1, 1}},
	{"five", "50 + 10, 20 ms", 2, {LINK(50, 20), LINK(10, 20)}, {5, 1}},
	{"slow", "100/10 + 30/60 ms", 2, {LINK(100, 10), LINK(30, 60)}, {10, 3}},
	{"jitter",
         "the same, 10 ms jitter on slow",
         2,
         {LINK(100, 10, .jitter_ms = 1), LINK(30, 60, .jitter_ms = 10)},
         {10, 3}},
	{"lossy",
         "the same, 1 % loss on slow",
         2,
         {LINK(100, 10), LINK(30, 60, .loss_percent = 1)},
         {10, 3}},
	{"lossyfast",
         "the same, 1 % loss on fast",
         2,
         {LINK(100, 10, .loss_percent = 1), LINK(30, 60)},
         {10, 3}},
	{"fibre", "300/10 + 80/30 ms", 2, {LINK(300, 10), LINK(80, 30)}, {30, 8}},
	{"lte",
         "50/10 + LTE 8..60/30 ms",
         2,
         {LINK(50, 10, .jitter_ms = 1), LINK(30, 30, .jitter_ms = 8, .loss_percent = 0.05,
                                             .queue_ms = 300, .lte_low = 8, .lte_high = 60)},
         {5, 2}},
	{"mixed",
         "50/10 + 30/30 + 20/20 + 10/50 ms, jitter, bursts",
         4,
         {LINK(50, 10, .jitter_ms = 1), LINK(30, 30, .jitter_ms = 5),
          LINK(20, 20, .loss_percent = 0.5, .burst = 4), LINK(10, 50, .jitter_ms = 3)},
         {5, 3, 2, 1}},
	{"cpu",
         "unlimited, the processor is the limit",
         1,
         {LINK(0, 0.1)},
         {1},
         .is_cpu_bound = true},
	{"cpu2",
         "2 x unlimited, the processor is the limit",
         2,
         {LINK(0, 0.1), LINK(0, 0.1)},
         {1, 1},
         .is_cpu_bound = true},
	{"death",
         "50/20 + 50/30 ms, one dead from 15 to 20 s",
         2,
         {LINK(50, 20), LINK(50, 30)},
         {1, 1},
         .changes = 2,
         .change = {{15, CHANGE_DIES, 1, 3, 0}, {20, CHANGE_LIVES, 1, 3, 0}}},
};

const unsigned scenarios_len = sizeof scenarios / sizeof *scenarios;
