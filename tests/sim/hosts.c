/* SPDX-License-Identifier: MIT */
/* hosts.c - who there is in a life, and by which links. */
#include <stdlib.h>
#include <string.h>

#include "crypto/aead.h"
#include "life_private.h"

/* Keys of hosts: which of two is the greater one decides who renews. */
#define KEYS 6u
static struct {
	uint8_t private[KEY_LEN], public[KEY_LEN];
} keys[KEYS];

void life_prepare(void)
{
	struct noise_identity identity;

	if (sim_system_init()) {
		fprintf(stderr, "sim: no cryptography\n");
		exit(2);
	}
	for (unsigned i = 0; i < KEYS; i++) {
		random_bytes(keys[i].private, KEY_LEN);
		noise_identity_init(&identity, keys[i].private);
		memcpy(keys[i].public, identity.public_key, KEY_LEN);
	}
}

struct endpoint life_address(unsigned net, unsigned host, unsigned port)
{
	struct endpoint ep = {.in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}};

	ep.in4.sin_addr.s_addr = htonl(net << 8 | host);
	return ep;
}

static struct net_pipe draw_pipe(struct life *life)
{
	struct net_pipe pipe = {.delay_ns = sim_between(&life->random, 1, 60) * NS_PER_MS};

	if (sim_chance(&life->random, MILLION / 2))
		pipe.jitter_ns = sim_between(&life->random, 1, 15) * NS_PER_MS;
	if (sim_chance(&life->random, MILLION / 4)) {
		pipe.rate_bps = sim_between(&life->random, 1, 100) * MILLION;
		pipe.queue_ns = 50 * NS_PER_MS;
	}
	return pipe;
}

static void open_port(struct life *life, struct node *node, unsigned link,
                      const struct endpoint *address)
{
	struct net_port *port = net_open(&life->world.net, address, node);

	port->up = draw_pipe(life);
	port->down = draw_pipe(life);
	life->healthy[port->id][0] = port->up;
	life->healthy[port->id][1] = port->down;
	node->config.link[link].port = port;
	node->config.link[link].is_wanted = true;
	node->config.link[link].weight = (uint32_t)sim_between(&life->random, 1, 3);
	node->config.link_count = link + 1;
}

static void say(struct node *node, const char *line)
{
	tell(caa_container_of(world_of(node), struct life, world), "    %s: %s", node->name, line);
}

static struct node *add_node(struct life *life, const char *name, unsigned key, uint8_t inner)
{
	struct node *node = world_add(&life->world, name);

	memcpy(node->config.private_key, keys[key].private, KEY_LEN);
	node->inner = inner;
	node->says = life->story ? say : NULL;
	return node;
}

static void add_peer(struct life *life, struct node *node, unsigned key, uint8_t inner)
{
	unsigned i = node->config.peer_count++;

	node->config.peer[i].is_wanted = true;
	memcpy(node->config.peer[i].public_key, keys[key].public, KEY_LEN);
	node->config.peer[i].inner = inner;
	node->config.peer[i].mode = life->mode;
}

static void add_endpoint(struct node *node, int link, const struct endpoint *address)
{
	unsigned n = node->config.peer[0].endpoint_count++;

	node->config.peer[0].endpoint[n].is_wanted = true;
	node->config.peer[0].endpoint[n].link = link;
	node->config.peer[0].endpoint[n].address = *address;
}

/* The client's links lead to one address of the gateway each, or to all of them. */
static void add_endpoints(struct life *life, struct node *client)
{
	const struct configured_link *gateway = life->gateway->config.link;
	unsigned addresses = life->gateway->config.link_count;

	for (unsigned i = 0; life->is_mesh && i < addresses; i++)
		add_endpoint(client, -1, &gateway[i].port->address);
	for (unsigned i = 0; !life->is_mesh && i < client->config.link_count; i++)
		add_endpoint(client, (int)i, &gateway[i % addresses].port->address);
}

/* The gateway may know where the client is as well; then both begin sessions. */
static void add_endpoints_back(struct life *life)
{
	for (unsigned i = 0; i < life->client->config.link_count; i++)
		add_endpoint(life->gateway,
		             life->is_mesh ? -1 : (int)(i % life->gateway->config.link_count),
		             &life->client->config.link[i].port->address);
}

static void draw_policy(struct life *life)
{
	life->is_plain = sim_chance(&life->random, MILLION / 8);
	if (!life->is_plain)
		return;
	if (sim_chance(&life->random, MILLION / 2))
		life->client->config.bonding = life->twin->config.bonding = BONDING_POLICY_OFF;
	else
		life->gateway->config.bonding = BONDING_POLICY_OFF;
}

/* It knows all addresses of the gateway, which knows none of its own. */
static void add_neighbour(struct life *life, unsigned clients_key)
{
	const struct endpoint at = life_address(0x660000, 1, 40000);
	unsigned key = (clients_key + 1) % (KEYS - 1);

	life->neighbour = add_node(life, "neighbour", key, 3);
	open_port(life, life->neighbour, 0, &at);
	add_peer(life, life->neighbour, KEYS - 1, 2);
	add_peer(life, life->gateway, key, 3);
	for (unsigned i = 0; i < life->gateway->config.link_count; i++)
		add_endpoint(life->neighbour, -1, &life->gateway->config.link[i].port->address);
}

void life_draw_hosts(struct life *life)
{
	struct sim_random *r = &life->random;
	unsigned key = (unsigned)sim_below(r, KEYS - 1), links = (unsigned)sim_between(r, 1, 4);
	unsigned addresses = (unsigned)sim_between(r, 1, 2);

	life->mode = (enum bonding_mode)(sim_chance(r, MILLION / 2) ? 0 : sim_between(r, 1, 2));
	life->is_mesh = links < 4 && sim_chance(r, MILLION / 4);
	life->is_mutual = sim_chance(r, MILLION / 4);
	life->client = add_node(life, "client", key, 1);
	life->gateway = add_node(life, "gateway", KEYS - 1, 2);
	life->twin = add_node(life, "twin", key, 1);
	add_peer(life, life->client, KEYS - 1, 2);
	add_peer(life, life->twin, KEYS - 1, 2);
	add_peer(life, life->gateway, key, 1);
	for (unsigned i = 0; i < links; i++) {
		struct endpoint at = life_address(0x644000 + i, 1, 40000);

		open_port(life, life->client, i, &at);
	}
	for (unsigned i = 0; i < addresses; i++) {
		struct endpoint at = life_address(0xcb0071, 1 + i, 51820);

		open_port(life, life->gateway, i, &at);
	}
	struct endpoint at = life_address(0x650000, 1, 40000);
	open_port(life, life->twin, 0, &at);
	add_endpoints(life, life->client);
	add_endpoints(life, life->twin);
	if (life->is_mutual)
		add_endpoints_back(life);
	if (sim_chance(r, MILLION / 3))
		life->client->config.peer[0].persistent_keepalive = 25;
	draw_policy(life);
	if (life->has_changes && sim_chance(&life->changes, MILLION / 2))
		add_neighbour(life, key);
}
