/* SPDX-License-Identifier: MIT */
/* load.h - whether little or much comes in on a link at present.
 *
 * Datagrams are counted in spans of LOAD_SPAN_MS. Owned by whoever receives; times are boot time.
 */
#ifndef DATAPLANE_LOAD_H
#define DATAPLANE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

/* How many datagrams were received in the present span of time and in the one before. */
struct load {
	uint64_t begin_ns; /* boot time */
	uint64_t datagrams, before;
};

/* Counts what was received at @now_ns. */
void load_add(struct load *load, uint64_t datagrams, uint64_t now_ns);

/* Little came for a whole span: the link may be quiet (quiet_links.h). RX thread, before it sleeps.
 */
bool load_is_low(struct load *load, uint64_t now_ns);

/* More than can be done beside. The first dispatcher, after it received. */
bool load_is_high(const struct load *load);

#define LOAD_SPAN_MS 100

#endif
