/* SPDX-License-Identifier: MIT */
/* node_config.h - what stands in the configuration file of a simulated daemon, and the desired
 * state that is read from it (config/desired.h).
 *
 * Links, peers and endpoints keep their places here for as long as the host lives; one that is not
 * wanted does not stand in the file at present, and neither does an endpoint over a link that does
 * not. So a place names the same link or peer before and after a change, whatever its index in the
 * daemon is.
 */
#ifndef SIM_NODE_CONFIG_H
#define SIM_NODE_CONFIG_H

#include "config/desired.h"
#include "network.h"

#define NODE_LINKS_MAX     4u
#define NODE_PEERS_MAX     3u
#define NODE_ENDPOINTS_MAX 16u

struct configured_link {
	bool is_wanted;
	struct net_port *port;
	uint32_t weight;
	uint32_t mark; /* of its datagrams; 0: none. Another has its sockets opened anew */
};

struct configured_endpoint {
	bool is_wanted;
	int link; /* -1: all */
	struct endpoint address;
};

struct configured_peer {
	bool is_wanted;
	uint8_t public_key[KEY_LEN];
	bool is_renamed;
	uint8_t secret;  /* preshared, as one of a few; 0: none */
	uint8_t inner;   /* its address in the tunnel is 10.0.0.inner */
	bool has_subnet; /* and 10.1.inner.0/24 is behind it */
	enum bonding_mode mode;
	uint16_t persistent_keepalive;
	unsigned endpoint_count;
	struct configured_endpoint endpoint[NODE_ENDPOINTS_MAX];
};

struct node_config {
	uint8_t private_key[KEY_LEN];
	enum bonding_policy bonding;
	unsigned link_count;
	struct configured_link link[NODE_LINKS_MAX];
	unsigned peer_count;
	struct configured_peer peer[NODE_PEERS_MAX];
};

/* The name of the link in place @i. */
void node_link_name(unsigned i, char ret[static NAME_LEN]);

/* The place of the link called @name, which is one of ours. */
unsigned node_link_place(const char *name);

/* What is wanted. The caller's, to be freed by desired_free(). */
struct desired *node_config_read(const struct node_config *config);

#endif
