/* SPDX-License-Identifier: MIT */
#include "sched/run.h"

int run_slot(const struct run_state *run, const struct path_table *table)
{
	return run->left ? path_table_slot(table, run->path_id) : -1;
}

/* The share of a path: of the whole rate as its weight is of all weights. */
static uint64_t bytes_of_run(const struct run_state *run, const struct path_table *table,
                             unsigned slot)
{
	uint64_t weight_sum = 0, bytes = run->bytes_per_s * RUN_TIME_NS / NS_PER_S;

	for (unsigned i = 0; i < table->len; i++)
		weight_sum += table->slot[i].weight;
	return bytes * table->slot[slot].weight / weight_sum;
}

void run_begin(struct run_state *run, const struct path_table *table, unsigned slot)
{
	uint64_t bytes = bytes_of_run(run, table, slot);

	run->path_id = table->slot[slot].path_id;
	run->left = bytes < RUN_BYTES_MAX ? (uint32_t)bytes : RUN_BYTES_MAX;
}

void run_sent(struct run_state *run, uint32_t bytes)
{
	run->window_bytes += bytes;
	run->left -= bytes < run->left ? bytes : run->left;
}

/* A pause makes a long window, and so a low rate. */
void run_tick(struct run_state *run, uint64_t now_ns)
{
	uint64_t span_ns = now_ns - run->window_ns;

	if (span_ns < RUN_WINDOW_NS)
		return;
	run->bytes_per_s = run->window_bytes * NS_PER_S / span_ns;
	run->window_ns = now_ns;
	run->window_bytes = 0;
}
