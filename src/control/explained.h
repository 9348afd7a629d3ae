/* SPDX-License-Identifier: MIT */
/* explained.h - all that is known of why a peer's paths got what they got in the last second.
 *
 * Plain values and pointers to what they were taken from (why.h), for whoever makes sentences of
 * them (explain.h).
 */
#ifndef CONTROL_EXPLAINED_H
#define CONTROL_EXPLAINED_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/account.h"
#include "sched/path_standing.h"
#include "vtrunkd/wire.h"

#define EXPLAIN_LEN 384u /* bytes of a sentence with its zero; names are cut rather than it */

struct explained_path {
	const char *link; /* its name; NULL: there is no such path */
	const char *link_state, *link_reason;
	bool is_in_table;
	uint8_t rank;                  /* there */
	enum link_role role;           /* there */
	uint64_t limit_bytes_per_s;    /* there; 0: none */
	struct path_standing standing; /* of one that is not */
	const char *state_reason;      /* why its health is as it is, ... */
	double state_s;                /* ... for so long */
	uint32_t weight;
	uint16_t packet_max;             /* bytes; 0: any */
	bool is_known;                   /* the next two are */
	int64_t way_ns;                  /* more than the shortest */
	uint64_t capacity_bytes_per_s;   /* 0: unknown */
	uint16_t permille;               /* of what was sent to the peer */
	const struct account_counts *in; /* of the last second; NULL: no account is kept */
};

/* What is known of all paths of a peer. */
struct explained {
	enum bonding_mode mode;
	bool is_plain;
	bool is_reporting;  /* the peer tells what arrives */
	bool has_sent;      /* anything, in the last second */
	unsigned usable;    /* paths in the table */
	uint64_t second_ns; /* how long that was */
	struct explained_path path[PATHS_MAX];
};

#endif
