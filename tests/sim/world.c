/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Time 0 stands for "never" in many places. */
#define BEGIN_NS (1000 * NS_PER_S)

static void receive(struct net_port *port, const struct endpoint *from, const uint8_t *data,
                    size_t len, uint64_t now_ns)
{
	struct node *node = port->owner;

	(void)now_ns;
	if (!node->control)
		return;
	rules_received(node, from, len);
	node_receive(node, port, from, data, len);
}

void world_init(struct world *world, uint64_t seed)
{
	*world = (struct world){.seed = seed};
	sim_system_begin(seed, BEGIN_NS);
	net_init(&world->net, seed, receive);
	world->net.context = world;
	traffic_init(&world->traffic);
}

void world_end(struct world *world)
{
	for (unsigned i = 0; i < world->node_count; i++) {
		if (world->node[i].control)
			node_stop(&world->node[i], false);
	}
	rules_look(world);
}

void world_fini(struct world *world)
{
	net_fini(&world->net);
	rules_fini(&world->rules);
	traffic_fini(&world->traffic);
}

struct node *world_add(struct world *world, const char *name)
{
	struct node *node = &world->node[world->node_count];

	assert(world->node_count < WORLD_NODES_MAX);
	*node = (struct node){.id = world->node_count++,
	                      .name = name,
	                      .net = &world->net,
	                      .deliver = traffic_delivered,
	                      .sends = rules_sends,
	                      .context = world};
	return node;
}

void world_break(struct world *world, const char *fmt, ...)
{
	va_list args;
	int len;

	if (world->is_broken)
		return;
	world->is_broken = true;
	len = snprintf(world->why, sizeof world->why,
	               "seed %llu, after %.3f s: ", (unsigned long long)world->seed,
	               (double)(sim_now_ns() - BEGIN_NS) / NS_PER_S);
	va_start(args, fmt);
	vsnprintf(world->why + len, sizeof world->why - (size_t)len, fmt, args);
	va_end(args);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_event_ns(const struct world *world)
{
	uint64_t next = earlier(net_next_ns(&world->net), world->traffic.next_ns);

	for (unsigned i = 0; i < world->node_count; i++)
		next = earlier(next, node_next_ns(&world->node[i]));
	return next;
}

static void serve(struct world *world)
{
	for (unsigned i = 0; i < world->node_count; i++) {
		if (node_next_ns(&world->node[i]) <= sim_now_ns())
			node_serve(&world->node[i]);
	}
}

/* Whatever is due now; then what became so by the news that this made, as a link that rests does.
 */
static void turn(struct world *world)
{
	uint64_t now_ns = sim_now_ns();

	net_run(&world->net, now_ns);
	if (world->traffic.next_ns <= now_ns)
		traffic_send(world);
	serve(world);
	serve(world);
	rules_look(world);
	world->events++;
}

bool world_run(struct world *world, uint64_t ns)
{
	uint64_t end_ns = sim_now_ns() + ns, next_ns;

	while (!world->is_broken && (next_ns = next_event_ns(world)) <= end_ns) {
		if (next_ns > sim_now_ns())
			sim_set_now(next_ns);
		turn(world);
	}
	if (!world->is_broken)
		sim_set_now(end_ns);
	return !world->is_broken;
}
