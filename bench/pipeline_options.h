/* SPDX-License-Identifier: MIT */
/* pipeline_options.h - what `vtbench pipeline` is to measure: every combination of lists of values.
 */
#ifndef BENCH_PIPELINE_OPTIONS_H
#define BENCH_PIPELINE_OPTIONS_H

#include "bench/options.h"
#include "crypto/cipher.h"

/* In the order of the labels; the last one changes fastest. */
enum pipeline_parameter {
	PIPELINE_CRYPTO, /* enum cipher_library */
	PIPELINE_PEERS,
	PIPELINE_LINKS,
	PIPELINE_QUEUES,
	PIPELINE_WORKERS,
	PIPELINE_HAND_OVER, /* 0 or 1 */
	PIPELINE_BUSY_POLL,
	PIPELINE_FLOWS,
	PIPELINE_SIZE,
	PIPELINE_SUPER,
	PIPELINE_PARAMETERS,
};

#define PIPELINE_VALUES_MAX 16u

/* Of queues, hand-over and super-packets: as the others suggest. */
#define PIPELINE_AUTO UINT32_MAX

struct pipeline_list {
	unsigned value[PIPELINE_VALUES_MAX];
	unsigned len;
};

struct pipeline_plan {
	struct common_options common;
	struct pipeline_list list[PIPELINE_PARAMETERS];
	unsigned rows; /* combinations */
};

/* Returns OPTIONS_RUN, or the exit status to end with. */
int pipeline_plan_init(struct pipeline_plan *plan, int argc, char **argv);

/* The values of combination @row, below plan->rows; none is PIPELINE_AUTO. */
void pipeline_plan_row(const struct pipeline_plan *plan, unsigned row,
                       unsigned value[static PIPELINE_PARAMETERS]);

#endif
