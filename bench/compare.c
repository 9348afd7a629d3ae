/* SPDX-License-Identifier: MIT */
/* compare.c - `vtbench compare`. */
#include <getopt.h>

#include "bench/options.h"
#include "bench/report_compare.h"
#include "bench/vtbench.h"

static const char about[] =
	"Prints the figures of two reports in JSON side by side, with the ratio of the\n"
	"second to the first, and says which got worse or better by more than the\n"
	"threshold. Rows and figures that one side lacks are listed.\n";

int compare_main(int argc, char **argv)
{
	double threshold = 10;
	bool is_strict = false;
	const struct option_spec own[] = {
		{"threshold", "PERCENT", "smaller changes count as none", .number = &threshold,
	         .min = 0, .max = 10000},
		{"strict", NULL, "exit status 1 when a figure got worse", .flag = &is_strict},
		{0},
	};
	const struct options_command command = {
		.name = "compare",
		.operands = "A.json B.json",
		.operand_count = 2,
		.about = about,
		.own = own,
	};
	struct report_comparison counts;

	int status = options_parse(&command, NULL, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	if (report_compare(argv[optind], argv[optind + 1], threshold, stdout, &counts))
		return VTBENCH_FAILED;
	return is_strict && counts.worse > 0 ? VTBENCH_FAILED : VTBENCH_OK;
}
