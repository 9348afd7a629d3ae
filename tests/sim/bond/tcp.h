/* SPDX-License-Identifier: MIT */
/* tcp.h - a TCP connection inside the tunnel that sends one way, good enough to suffer from what a
 * tunnel does to it: CUBIC (RFC 9438) with Linux's slow start (HyStart, 5 % a round trip until the
 * first loss), RACK with a reordering window that DSACKs widen, tail loss probes, the
 * retransmission timer, and undoing by DSACK or time stamp. With is_quic the loss detection of RFC
 * 9002 instead: three later packets are a loss, nothing is undone.
 *
 * There is a round trip before the first data, as of SYN and SYN-ACK or of QUIC's first packets.
 *
 * Packets are counted, not bytes; what the receiver knows of what came is known exactly.
 */
#ifndef BOND_TCP_H
#define BOND_TCP_H

#include "bbr.h"
#include "packet.h"

#define TCP_SEGMENTS (1u << 16) /* at most on their way */

/* What a connection is. */
enum flow_kind {
	FLOW_CUBIC,
	FLOW_QUIC, /* with CUBIC */
	FLOW_BBR,
};

struct tcp_segment {
	uint64_t sent_ns, first_ns;
	int older, newer; /* in the order of sending; -1 end, -2 not in it */
	bool is_sent, is_acked, is_lost;
	uint8_t resent;
	int64_t number;
	int64_t delivered;     /* of the connection when it was sent, ... */
	uint64_t delivered_ns; /* ... the last of them then */
};

/* What came, as an ACK tells of it. */
struct tcp_log {
	int64_t seq, number;
	uint64_t sent_ns;
	bool is_double;
};

typedef void (*tcp_send_packet)(void *host, struct packet *p);

struct tcp {
	uint16_t id;
	bool is_quic, is_bbr;
	struct bbr bbr;
	int64_t delivered;
	uint64_t delivered_ns, paced_ns; /* the latter: nothing leaves before */
	int64_t limit;                   /* packets to send; 0: without end */
	void *host, *peer;
	tcp_send_packet send; /* at either end */

	struct tcp_segment *segment;
	int64_t acked, next, furthest, number, highest_number;
	int oldest, newest;
	double window, threshold;
	int flying, lost, sacked;
	int64_t resend_at;
	bool is_open; /* the other end has agreed */
	double srtt, rttvar, least_rtt;
	uint64_t least_rtt_ns;
	uint64_t rack_ns;
	int64_t rack_seq;
	double rack_rtt;
	bool has_reordering;
	int steps, persist;
	uint64_t dsack_round_ns;
	uint64_t reorder_at_ns, timeout_at_ns, probe_at_ns, armed_ns, wake_ns;
	int backoff;
	bool is_recovering, is_forced, can_undo;
	bool grows_again; /* after a timeout it recovers by slow start (RFC 5681, 3.1) */
	int64_t recovery_end;
	double undo_window, undo_threshold;
	int64_t undo_left;
	uint64_t first_resend_ns;

	double most, origin_k, friendly, delay_min, round_least;
	uint64_t epoch_ns, round_ns, round_ack_ns;
	int64_t round_end;
	int round_samples;
	bool was_lost;

	int64_t came, logged, seen; /* at the receiver; the last: read by the sender */
	uint8_t *has;
	struct tcp_log *log;
	int unacked;
	uint64_t delayed_ns;

	uint64_t began_ns, done_ns;
	uint64_t good_bytes, resent, spurious, timeouts;
};

void tcp_begin(struct tcp *t, uint16_t id, enum flow_kind kind, int64_t limit);
void tcp_end(struct tcp *t);

/* Asks the other end now, and sends when it has agreed. */
void tcp_start(struct tcp *t);

/* A packet that asks or agrees arrived at either end. */
void tcp_opened(struct tcp *t, const struct packet *p);

/* A packet of the connection arrived at the sender. */
void tcp_acknowledged(struct tcp *t, const struct packet *ack);

#endif
