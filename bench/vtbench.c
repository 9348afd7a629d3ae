/* SPDX-License-Identifier: MIT */
/* vtbench.c - finds the subcommand. */
#include "bench/vtbench.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "version.h"

static const struct vtbench_command commands[] = {
	{"crypto", crypto_main, "seal and open, per library and packet size"},
	{"queue", queue_main, "batches handed from thread to thread"},
	{"sched", sched_main, "choice of the path, packets put in order again"},
	{"reseq", reseq_main, "the receiving half of a peer, which puts packets in order"},
	{"replay", replay_main, "the replay window"},
	{"allowedips", allowedips_main, "from address to peer: build and lookup"},
	{"handshake", handshake_main, "handshakes per second and core, in both roles"},
	{"pipeline", pipeline_main, "the whole data plane between two engines in this process"},
	{"status", status_main, "a daemon with many peers that is asked for its status"},
	{"tunnel", tunnel_main, "whole tunnels on this machine, beside other programs"},
	{"compare", compare_main, "two reports in JSON: what got better, what worse"},
};

/* Of a write that failed before, the reason is no longer known. */
static int finish_output(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return VTBENCH_OK;
	fprintf(stderr, "vtbench: cannot write to standard output%s%s\n", errno ? ": " : "",
	        errno ? strerror(errno) : "");
	return VTBENCH_FAILED;
}

static void print_usage(FILE *out)
{
	fputs("Usage: vtbench SUBCOMMAND [OPTION...]\n"
	      "       vtbench SUBCOMMAND --help\n"
	      "       vtbench --version | --help\n\n",
	      out);
	for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
	fputs("\nExit status: 0 success, 1 failure, 2 wrong usage.\n", out);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return VTBENCH_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_usage(stdout);
		return finish_output();
	}
	if (!strcmp(argv[1], "--version")) {
		puts("vtbench " VTRUNKD_VERSION);
		return finish_output();
	}
	for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		int status = commands[i].run(argc - 1, argv + 1);
		int written = finish_output();
		return status ? status : written;
	}
	fprintf(stderr, "vtbench: no subcommand \"%s\"; --help tells what there is\n", argv[1]);
	return VTBENCH_USAGE;
}
