/* SPDX-License-Identifier: MIT */
/* icmp_monitor.h - hears the ICMP errors that come to this host about UDP datagrams of its own.
 *
 * Two raw sockets, one for each family, and not the error queues of the links' sockets
 * (IP_RECVERR): an error there is the result of the next send to anybody else as well, a full queue
 * of the device would no longer be one lost datagram but a refusal, the errors of a port that
 * several sockets share come to any of them, and those that this host makes itself, when a router
 * does not answer to ARP, to none that is bound to a device. A raw socket costs what is sent
 * nothing. It takes CAP_NET_RAW; without that nothing is heard.
 *
 * Who sends more than ICMP_READS_MAX of them in ICMP_PERIOD_NS is not listened to for that time:
 * then the kernel throws the rest away.
 *
 * Control thread.
 */
#ifndef CONTROL_ICMP_MONITOR_H
#define CONTROL_ICMP_MONITOR_H

#include "control/icmp.h"
#include "control/loop.h"
#include "vtrunkd/limits.h"

#define ICMP_READS_MAX 64u
#define ICMP_PERIOD_NS (10 * NS_PER_MS)

struct icmp_monitor;

/* One of its sockets. */
struct icmp_source {
	struct icmp_monitor *monitor;
	struct event_source source; /* fd -1: not open */
	int family;
};

typedef void (*icmp_error_fn)(const struct icmp_error *error, void *arg, uint64_t now_ns);

/* Begins with icmp_monitor_init(). */
struct icmp_monitor {
	struct loop *loop;
	struct icmp_source in4, in6;
	struct deadline again; /* set while nobody listens */
	icmp_error_fn told;
	void *arg;
};

/* Tells errors through @told with @arg from now on. @loop has room for a deadline. Returns 0 or a
 * negative errno, -EPERM without the capability; then nothing is told, and all else may be called.
 */
int icmp_monitor_init(struct icmp_monitor *monitor, struct loop *loop, icmp_error_fn told,
                      void *arg);

/* Also of one that is all zero. */
void icmp_monitor_fini(struct icmp_monitor *monitor);

#endif
