/* SPDX-License-Identifier: MIT */
/* life.h - two hosts, the links of a scenario between them, downloads and a voice beside them. */
#ifndef BOND_LIFE_H
#define BOND_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#include "scenarios.h"
#include "tcp.h"

enum policy {
	POLICY_BEST,  /* one link alone: life.only, or that with the greatest rate */
	POLICY_EQUAL, /* striped by equal weights */
	POLICY_RATES, /* by the true rates as weights */
	POLICY_LEARN,
	POLICY_COUNT
};

#define LIFE_EARLY_S 5.0 /* the beginning */

/* Shares are percent of the summed rates, delays ms above the shortest way. */
struct result {
	double early, steady;                    /* in the first 5 s; from life.from_s on */
	double voice_p50, voice_p99, voice_lost; /* the last in packets */
	double stall_ms;                         /* longest time without anything new */
	double spurious, timeouts;               /* of all connections */
	double repairs, control;                 /* packets; percent of the data in bytes */
	double fairness;                         /* of the downloads (Jain) */
	double data_p99;                         /* delay of their packets, the mean of all */
	double short_p50, short_p99;             /* ms that short connections need */
	double held;                             /* packets, most at one time */
	double done_s;                           /* of a download; below 0: never */
	double early_bytes, all_bytes;           /* that came, in the beginning and in all */
	uint64_t lived_ns, events, delivered;    /* packets that came out of the tunnel */
	const char *broken;                      /* which rule was, or NULL */
};

extern struct life_settings {
	const struct scenario *what;
	enum policy policy;
	unsigned flows, lanes;
	int only; /* a link; below 0: the best one */
	enum flow_kind kind;
	double seconds, from_s, voice_per_s, shorts_per_s;
	int64_t limit;
	uint64_t seed;
	bool is_traced;
	bool is_warm; /* there was a connection before */
} life;

/* Lives through it, as life says. */
struct result live(void);

#endif
