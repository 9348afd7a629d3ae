/* SPDX-License-Identifier: MIT */
/* network.h - a network of UDP datagrams on a virtual clock.
 *
 *   host ── port ── up pipe ──►           ◄── up pipe ── port ── host
 *                  NAT          the middle          NAT
 *   host ── port ◄─ down pipe ──           ── down pipe ─► port ── host
 *
 * A port is where a socket of a host meets the network: a pipe for each direction, and the address
 * by which the rest of the world knows it. A pipe has a delay with jitter, a rate with a queue in
 * front of it, loss, copies, datagrams that are held up behind others, and it may be dead - in one
 * direction alone, if the other pipe of the port lives. A new address is what a NAT that forgot its
 * mapping does: what is sent to the old one is lost. In the middle everything can be looked at
 * (net->pass), and anything put in with a forged source.
 *
 * No clock, no thread, no sockets: time is an argument, chance follows from the seed.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/deadline.h"
#include "base/endpoint.h"
#include "random.h"

#define NET_PORTS_MAX     32u
#define NET_ADDRESSES_MAX 512u /* that ports have had */
#define NET_LEN_MAX       1600u

/* One direction between a port and the middle. All zero: a nanosecond later, and nothing is lost.
 */
struct net_pipe {
	uint64_t delay_ns;
	uint64_t jitter_ns; /* up to so much more, in order */
	uint64_t rate_bps;  /* 0: without limit */
	uint64_t queue_ns;  /* of waiting for the rate; what would wait longer is lost */
	uint32_t loss_ppm;
	uint32_t copy_ppm; /* arrives twice */
	uint32_t late_ppm; /* is held up by late_ns, and overtaken by others */
	uint64_t late_ns;
	bool is_dead;

	uint64_t busy_until_ns, last_ns; /* the network's own */
};

struct net_port {
	bool is_used;
	unsigned id;
	void *owner;
	struct endpoint address; /* as the others see it */
	struct net_pipe up, down;
	int refusal; /* errno with which the system refuses to send; 0: it does not */
};

struct net;

typedef void (*net_receive)(struct net_port *port, const struct endpoint *from, const uint8_t *data,
                            size_t len, uint64_t now_ns);

/* Sees what goes through the middle; false: it ends there. */
typedef bool (*net_pass)(struct net *net, const struct endpoint *from, const struct endpoint *to,
                         const uint8_t *data, size_t len, uint64_t now_ns);

struct net {
	struct deadline_heap events;
	struct sim_random random;
	struct net_port port[NET_PORTS_MAX];
	struct {
		struct endpoint address;
		struct net_port *port;
	} had[NET_ADDRESSES_MAX]; /* every address that a port has or had */
	unsigned had_len;
	net_receive receive;
	net_pass pass; /* or NULL */
	void *context; /* the user's */
	size_t in_flight;
	uint64_t sent, lost, delivered; /* datagrams; copies count as sent */
};

void net_init(struct net *net, uint64_t seed, net_receive receive);

/* What is on its way is lost. */
void net_fini(struct net *net);

/* A new port at @address. */
struct net_port *net_open(struct net *net, const struct endpoint *address, void *owner);

/* From now on the port is known at @address, which nobody had before. */
void net_move(struct net *net, struct net_port *port, const struct endpoint *address);

/* Whose @address is or was; NULL: nobody's ever. */
struct net_port *net_who_had(const struct net *net, const struct endpoint *address);

/* Returns 0, or the negative errno with which the system refuses. What is lost on the way was sent.
 */
int net_send(struct net *net, struct net_port *port, const struct endpoint *to, const void *data,
             size_t len, uint64_t now_ns);

/* Puts a datagram into the middle, as if it came @from there. */
void net_forge(struct net *net, const struct endpoint *from, const struct endpoint *to,
               const void *data, size_t len, uint64_t now_ns);

/* When something is to happen next; NEVER_NS: nothing is on its way. */
uint64_t net_next_ns(const struct net *net);

/* Lets happen what is due. */
void net_run(struct net *net, uint64_t now_ns);

#endif
