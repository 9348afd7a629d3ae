/* SPDX-License-Identifier: MIT */
/* report_rig.h - what the reports of tests tell of: a library and a size, and what was measured. */
#ifndef TESTS_BENCH_REPORT_RIG_H
#define TESTS_BENCH_REPORT_RIG_H

#include "bench/report.h"

/* Both end with nothing. */
extern const char *const labels[];
extern const struct report_metric metrics[];

#endif
