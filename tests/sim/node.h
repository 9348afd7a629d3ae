/* SPDX-License-Identifier: MIT */
/* node.h - a vtrunkd in the simulation: the real control part and the real engine of a daemon, on
 * ports of the simulated network instead of sockets.
 *
 * Its keys, configuration and clock stay when it is restarted; everything that the daemon holds in
 * memory begins anew. Links and peers are made as in the daemon, by the list that leads to what the
 * configuration says (control/changes.h). What the kernel would put into the TUN device comes as
 * node_offer(), what comes out of it goes to node->deliver. All that the simulation knows of the
 * inside of a daemon is in node*.c and look.c.
 */
#ifndef SIM_NODE_H
#define SIM_NODE_H

#include "node_config.h"
#include "system.h"

#include "control/control.h"

#define NODE_STAGED_MAX 16u
#define NODE_PACKET_LEN 64u /* what is sent through the tunnel */
#define NODE_KEYPAIRS   3u  /* that a peer has at most */
#define NODE_LEFT_MAX   16u /* peers that went a moment ago */

struct node;

/* A packet came out of the tunnel. */
typedef void (*node_deliver)(struct node *node, const uint8_t *packet, size_t len, uint64_t now_ns);

/* A datagram is about to leave; node->is_sending_data tells of what kind. */
typedef void (*node_sends)(struct node *node, const struct endpoint *to, const uint8_t *data,
                           size_t len);

/* It logs a line. */
typedef void (*node_says)(struct node *node, const char *line);

/* What was of a peer that went: held, to see that nobody else holds it. */
struct node_left {
	struct dp_peer *dp;
	struct keypair *kp[NODE_KEYPAIRS]; /* or NULL */
	bool has_index;
	uint32_t index; /* of the handshake that was pending */
	uint64_t at_ns;
};

struct node {
	struct sim_host host;
	struct node_config config; /* filled in before node_start(), changed before node_apply() */
	unsigned id;
	const char *name;
	uint8_t inner; /* its own address in the tunnels is 10.0.0.inner */
	struct net *net;
	int64_t clock_step_ns; /* its wall clock is ahead of the true time by this */
	node_deliver deliver;
	node_sends sends;
	node_says says; /* or NULL */
	void *context;

	/* Of the daemon that runs; control is NULL while none does. */
	struct control *control;
	unsigned starts;
	uint64_t services; /* deadlines that came */
	bool has_run;      /* since the rules looked at it */
	bool is_killed;    /* what it says while it ends does not leave */
	uint64_t alarm_ns; /* when the data plane wants to look at something; NEVER_NS */
	int tun[2];
	struct net_port *open[LINK_PAIRS_MAX]; /* by id of a pair of sockets; NULL: not open */
	unsigned lost; /* links whose device is gone: a bit for each place */
	struct node_staged {
		unsigned len;
		struct {
			uint8_t packet[NODE_PACKET_LEN];
			uint64_t at_ns;
		} kept[NODE_STAGED_MAX];
	} staged[NODE_PEERS_MAX];
	unsigned next_path[NODE_PEERS_MAX];
	uint32_t spoken_to; /* peers, a bit for each place; the others are not there */
	struct node_left left[NODE_LEFT_MAX];
	unsigned left_count;
	bool has_sent_nowhere; /* over a link whose sockets are closed */
	const char *wrong;     /* what it was found to do; NULL: nothing */

	/* That of which the next datagram to leave is: data of the user. */
	bool is_sending_data;
};

/* The daemon starts, or starts again. */
void node_start(struct node *node);

/* It ends: with a goodbye, or as if it was killed. */
void node_stop(struct node *node, bool says_goodbye);

/* The configuration is another now: so is the daemon, if it runs. */
void node_apply(struct node *node);

/* What went until then is held no longer: nobody else shall hold it either. */
void node_let_go(struct node *node, uint64_t until_ns);

/* A datagram came at a port of the node. */
void node_receive(struct node *node, struct net_port *port, const struct endpoint *from,
                  const uint8_t *data, size_t len);

/* When it wants to run; NEVER_NS: it does not run, or waits for others. */
uint64_t node_next_ns(const struct node *node);

/* Deadlines that have come. */
void node_serve(struct node *node);

/* A packet of NODE_PACKET_LEN bytes for the peer in place @i comes from the TUN device. */
void node_offer(struct node *node, unsigned i, const uint8_t *packet);

/* The system says that the device of a link, in that place, went or came back. */
void node_lose_link(struct node *node, unsigned link);
void node_regain_link(struct node *node, unsigned link);

/* As if more handshake messages came than it can deal with: it asks for cookies for a while. */
void node_overload(struct node *node);

/* The peer in place @i as control knows it; NULL while the daemon does not run or has none. */
struct peer *node_peer(const struct node *node, unsigned i);

#endif
