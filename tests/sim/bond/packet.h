/* SPDX-License-Identifier: MIT */
/* packet.h - a packet on its way: of an inner flow, or a frame of the tunnel. */
#ifndef BOND_PACKET_H
#define BOND_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "sched/report.h"
#include "sched/send_queue.h"
#include "sched/traffic_class.h"

enum packet_kind {
	PACKET_OPEN, /* of a connection: somebody wants one, or agrees */
	PACKET_DATA,
	PACKET_ACK,
	PACKET_VOICE,
	PACKET_PROBE,
	PACKET_ECHO,
	PACKET_REPORT,
};

#define PACKET_TCP 6u /* the protocol */

struct rules;

struct packet {
	struct send_ticket ticket; /* while it waits in a sender; first */
	struct packet *next;       /* in a queue */
	enum packet_kind kind;
	uint16_t bytes; /* inner */
	uint16_t flow;
	bool is_udp;
	int64_t seq, number;   /* of the inner packet; of its transmission */
	uint64_t born_ns;      /* when the flow, or who probes, sent it */
	int64_t acked, logged; /* of an ACK */
	/* In the tunnel. */
	uint64_t counter;
	uint8_t lane, path, group; /* the last: of the ordered lanes */
	uint64_t place;            /* in that */
	uint8_t flags;             /* of a probe */
	uint16_t probe_seq;
	uint32_t t_tx_us;
	uint16_t report_len;
	uint8_t *report;
	/* For whoever looks on. */
	struct rules *rules; /* NULL: nobody does */
	uint64_t id, offered_ns, came_ns, arrives_ns;
};

struct packet *packet_new(enum packet_kind kind, unsigned bytes);
struct packet *packet_copy(const struct packet *p);
void packet_free(struct packet *p);

/* How many there are. */
long packets_alive(void);

static inline bool packet_is_data(const struct packet *p)
{
	return p->kind <= PACKET_VOICE;
}

/* What is looked at of it in the tunnel. */
struct traffic_facts packet_facts(const struct packet *p);

#define INNER_BYTES 1420u

/* On the wire: padded to 16, with headers and tag of WireGuard, UDP and IPv4. */
static inline unsigned wire_bytes(const struct packet *p)
{
	return ((p->bytes + 15u) & ~15u) + 60;
}

#endif
