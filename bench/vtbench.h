/* SPDX-License-Identifier: MIT */
/* vtbench.h - the subcommands of vtbench.
 *
 * Each has a file of its own and a line in the table of vtbench.c. It is called with its own name
 * as argv[0] and returns an exit status; it initializes what it needs (crypto_ready.h, RCU) itself.
 */
#ifndef BENCH_VTBENCH_H
#define BENCH_VTBENCH_H

/* Exit statuses. */
enum {
	VTBENCH_OK,
	VTBENCH_FAILED, /* could not measure or write; compare --strict: something got worse */
	VTBENCH_USAGE,
};

struct vtbench_command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary; /* a line of `vtbench --help` */
};

int crypto_main(int argc, char **argv);
int queue_main(int argc, char **argv);
int reseq_main(int argc, char **argv);
int sched_main(int argc, char **argv);
int replay_main(int argc, char **argv);
int allowedips_main(int argc, char **argv);
int handshake_main(int argc, char **argv);
int pipeline_main(int argc, char **argv);
int status_main(int argc, char **argv);
int tunnel_main(int argc, char **argv);
int compare_main(int argc, char **argv);

#endif
