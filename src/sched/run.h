/* SPDX-License-Identifier: MIT */
/* run.h - how many bytes in a row go over one path.
 *
 * A train of packets to one destination costs the system little more than one packet, so paths are
 * changed as seldom as the receiver's patience allows: a run is what the path carries in
 * RUN_TIME_NS at its share of the present rate. At some Mbit/s that is a single packet, at 1 Gbit/s
 * a whole train. Pure: time comes in. One thread.
 */
#ifndef SCHED_RUN_H
#define SCHED_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/path_table.h"

#define RUN_TIME_NS   (NS_PER_MS / 2)
#define RUN_WINDOW_NS (10 * NS_PER_MS) /* over which the rate is measured */
#define RUN_BYTES_MAX 65536u           /* a longer run makes no longer train */

/* All zero at first. */
struct run_state {
	uint64_t window_ns;    /* when the present window began; 0: never */
	uint64_t window_bytes; /* in it */
	uint64_t bytes_per_s;  /* in the window before */
	uint8_t path_id;       /* of the present run */
	uint32_t left;         /* bytes of it; 0: over */
};

/* The slot of @table that carries the present run, if it is not over and its path still is there;
 * otherwise -1, and a path has to be picked and told by run_begin().
 */
int run_slot(const struct run_state *run, const struct path_table *table);

/* A run begins on slot @slot. */
void run_begin(struct run_state *run, const struct path_table *table, unsigned slot);

/* @bytes went over the path of the run. */
void run_sent(struct run_state *run, uint32_t bytes);

/* Looks whether a window is over. Once per round. */
void run_tick(struct run_state *run, uint64_t now_ns);

#endif
