/* SPDX-License-Identifier: MIT */
#include "report_rig.h"

#include <stddef.h>

const char *const labels[] = {"library", "size", NULL};
const struct report_metric metrics[] = {
	{"ns", "ns", 1, .less_is_better = true},
	{"ns_p90", "p90", 1, .less_is_better = true, .is_spread = true},
	{"mbytes_per_s", "MB/s", 0},
	{0},
};
