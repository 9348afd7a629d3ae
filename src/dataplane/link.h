/* SPDX-License-Identifier: MIT */
/* link.h - one of our uplinks in one family: its UDP sockets and how datagrams leave through them.
 *
 * What people call a link is up to two of these, for IPv4 and for IPv6.
 *
 * Both sockets share address and port (SO_REUSEPORT); a classic BPF program on the first byte
 * steers transport data to the data socket, which the RX thread reads, and handshake messages to
 * the other, which control has a thread for. So a flood of handshakes fills a buffer of its own and
 * cannot touch data. (A train that the system made of both kinds is steered by its first datagram;
 * each side passes on what is the other's.) Where the system has no such programs, all comes to the
 * data socket, and the RX thread passes handshake messages on. The handshake socket marks its
 * datagrams with DSCP AF41 (0x88) as the kernel does.
 *
 * A third socket of the group sends what must not be fragmented, probes of a path's MTU; nothing is
 * steered to it. Where the system cannot steer there is none.
 *
 *   [I] set before it is opened   [C] control thread   [S] statistics, any thread
 *   [L] set by link_open(), read by all once a path target names the link
 *   [R] whoever receives: its RX thread, or the first dispatcher (quiet_links.h)
 *   [H] who reads the handshake socket
 */
#ifndef DATAPLANE_LINK_H
#define DATAPLANE_LINK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/align.h"
#include "base/counter.h"
#include "base/endpoint.h"
#include "base/thread.h"
#include "dataplane/batch.h"
#include "dataplane/link_message.h"
#include "dataplane/load.h"
#include "dataplane/route.h"
#include "dataplane/self.h"
#include "dataplane/socket_drops.h"
#include "dataplane/trains.h"

struct link_settings {
	char name[NAME_LEN];
	struct endpoint bind; /* with a family; address may be the wildcard, port may be 0 */
	const char *device;   /* SO_BINDTODEVICE; NULL: none */
	uint32_t fwmark;
	bool has_fwmark;
	bool has_offloads; /* send and receive trains (UDP_SEGMENT, UDP_GRO) where the system can */
};

struct quiet_links;

struct link {
	struct quiet_links *quiet; /* [I] where it is entered while little comes */
	unsigned busy_poll_us; /* [I] how long its RX thread looks for datagrams before it sleeps */
	unsigned id;           /* [I] 0 .. LINK_PAIRS_MAX - 1 */
	char name[NAME_LEN];   /* [I] */
	int data_fd;           /* [L] */
	int handshake_fd;      /* [L] */
	int whole_fd;          /* [L] for what must not be fragmented; only if is_steered */
	struct endpoint bound; /* [L] with the port the system gave */
	bool is_wildcard;      /* [L] bound to no address: our own must be learnt and kept */
	bool is_steered;       /* [L] false: all comes to the data socket */
	bool has_gro;          /* [L] what is received may be a train */
	bool has_stamps;       /* [L] the kernel tells when it took in what comes to data_fd */
	bool is_open;          /* [C] */
	bool is_parked;        /* [C] closed, but nobody else gets its descriptors */
	uint8_t *handshake_buffer; /* [H] TRAIN_BYTES: what came at the handshake socket last */
	unsigned ifindex;          /* [C] of the device the sockets are bound to; 0: none */
	struct socket_drops data_drops;      /* [C] what the kernel dropped at data_fd */
	struct socket_drops handshake_drops; /* [C] and at handshake_fd */
	struct thread thread;                /* [C] its RX thread */
	int wake_fd; /* [L] eventfd: wakes the RX thread, to end, to receive again or to look at
	              * its socket anew
	              */
	_Atomic bool is_stopping;    /* set before wake_fd is raised */
	struct dp_thread rx;         /* [R] */
	struct reception *reception; /* [R] what messages are received into */
	struct load load;            /* [R] */

	struct train_limit trains; /* what its device does: TRAIN_ANY, or 0 */

	_Alignas(CACHE_LINE) counter_t tx_packets; /* [S] datagrams, of all kinds */
	counter_t tx_bytes;                        /* [S] UDP payload */
	counter_t rx_packets;                      /* [S] written by [R] */
	counter_t rx_bytes;                        /* [S] */
	counter_t tx_errors;                       /* [S] refused by the system */
};

/* Whoever receives lets go of it, for good. */
static inline bool link_is_stopping(const struct link *link)
{
	return atomic_load_explicit(&link->is_stopping, memory_order_relaxed);
}

/* Opens and binds its sockets. Returns 0 or a negative errno (-EADDRINUSE, -EADDRNOTAVAIL, -ENODEV
 * for a device that is not there, ...). Control.
 */
int link_open(struct link *link, const struct link_settings *set);

/* Asks the kernel what it dropped at the two sockets of an open link: data_drops, handshake_drops.
 * They go on when the link gets other sockets. Control.
 */
void link_read_drops(struct link *link);

/* When nobody receives from the link and no path target names it any more, both for a grace period.
 * Its address is free, but batches on their way may still name it: what they send is refused by the
 * system, for the descriptors stay its own until it is opened again. Control.
 */
void link_park(struct link *link);

/* Another link has the place from now on, which is not open: it counts from nothing. Control. */
void link_count_anew(struct link *link);

/* When nobody sends or receives any more; also for one that is parked or was never open. Control.
 */
void link_close(struct link *link);

/* For a link whose device came back: with the same index nothing has to be done, otherwise a new
 * pair of sockets takes the place of the old one, on the same port. (SO_BINDTODEVICE on a bound
 * socket would take it out of its group, and the steering with it.) Who reads them may go on
 * meanwhile, but who waits for them in an epoll set has to add handshake_fd anew. Returns 0 or a
 * negative errno; then the old pair stays. Control.
 */
int link_follow_device(struct link *link, const struct link_settings *set);

/* Sends one handshake message. Returns 0 or a negative errno. Control, and who reads them. */
int link_send_handshake(struct link *link, const struct route *route, const void *msg, size_t len);

/* Receives from the handshake socket; what came is valid until the next call. In a train behind a
 * handshake message there may be transport data, which engine_receive() takes. Returns 0 or a
 * negative errno, -EAGAIN when there is nothing. One thread.
 */
int link_receive_handshakes(struct link *link, struct link_message *ret);

#endif
