/* SPDX-License-Identifier: MIT */
#include "bench/pipeline_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/traffic.h"
#include "bench/vtbench.h"
#include "dataplane/engine.h"

#define BUSY_POLL_MAX_US 1000u
#define SIZE_MIN         64u
#define SIZE_MAX_BYTES   9000u

/* Packets of a flow that is in bulk come as super-packets of 44: as many as TCP makes of 64 KB. */
#define BULK_SIZE_MIN 1000u
#define BULK_SEGMENTS 44u

/* The longest IPv4 packet. */
#define SUPER_BYTES_MAX 65535u

static const char *const crypto_words[] = {"auto", "sodium", "ipsec-mb", NULL};
static const char *const yes_words[] = {"no", "yes", NULL};
_Static_assert(CIPHER_AUTO == 0 && CIPHER_SODIUM == 1 && CIPHER_IPSEC_MB == 2, "crypto_words");

/* Values are numbers from @min to @max, or @words, which count from 0. */
static const struct parameter {
	const char *option, *argument, *help, *standard;
	unsigned min, max;
	const char *const *words;
	bool has_auto;
} parameters[PIPELINE_PARAMETERS] = {
	[PIPELINE_CRYPTO] = {"crypto", "NAME,...", "auto, sodium, ipsec-mb", "auto",
                             .words = crypto_words},
	[PIPELINE_PEERS] = {"peers", "N,...", "idle peers besides", "0", 0, PEERS_MAX - 1},
	[PIPELINE_LINKS] = {"links", "N,...", "that the packets are striped over", "1", 1,
                            LINKS_MAX},
	[PIPELINE_QUEUES] = {"queues", "N,...", "of the TUN devices; auto: by the workers", "auto",
                             1, TUN_QUEUES_MAX, .has_auto = true},
	[PIPELINE_WORKERS] = {"workers", "N,...", "of each engine", "1", 1, WORKERS_MAX},
	[PIPELINE_HAND_OVER] = {"hand-over", "yes|no,...",
                                "to workers under backlog; auto: with several", "auto",
                                .words = yes_words, .has_auto = true},
	[PIPELINE_BUSY_POLL] = {"busy-poll", "US,...", "threads look for work before they sleep",
                                "0", 0, BUSY_POLL_MAX_US},
	[PIPELINE_FLOWS] = {"flows", "N,...", "of TCP", "1", 1, TRAFFIC_FLOWS_MAX},
	[PIPELINE_SIZE] = {"size", "BYTES,...", "of the inner packets", "64,1420", SIZE_MIN,
                           SIZE_MAX_BYTES},
	[PIPELINE_SUPER] = {"super-packets", "N,...",
                            "packets the kernel hands over at once; 0: one; auto: by size", "auto",
                            0, TRAFFIC_SEGMENTS_MAX, .has_auto = true},
};

static const char about[] =
	"Two engines in this process, joined by UDP over loopback: packets are written to\n"
	"one's device and read from the other's. Options take lists; all combinations are\n"
	"measured: throughput, processor time of both ends per packet (the load's own left\n"
	"out), round trips of lone packets alone and beside half of that throughput.\n";

static bool parse_value(const struct parameter *p, const char *text, unsigned *ret)
{
	char *end;

	if (p->has_auto && !strcmp(text, "auto")) {
		*ret = PIPELINE_AUTO;
		return true;
	}
	for (unsigned i = 0; p->words && p->words[i]; i++) {
		if (!strcmp(text, p->words[i])) {
			*ret = i;
			return true;
		}
	}
	if (p->words || *text < '0' || *text > '9')
		return false;
	errno = 0;
	unsigned long value = strtoul(text, &end, 10);
	*ret = (unsigned)value;
	return !errno && !*end && value >= p->min && value <= p->max;
}

static void explain(const struct parameter *p, const char *text)
{
	fprintf(stderr, "vtbench: --%s: \"%s\" is none of ", p->option, text);
	if (p->has_auto)
		fputs("auto, ", stderr);
	if (!p->words)
		fprintf(stderr, "%u to %u", p->min, p->max);
	for (unsigned i = 0; p->words && p->words[i]; i++)
		fprintf(stderr, "%s%s", i ? ", " : "", p->words[i]);
	fputc('\n', stderr);
}

/* False after a message. */
static bool parse_list(const struct parameter *p, const char *text, struct pipeline_list *list)
{
	char *copy = strdup(text), *rest = copy, *item;
	bool is_good = copy != NULL;

	list->len = 0;
	while (is_good && (item = strsep(&rest, ","))) {
		if (list->len == PIPELINE_VALUES_MAX) {
			fprintf(stderr, "vtbench: --%s takes at most %u values\n", p->option,
			        PIPELINE_VALUES_MAX);
			is_good = false;
		} else if (!parse_value(p, item, &list->value[list->len++])) {
			explain(p, item);
			is_good = false;
		}
	}
	free(copy);
	return is_good;
}

int pipeline_plan_init(struct pipeline_plan *plan, int argc, char **argv)
{
	const char *text[PIPELINE_PARAMETERS];
	struct option_spec own[PIPELINE_PARAMETERS + 1] = {0};
	const struct options_command command = {.name = "pipeline", .about = about, .own = own};

	*plan = (struct pipeline_plan){.common.time_s = 1, .rows = 1};
	for (unsigned i = 0; i < PIPELINE_PARAMETERS; i++) {
		const struct parameter *p = &parameters[i];

		text[i] = p->standard;
		own[i] = (struct option_spec){p->option, p->argument, p->help, .text = &text[i]};
	}
	int status = options_parse(&command, &plan->common, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	for (unsigned i = 0; i < PIPELINE_PARAMETERS; i++) {
		if (!parse_list(&parameters[i], text[i], &plan->list[i]))
			return VTBENCH_USAGE;
		plan->rows *= plan->list[i].len;
	}
	return OPTIONS_RUN;
}

/* Super-packets no longer than IPv4 allows. */
static unsigned segments_for(unsigned size, unsigned wanted)
{
	unsigned most = (SUPER_BYTES_MAX - FLOW_HEADERS) / (size - FLOW_HEADERS);

	if (wanted == PIPELINE_AUTO)
		wanted = size >= BULK_SIZE_MIN ? BULK_SEGMENTS : 0;
	return wanted < most ? wanted : most;
}

void pipeline_plan_row(const struct pipeline_plan *plan, unsigned row,
                       unsigned value[static PIPELINE_PARAMETERS])
{
	for (unsigned i = PIPELINE_PARAMETERS; i-- > 0;) {
		const struct pipeline_list *list = &plan->list[i];

		value[i] = list->value[row % list->len];
		row /= list->len;
	}
	if (value[PIPELINE_QUEUES] == PIPELINE_AUTO)
		value[PIPELINE_QUEUES] = engine_queues_for(value[PIPELINE_WORKERS]);
	if (value[PIPELINE_HAND_OVER] == PIPELINE_AUTO)
		value[PIPELINE_HAND_OVER] = value[PIPELINE_WORKERS] > 1;
	value[PIPELINE_SUPER] = segments_for(value[PIPELINE_SIZE], value[PIPELINE_SUPER]);
}
