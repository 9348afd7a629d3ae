/* SPDX-License-Identifier: MIT */
/* stream.h - what a sender stripes over several paths, as it comes to a receiver: all packets and
 * probes of a stream in the order of their arrival, made by chance.
 */
#ifndef TESTS_SCHED_STREAM_H
#define TESTS_SCHED_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/reseq.h"

#define START_NS   (1000 * NS_PER_S)
#define SLACK_NS   (5 * NS_PER_MS)
#define UNKNOWN_NS (20 * NS_PER_MS) /* assumed difference of paths that were not probed */

#define SIM_PATHS   4u
#define SIM_PACKETS 400u
#define SIM_EVENTS  (SIM_PACKETS + 1000)

enum kind {
	CONSTANT, /* constant delays, no loss, all paths probed and in use */
	LOSSY,    /* jitter and loss, all paths probed and in use */
	WILD, /* also: dark paths, stray packets, jumps, unknown origin, vague times, no probes */
	KIND_COUNT
};

struct sim_path {
	uint64_t delay_ns, jitter_ns, last_ns; /* of the newest arrival: a path keeps order */
	uint64_t dark_from_ns, dark_to_ns;
	unsigned loss; /* of 1000 */
	int64_t owd_us[SIM_EVENTS];
	unsigned owd_len;
};

struct sim_packet {
	uint64_t seq, arrived_ns, delivered_ns; /* 0: not */
	unsigned path, order;
	bool was_given_up, has_no_place;
	uint64_t waited_ns; /* when it was given up: by the first packet behind the gap */
	uint64_t wanted_ns; /* that should have been the least */
};

struct sim_event {
	uint64_t at_ns;
	unsigned rank; /* order among those of one time */
	bool is_probe;
	unsigned path;
	int64_t owd_us;
	unsigned packet;
};

extern struct stream {
	enum kind kind;
	unsigned vague_ns; /* callers' times are up to so much in the past */
	unsigned paths;
	int64_t offset_us; /* our clock less the sender's */
	struct sim_path path[SIM_PATHS];
	unsigned order;     /* the sender numbers packets in it; the first is 1 */
	unsigned change[2]; /* packets with which another order begins */
	struct sim_packet packet[SIM_PACKETS];
	unsigned packets;
	struct sim_event event[SIM_EVENTS];
	unsigned events;
} sim;

/* Evenly below @limit_ns. */
uint64_t random_ns(uint64_t limit_ns);

/* Delays, unless anything goes, that let no path go out of use between two orders. */
void make_paths(uint64_t start_ns);

/* When orders begin on the way. The one before was heard of, except in the wild, where there may
 * also be three at a time.
 */
void choose_changes(bool is_first);

/* Striped at random, from @start_ns on; the key is changed on the way. */
void send_stream(uint64_t seq, uint64_t start_ns, bool is_first);

#endif
