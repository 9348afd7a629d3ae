/* SPDX-License-Identifier: MIT */
/* rig.h - two real engines in this process, joined by UDP over loopback; needs no root.
 *
 * Pairs of local sockets that keep packets apart stand for the queues of the TUN devices, which
 * have all the offloads of Linux 6.2: a struct virtio_net_hdr before each packet, super-packets of
 * TCP and UDP. The session of the two is as a handshake between two vtrunkd leaves it: bonded in
 * mode aggregate, a path per link, all of one weight. Idle peers are plain WireGuard; they are
 * published in the same way, and nothing goes to them.
 *
 * The thread that creates the rig is its control thread, registered with RCU and online; it must
 * call rig_serve() whenever it has nothing else to do. All functions are for that thread.
 */
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include "base/rcu.h"

#include "dataplane/engine.h"

struct rig_settings {
	unsigned workers, queues; /* of each engine */
	unsigned links;           /* 1 .. LINKS_MAX */
	unsigned peers;           /* idle ones, of each engine; below PEERS_MAX */
	uint32_t mtu;             /* of the TUN devices, bytes */
	bool hand_over;           /* these as in struct engine_settings */
	unsigned busy_poll_us;
	enum cipher_library cipher;
};

enum rig_role {
	RIG_SENDER,   /* what is written to its device ... */
	RIG_RECEIVER, /* ... is delivered to this one's */
	RIG_ENDS,
};

struct rig_end {
	struct engine *engine;
	struct dp_peer **peer;     /* set.peers + 1; the first is the other end */
	unsigned peer_count;       /* made so far */
	int queue[TUN_QUEUES_MAX]; /* blocking: the side of the kernel */
};

struct rig {
	struct rig_settings set;
	struct rig_end end[RIG_ENDS];
	int device[RIG_ENDS][TUN_QUEUES_MAX]; /* the engines' side */
	uint64_t probe_ns;                    /* when the next probes are due, boot time */
	uint16_t probe_seq;
};

/* Fills in @rig, both engines running. Returns 0, or a negative errno; the rig is to be destroyed
 * in any case.
 */
int rig_create(struct rig *rig, const struct rig_settings *set);

/* The IPv4 address of an end, network byte order in memory. */
void rig_address(enum rig_role role, uint8_t ret[static 4]);

/* Where all that arrives at the receiver is to be read. */
int rig_delivery_fd(const struct rig *rig);

/* What the smallest buffer that packets pass holds, in bytes of kernel memory (not of payload). */
size_t rig_room_bytes(const struct rig *rig);

/* Does the control thread's work until @done_fd is readable (-1: never) or @until_ns of boot time.
 * Returns whether @done_fd is.
 */
bool rig_serve(struct rig *rig, int done_fd, uint64_t until_ns);

/* Ends the engines' threads. Nothing is delivered any more. */
void rig_stop(struct rig *rig);

/* Also of one that was not created wholly, and of one that was not stopped. */
void rig_destroy(struct rig *rig);

#endif
