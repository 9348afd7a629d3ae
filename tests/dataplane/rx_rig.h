/* SPDX-License-Identifier: MIT */
/* rx_rig.h - trains on the way in: the test's sockets send them with UDP_SEGMENT, the engine's link
 * receives them in one piece (UDP_GRO), and what comes out at the device tells whether they were
 * taken apart well.
 */
#ifndef TEST_RX_RIG_H
#define TEST_RX_RIG_H

#include <netinet/udp.h>

#include "dataplane/link_rx.h"
#include "engine_rig.h"

enum {
	PEERS = 2, /* each plays a host of its own from a socket of its own */
	HERE = 1,
	THERE = 2,
	SECOND = 2,      /* of a peer's two keypairs */
	SEQS_MAX = 3000, /* packets of one keypair */
	PACKET = 200,
	DATAGRAM = 208 + TRANSPORT_OVERHEAD,
};

extern struct rx_rig {
	struct rig_end end;
	struct dp_peer *peer[PEERS];
	struct keypair *kp[PEERS][SECOND];
	int far[PEERS];
	struct endpoint far_at[PEERS], here;
	uint32_t next_seq[PEERS][SECOND];      /* to be sent, and so the counter */
	bool is_lost[PEERS][SECOND][SEQS_MAX]; /* sent so that it must not arrive */
	uint32_t next_come[PEERS][SECOND], came[PEERS];
	uint64_t sent_packets, sent_bytes; /* by all */
} rx;

/* For the .init and .fini of a suite. The engine is there and does not run. */
void rx_setup(void);
void rx_teardown(void);

/* Our index of keypair @which of peer @who. */
uint32_t rx_index(unsigned who, unsigned which);

/* ---- trains that are being made ---- */

struct train {
	uint8_t bytes[65536];
	size_t len;
	unsigned datagrams;
};

/* The next packet of a keypair, of DATAGRAM bytes; @fault is xored into its last byte. */
void train_add(struct train *t, unsigned who, unsigned which, uint8_t fault);
void train_add_many(struct train *t, unsigned who, unsigned which, unsigned count);

/* As long as the others, and begins like transport data for @index. */
void train_add_stranger(struct train *t, uint32_t index);

/* Shorter than the others, so only at the end. */
void train_add_runt(struct train *t, size_t len);

/* Anything at the end of a train: a handshake message, say. */
void train_add_other(struct train *t, enum message_type type, size_t len);

/* From the socket @fd, in datagrams of @step bytes; from a peer's own, in those of DATAGRAM. The
 * train is empty then.
 */
void train_send_from(int fd, struct train *t, size_t step);
void train_send(unsigned who, struct train *t);

/* ---- what comes out ---- */

/* One packet: the next one of its keypair. */
void rx_take_packet(void);

/* Takes all that was sent and must come, and nothing else; then all counts must fit. The engine has
 * stopped then.
 */
void rx_expect_all(void);

/* Packets dropped for @reason, and that so many were and for no other. */
uint64_t rx_drops(enum drop_reason reason);
void rx_expect_drops(enum drop_reason reason, uint64_t count);

#endif
