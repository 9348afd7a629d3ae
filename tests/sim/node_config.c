/* SPDX-License-Identifier: MIT */
#include "node_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/secret.h"

#define LINK_NAME "link-"

void node_link_name(unsigned i, char ret[static NAME_LEN])
{
	snprintf(ret, NAME_LEN, LINK_NAME "%u", i);
}

unsigned node_link_place(const char *name)
{
	return (unsigned)strtoul(name + strlen(LINK_NAME), NULL, 10);
}

/* There is memory. */
static void *must(void *at)
{
	if (!at)
		abort();
	return at;
}

static void add_link(struct desired *desired, unsigned i, const struct configured_link *link)
{
	/* With any device, that is with none, nobody looks whether this system has the address. */
	struct desired_link *wanted = &desired->links[desired->link_count++];

	*wanted = (struct desired_link){.weight = link->weight,
	                                .any_device = true,
	                                .has_fwmark = link->mark,
	                                .fwmark = link->mark};
	node_link_name(i, wanted->name);
}

/* The index of the link in place @i, which is wanted. */
static int index_of(const struct node_config *config, int i)
{
	int index = 0;

	for (int k = 0; k < i; k++)
		index += config->link[k].is_wanted;
	return index;
}

static void add_endpoint(struct desired_peer *peer, const struct node_config *config,
                         const struct configured_endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_LEN];

	if (!endpoint->is_wanted ||
	    (endpoint->link >= 0 && !config->link[endpoint->link].is_wanted))
		return;
	peer->endpoints[peer->endpoint_count++] = (struct desired_endpoint){
		.link = endpoint->link < 0 ? -1 : index_of(config, endpoint->link),
		.address = must(strdup(endpoint_format(&endpoint->address, text)))};
}

static void add_peer(struct desired *desired, const struct node_config *config,
                     const struct configured_peer *peer)
{
	struct desired_peer *wanted = &desired->peers[desired->peer_count++];

	snprintf(wanted->name, sizeof wanted->name, "%s-%u", peer->is_renamed ? "other" : "peer",
	         peer->inner);
	memcpy(wanted->public_key, peer->public_key, KEY_LEN);
	wanted->mode = peer->mode;
	wanted->persistent_keepalive = peer->persistent_keepalive;
	wanted->has_preshared_key = peer->secret;
	wanted->preshared_key = peer->secret ? must(secret_alloc(KEY_LEN)) : NULL;
	if (peer->secret)
		memset(wanted->preshared_key, peer->secret, KEY_LEN);
	wanted->allowed_ips = must(calloc(2, sizeof *wanted->allowed_ips));
	wanted->allowed_ips[wanted->allowed_ip_count++] =
		(struct prefix){.family = AF_INET, .len = 32, .addr = {10, 0, 0, peer->inner}};
	if (peer->has_subnet)
		wanted->allowed_ips[wanted->allowed_ip_count++] =
			(struct prefix){.family = AF_INET, .len = 24, .addr = {10, 1, peer->inner}};
	wanted->endpoints = must(calloc(NODE_ENDPOINTS_MAX, sizeof *wanted->endpoints));
	for (unsigned i = 0; i < peer->endpoint_count; i++)
		add_endpoint(wanted, config, &peer->endpoint[i]);
}

struct desired *node_config_read(const struct node_config *config)
{
	struct desired *desired = must(malloc(sizeof *desired));

	*desired = (struct desired){.mtu = 1420,
	                            .bonding = config->bonding,
	                            .error_backoff_ns = 5 * NS_PER_S,
	                            .health_interval_ns = NS_PER_S,
	                            .health_timeout_ns = 5 * NS_PER_S};
	desired->private_key = must(secret_alloc(KEY_LEN));
	memcpy(desired->private_key, config->private_key, KEY_LEN);
	desired->links = must(calloc(NODE_LINKS_MAX, sizeof *desired->links));
	desired->peers = must(calloc(NODE_PEERS_MAX, sizeof *desired->peers));
	for (unsigned i = 0; i < config->link_count; i++) {
		if (config->link[i].is_wanted)
			add_link(desired, i, &config->link[i]);
	}
	for (unsigned i = 0; i < config->peer_count; i++) {
		if (config->peer[i].is_wanted)
			add_peer(desired, config, &config->peer[i]);
	}
	return desired;
}
