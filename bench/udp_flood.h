/* SPDX-License-Identifier: MIT */
/* udp_flood.h - small UDP packets from one host to the other, as fast as the sender can.
 *
 * Sender and receiver are two processes. After a warm-up, packets that arrive within a window are
 * counted for the rate; loss is of all packets, from the first to the last.
 */
#ifndef BENCH_UDP_FLOOD_H
#define BENCH_UDP_FLOOD_H

#include <stdint.h>

#include "bench/process.h"
#include "bench/testbed.h"

#define UDP_FLOOD_IP_BYTES      64                            /* of the whole packet */
#define UDP_FLOOD_PAYLOAD_BYTES (UDP_FLOOD_IP_BYTES - 20 - 8) /* after IPv4 and UDP headers */
#define UDP_FLOOD_WARM_UP_NS    500000000ull /* caches, queues and clock rates settle */

struct udp_flood_result {
	double kpps;         /* arrived within the window, 1000 packets per second */
	double window_pkts;  /* arrived within the window */
	double loss_percent; /* of all that the sender's kernel accepted */
};

struct udp_flood_counts; /* shared by the processes */

struct udp_flood {
	struct process sender, receiver;
	struct udp_flood_counts *counts;
	uint64_t begin_ns, end_ns; /* the window */
};

/* From now on packets flow from host @from to @address, which is the other host's. The window
 * begins after the warm-up and lasts @seconds. Returns 0 or a negative errno; then nothing runs.
 */
int udp_flood_start(const struct testbed *bed, enum side from, const char *address,
                    unsigned seconds, struct udp_flood *ret);

/* To be called after the window: until all has arrived that will. Returns 0, -EINTR, -ETIMEDOUT or
 * -EREMOTEIO (nothing arrived, or a process failed). Nothing runs afterwards.
 */
int udp_flood_finish(struct udp_flood *flood, struct udp_flood_result *ret);

void udp_flood_stop(struct udp_flood *flood);

#endif
