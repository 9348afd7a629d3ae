/* SPDX-License-Identifier: MIT */
/* pull_path.h - a path, for those who choose among several. Values alone, see pull.h.
 */
#ifndef SCHED_PULL_PATH_H
#define SCHED_PULL_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/path_model.h"

/* A path that is up. */
struct pull_path {
	struct path_model *model;
	uint64_t ready_ns; /* limits allow nothing before; 0: none do */
	uint32_t weight;   /* above 0 */
	uint8_t path_id;
	uint16_t packet_max; /* as of its slot in the table */
	bool is_suspect;     /* takes none of the latency class if another can */
	bool is_last; /* stands behind all others, and takes what none of them is ready for */
};

/* Whether it carries a packet of @bytes in one piece. */
static inline bool pull_path_fits(const struct pull_path *path, uint32_t bytes)
{
	return !path->packet_max || bytes <= path->packet_max;
}

/* Their ids. */
static inline uint16_t pull_mask_of(const struct pull_path *path, unsigned len)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < len; i++)
		mask |= (uint16_t)(1u << path[i].path_id);
	return mask;
}

/* When something sent over @path now would arrive, relative to other paths. */
static inline int64_t pull_arrival_ns(const struct pull_path *path, uint64_t now_ns)
{
	return path->model->delay.base_ns + (int64_t)path_model_queue_ns(path->model, now_ns);
}

/* The slot of the path with that id; -1: there is none. */
static inline int pull_slot_of(const struct pull_path *path, unsigned len, uint8_t path_id)
{
	for (unsigned i = 0; i < len; i++) {
		if (path[i].path_id == path_id)
			return (int)i;
	}
	return -1;
}

#endif
