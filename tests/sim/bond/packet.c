/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <stdlib.h>

#define VOICE_PORT 4000u

static struct packet *spare;
static long alive;

struct packet *packet_new(enum packet_kind kind, unsigned bytes)
{
	struct packet *p = spare;

	if (p)
		spare = p->next;
	else if (!(p = malloc(sizeof *p)))
		abort();
	*p = (struct packet){.kind = kind, .bytes = (uint16_t)bytes};
	alive++;
	return p;
}

struct packet *packet_copy(const struct packet *p)
{
	struct packet *copy = packet_new(p->kind, p->bytes);

	*copy = *p;
	copy->next = NULL;
	copy->report = NULL;
	return copy;
}

void packet_free(struct packet *p)
{
	free(p->report);
	p->report = NULL;
	p->next = spare;
	spare = p;
	alive--;
}

long packets_alive(void)
{
	return alive;
}

struct traffic_facts packet_facts(const struct packet *p)
{
	return (struct traffic_facts){
		.flow = p->flow,
		.bytes = p->bytes,
		.source_port = VOICE_PORT,
		.destination_port = VOICE_PORT,
		.protocol = p->is_udp ? TRAFFIC_UDP : PACKET_TCP,
		.is_tcp_control = !p->is_udp && p->kind != PACKET_DATA,
	};
}
