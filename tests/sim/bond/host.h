/* SPDX-License-Identifier: MIT */
/* host.h - one end of a tunnel, without crypto, threads and sockets.
 *
 * It makes the calls that the daemon makes, in the same order and with the same facts:
 *
 *    host_out.c      what the outflow does in a turn (dataplane/outflow.c, runs.c)
 *    host_watch.c    how it looks after paths (dataplane/path_watch.c)
 *    host_in.c       what is done with datagrams (dataplane/deliver.c, frames_in.c, report_out.c)
 *    host_control.c  probes and the table of paths (control/peer_probes.c, peer_paths.c)
 *    host_kept.c     what can be sent again (dataplane/kept.c)
 *
 * src/sched, dataplane/feedback.c, dataplane/reorder.c and crypto/replay.c are the real ones.
 *
 * A host that does not report, and whose peer does not, shares by weights.
 */
#ifndef BOND_HOST_H
#define BOND_HOST_H

#include "base/rcu.h"

#include "crypto/replay.h"
#include "host_kept.h"
#include "packet.h"
#include "pipe.h"
#include "rules.h"
#include "sched/health.h"
#include "sched/sender.h"
#include "sched/traffic_class.h"

#define HOST_LANES     8u /* ordered lanes at most */
#define HOST_REPLAY    (1u << 17)
#define HOST_TUN_QUEUE 1000u /* packets that wait to be read */
#define HOST_CPU_AHEAD (50 * NS_PER_US)

struct feedback;
struct reorder;

/* Packets of the present run, and of those before it on the same path. */
struct host_batch {
	struct packet *packet[BATCH_MAX];
	unsigned len;
	uint16_t path_mask;
	uint8_t path_id, lane;
	enum duplicate_way copy; /* of its only packet */
	bool is_open;
};

struct host {
	/* Set before host_begin(). */
	struct pipe *out[PATHS_MAX];
	unsigned paths;
	uint32_t weight[PATHS_MAX];
	bool is_reporting;   /* both ends are */
	unsigned lanes;      /* in which bulk is ordered, by flow */
	uint64_t clock_ns;   /* what its clock is ahead of the simulation's for what it receives */
	uint64_t cpu_ns;     /* for each packet; 0: none */
	struct rules *rules; /* of what it sends */
	void (*deliver)(struct host *h, struct packet *p); /* owns @p */

	/* The way out. */
	struct sender sender;
	struct sender_facts facts;
	struct traffic_classes classes;
	bool can_send;
	struct send_run run;
	struct host_batch open;
	struct packet *first_in, *last_in; /* to be read */
	unsigned len_in;
	struct host_kept kept;
	uint64_t next[2];           /* counters */
	uint64_t place[HOST_LANES]; /* in each ordered lane */
	uint64_t tick_at_ns, turn_at_ns, cpu_free_ns;
	uint16_t table_paths;

	/* Control. */
	struct path_table *table;
	struct path_health health[PATHS_MAX];
	uint64_t heard_ns[PATHS_MAX];
	uint64_t data_ns, control_at_ns;
	bool is_busy;

	/* The way in. */
	struct feedback *feedback; /* or NULL */
	struct reorder *order[HOST_LANES];
	struct reorder *all; /* with several lanes: what is missing of all */
	struct replay_window replay[2];
	uint64_t replay_bits[2][REPLAY_WORDS(HOST_REPLAY)];
	uint64_t deliver_at_ns;

	/* Statistics. */
	uint64_t congested, repairs, runs, run_packets, doubles, control_bytes, data_bytes,
		held_max;
};

void host_begin(struct host *h);
void host_end(struct host *h);

/* A packet of the inner network goes into the tunnel. */
void host_offer(void *host, struct packet *p);

/* One came over @path. */
void host_receive(void *host, unsigned path, struct packet *p);

/* Puts @p on its way over @path. */
void host_put(struct host *h, unsigned path, struct packet *p);

#endif
