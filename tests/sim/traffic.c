/* SPDX-License-Identifier: MIT */
#include "traffic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "world.h"

/* Behind the header of IPv4: sender's node, its peer, number. */
#define AT_NODE   20u
#define AT_PEER   21u
#define AT_NUMBER 24u

void traffic_init(struct traffic *traffic)
{
	*traffic = (struct traffic){.next_ns = NEVER_NS};
}

void traffic_fini(struct traffic *traffic)
{
	for (unsigned i = 0; i < traffic->flow_count; i++)
		free(traffic->flow[i].has_come);
}

void traffic_set_pace(struct traffic *traffic, uint64_t interval_ns)
{
	traffic->interval_ns = interval_ns;
	traffic->next_ns = interval_ns ? sim_now_ns() + interval_ns : NEVER_NS;
}

struct flow *traffic_flow(struct traffic *traffic, unsigned node, unsigned peer)
{
	struct flow *flow = traffic->flow;

	for (; flow < traffic->flow + traffic->flow_count; flow++) {
		if (flow->node == node && flow->peer == peer)
			return flow;
	}
	assert(traffic->flow_count < TRAFFIC_FLOWS_MAX);
	traffic->flow_count++;
	*flow = (struct flow){.node = node, .peer = peer};
	flow->has_come = calloc(TRAFFIC_PER_FLOW / 8, 1);
	assert(flow->has_come);
	return flow;
}

static void make_packet(const struct node *node, unsigned peer, uint32_t number,
                        uint8_t packet[static NODE_PACKET_LEN])
{
	memset(packet, 0x5a, NODE_PACKET_LEN);
	memset(packet, 0, 20);
	packet[0] = 0x45;
	packet[3] = NODE_PACKET_LEN;
	packet[8] = 64;
	packet[9] = 253;
	packet[12] = packet[16] = 10;
	packet[15] = node->inner;
	packet[19] = node->config.peer[peer].inner;
	packet[AT_NODE] = (uint8_t)node->id;
	packet[AT_PEER] = (uint8_t)peer;
	store_le32(packet + AT_NUMBER, number);
}

void traffic_send(struct world *world)
{
	struct traffic *traffic = &world->traffic;
	uint8_t packet[NODE_PACKET_LEN];

	traffic->next_ns += traffic->interval_ns;
	for (unsigned i = 0; i < world->node_count; i++) {
		struct node *node = &world->node[i];

		if (!node->control || traffic->mute & 1u << i)
			continue;
		for (unsigned k = 0; k < node->config.peer_count; k++) {
			struct flow *flow = traffic_flow(traffic, i, k);

			assert(flow->sent < TRAFFIC_PER_FLOW);
			flow->sent_ns[flow->sent % 64] = sim_now_ns();
			make_packet(node, k, flow->sent++, packet);
			node_offer(node, k, packet);
		}
	}
}

static bool has_come(const struct flow *flow, uint32_t number)
{
	return flow->has_come[number / 8] >> number % 8 & 1;
}

static void note(struct flow *flow, uint32_t number, uint64_t now_ns)
{
	flow->has_come[number / 8] |= (uint8_t)(1u << number % 8);
	if (now_ns - flow->came_ns > flow->gap_ns)
		flow->gap_ns = now_ns - flow->came_ns;
	flow->came++;
	flow->came_ns = now_ns;
}

void traffic_delivered(struct node *node, const uint8_t *packet, size_t len, uint64_t now_ns)
{
	struct world *world = world_of(node);
	uint8_t expected[NODE_PACKET_LEN];
	uint32_t number = load_le32(packet + AT_NUMBER);
	struct node *sender = &world->node[packet[AT_NODE] % WORLD_NODES_MAX];
	struct flow *flow = traffic_flow(&world->traffic, sender->id, packet[AT_PEER]);

	make_packet(sender, packet[AT_PEER], number, expected);
	if (len != NODE_PACKET_LEN || memcmp(packet, expected, len) || number >= flow->sent)
		world_break(world, "%s got a packet that nobody sent", node->name);
	else if (packet[19] != node->inner)
		world_break(world, "%s got a packet of %s for 10.0.0.%u", node->name, sender->name,
		            packet[19]);
	else if (has_come(flow, number))
		world_break(world, "%s got packet %u of %s twice", node->name, number,
		            sender->name);
	else
		note(flow, number, now_ns);
}

unsigned flow_missing(const struct flow *flow, uint64_t from_ns, uint64_t to_ns)
{
	uint32_t number = flow->sent > 64 ? flow->sent - 64 : 0;
	unsigned missing = 0;

	for (; number < flow->sent; number++) {
		uint64_t at_ns = flow->sent_ns[number % 64];

		if (at_ns >= from_ns && at_ns < to_ns && !has_come(flow, number))
			missing++;
	}
	return missing;
}
