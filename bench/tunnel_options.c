/* SPDX-License-Identifier: MIT */
#include "bench/tunnel_options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/vtbench.h"

#define SECONDS_MAX     3600
#define SECONDS_DEFAULT 4
#define RUNS_DEFAULT    3

/* As given; the lists may be empty. */
struct choices {
	double seconds, runs, links;
	const char *tests, *baseline;
	struct option_list variants, settings, vs, execs;
};

static const char about[] =
	"Measures real tunnels between two network namespaces of this machine, joined by "
	"unlimited\n"
	"links. Variants take turns in every run; a row shows the median of the runs, and the "
	"ratio\n"
	"of its first figure to the baseline's: median, least and greatest over the runs.\n"
	"Needs root.\n"
	"\n"
	"Tests: tcp1 tcp4 tcp1r tcp4r  1 or 4 TCP flows up (to the server) or down (r)\n"
	"       udp64                  IP packets of 64 bytes as fast as they can be sent\n"
	"       idle-ping loaded-ping  200 round trips, alone or beside a TCP flow\n"
	"       idle                   processor time and memory of a tunnel without traffic\n";

/* ---- where vtrunkd is ---- */

/* In the build tree it lies one directory above this program, installed ones are found in PATH. */
static void find_vtrunkd(char path[static PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - sizeof "/../vtrunkd");

	if (len > 0) {
		path[len] = '\0';
		char *slash = strrchr(path, '/');
		strcpy(slash ? slash : path, "/../vtrunkd");
		if (!access(path, X_OK))
			return;
	}
	strcpy(path, "vtrunkd");
}

/* ---- variants ---- */

/* The next free place, or NULL after a message. */
static struct variant *next_variant(struct tunnel_plan *plan)
{
	if (plan->variant_count < TUNNEL_VARIANTS_MAX)
		return &plan->variants[plan->variant_count];
	fprintf(stderr, "vtbench: at most %u variants\n", TUNNEL_VARIANTS_MAX);
	return NULL;
}

/* Counts the variant that was parsed with result @err into the next free place. */
static bool take_variant(struct tunnel_plan *plan, int err)
{
	const struct variant *v = &plan->variants[plan->variant_count];

	if (err)
		return false;
	plan->variant_count++;
	for (const struct variant *o = plan->variants; o < v; o++) {
		if (strcmp(o->name, v->name) != 0 || o->links != v->links)
			continue;
		fprintf(stderr, "vtbench: two variants \"%s\" with the same number of links\n",
		        v->name);
		return false;
	}
	return true;
}

static bool take_ours(struct tunnel_plan *plan, const struct choices *choices)
{
	const char *const plain[] = {"vtrunkd"};
	const char *const *texts = choices->variants.len ? choices->variants.text : plain;
	unsigned count = choices->variants.len ? choices->variants.len : 1;
	json_t *settings = json_object();
	bool is_good = settings != NULL;

	for (unsigned i = 0; is_good && i < choices->settings.len; i++)
		is_good = !variant_add_setting(settings, choices->settings.text[i], stderr);
	for (unsigned i = 0; is_good && i < count; i++) {
		struct variant *v = next_variant(plan);

		is_good = v && take_variant(plan, variant_parse(texts[i], (unsigned)choices->links,
		                                                settings, stderr, v));
	}
	json_decref(settings);
	return is_good;
}

/* "--vs a,b --vs c" names three. */
static bool take_vs(struct tunnel_plan *plan, const char *list)
{
	char *copy = strdup(list), *rest = copy, *name;
	bool is_good = copy != NULL;

	while (is_good && (name = strsep(&rest, ","))) {
		struct variant *v = next_variant(plan);

		is_good = v && take_variant(plan, variant_parse_other(name, stderr, v));
	}
	free(copy);
	return is_good;
}

static bool take_others(struct tunnel_plan *plan, const struct choices *choices)
{
	bool is_good = true;

	for (unsigned i = 0; is_good && i < choices->vs.len; i++)
		is_good = take_vs(plan, choices->vs.text[i]);
	for (unsigned i = 0; is_good && i < choices->execs.len; i++) {
		struct variant *v = next_variant(plan);

		is_good = v &&
		          take_variant(plan, variant_parse_exec(choices->execs.text[i], stderr, v));
	}
	return is_good;
}

/* The first that is not ours, or the first of all. */
static bool find_baseline(struct tunnel_plan *plan, const char *name)
{
	unsigned i = 0;

	while (i < plan->variant_count && (name ? strcmp(plan->variants[i].name, name) != 0
	                                        : plan->variants[i].kind == VARIANT_VTRUNKD))
		i++;
	plan->baseline = i < plan->variant_count ? i : 0;
	if (!name || i < plan->variant_count)
		return true;
	fprintf(stderr, "vtbench: --baseline %s: no such variant\n", name);
	return false;
}

/* ---- all ---- */

static int read_choices(struct tunnel_plan *plan, struct choices *choices, int argc, char **argv)
{
	const struct option_spec own[] = {
		{"tests", "TEST,...", "only these", .text = &choices->tests},
		{"seconds", "S", "each TCP and UDP measurement lasts", .number = &choices->seconds,
	         .min = 1, .max = SECONDS_MAX},
		{"runs", "N", "measurements of each", .number = &choices->runs, .min = 1,
	         .max = TUNNEL_RUNS_MAX},
		{"links", "N", "of vtrunkd's tunnels", .number = &choices->links, .min = 1,
	         .max = TESTBED_LINKS_MAX},
		{"set", "KEY=VALUE",
	         "a setting of all vtrunkd, such as dataplane.workers=2; may be repeated",
	         .list = &choices->settings},
		{"variant", "NAME:KEY=VALUE,...",
	         "a vtrunkd with these settings, links=N and vtrunkd=PATH; may be repeated",
	         .list = &choices->variants},
		{"vs", "NAME,...", "beside it: wireguard-go, none (the bare link); may be repeated",
	         .list = &choices->vs},
		{"exec", "NAME:CLIENT:SERVER",
	         "beside it: a tunnel that two commands make; may be repeated",
	         .list = &choices->execs},
		{"exec-address", "ADDRESS", "the server's in tunnels of --exec",
	         .text = &plan->programs.exec_address},
		{"baseline", "NAME",
	         "ratios are to this variant; default: the first of --vs, --exec, --variant",
	         .text = &choices->baseline},
		{"vtrunkd", "PATH", "the program", .text = &plan->programs.vtrunkd},
		{"wireguard-go", "PATH", "the program", .text = &plan->programs.wireguard_go},
		{0},
	};
	const struct options_command command = {.name = "tunnel", .about = about, .own = own};

	return options_parse(&command, &plan->common, argc, argv);
}

static bool check_address(const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) == 1)
		return true;
	fprintf(stderr, "vtbench: --exec-address %s: an IPv4 address is expected\n", text);
	return false;
}

int tunnel_plan_init(struct tunnel_plan *plan, int argc, char **argv)
{
	struct choices choices = {.seconds = SECONDS_DEFAULT, .runs = RUNS_DEFAULT, .links = 1};

	*plan = (struct tunnel_plan){.programs = {.wireguard_go = "wireguard-go",
	                                          .exec_address = TUNNEL_SERVER_ADDRESS}};
	find_vtrunkd(plan->vtrunkd_found);
	plan->programs.vtrunkd = plan->vtrunkd_found;
	int status = read_choices(plan, &choices, argc, argv);
	if (status != OPTIONS_RUN)
		return status;
	plan->seconds = (unsigned)choices.seconds;
	plan->runs = (unsigned)choices.runs;
	bool is_good = check_address(plan->programs.exec_address) &&
	               tunnel_tests_select(choices.tests, plan->tests) &&
	               take_ours(plan, &choices) && take_others(plan, &choices) &&
	               find_baseline(plan, choices.baseline);
	return is_good ? OPTIONS_RUN : VTBENCH_USAGE;
}

void tunnel_plan_fini(struct tunnel_plan *plan)
{
	for (unsigned i = 0; i < plan->variant_count; i++)
		variant_fini(&plan->variants[i]);
	plan->variant_count = 0;
}
