/* SPDX-License-Identifier: MIT */
/* pull_load.h - whether what is sent to a peer may be part of a download.
 *
 * A download is brought soonest by a path that carries much, though it be longer (pull_base.h). Who
 * sends little - asks for a download, answers, types - is served soonest by the shortest, however
 * thin. Which of both it is nobody can say of a packet; but those are small, or nothing larger was
 * sent lately: a busy period in which more left than somebody asks or answers with is remembered
 * for PULL_LOAD_NS. In the first PULL_NEW_NS of a peer nobody knows, and a download is expected.
 *
 * Pure; time comes in. One thread at a time.
 */
#ifndef SCHED_PULL_LOAD_H
#define SCHED_PULL_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/limits.h"

#define PULL_LOAD_NS    (600 * NS_PER_S)
#define PULL_NEW_NS     NS_PER_S
#define PULL_LOAD_BYTES 5000u /* in one busy period: more than somebody asks or answers with */
#define PULL_SMALL      1000u /* shorter packets belong to nobody's download */

/* All zero at first. */
struct pull_load {
	uint64_t busy_bytes; /* sent in this busy period */
	uint64_t load_ns;    /* when that was lately more than PULL_LOAD_BYTES; 0 never */
	uint64_t first_ns;   /* when anything was sent first; 0: nothing was */
};

/* A busy period begins. */
static inline void pull_load_begin(struct pull_load *l)
{
	l->busy_bytes = 0;
}

/* @bytes of bulk were sent; 0: something else was. */
void pull_load_sent(struct pull_load *l, uint64_t bytes, uint64_t now_ns);

/* Whether a packet of @bytes may belong to a download. */
bool pull_load_is(const struct pull_load *l, uint32_t bytes, uint64_t now_ns);

#endif
