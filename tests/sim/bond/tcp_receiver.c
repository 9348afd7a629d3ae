/* SPDX-License-Identifier: MIT */
/* The receiving end of a connection, see tcp.h. */
#include "tcp_receiver.h"

#include "events.h"
#include "vtrunkd/limits.h"

#define MASK      (TCP_SEGMENTS - 1)
#define ACK_BYTES 60u

static void send_ack(struct tcp *t)
{
	struct packet *p = packet_new(PACKET_ACK, ACK_BYTES);

	p->flow = t->id;
	p->is_udp = t->is_quic;
	p->acked = t->came;
	p->logged = t->logged;
	p->born_ns = sim_now_ns;
	t->unacked = 0;
	t->delayed_ns = 0;
	t->send(t->peer, p);
}

static void on_delayed(void *what, uint64_t number)
{
	struct tcp *t = what;

	if (t->delayed_ns == number)
		send_ack(t);
}

void tcp_arrived(struct tcp *t, const struct packet *data)
{
	bool is_double = data->seq < t->came || t->has[data->seq & MASK];
	bool is_out = is_double || data->seq != t->came;
	int64_t before = t->came;

	t->log[t->logged++ & MASK] =
		(struct tcp_log){data->seq, data->number, data->born_ns, is_double};
	if (!is_double)
		t->has[data->seq & MASK] = 1;
	while (t->has[t->came & MASK])
		t->has[t->came++ & MASK] = 0;
	t->good_bytes += (uint64_t)(t->came - before) * INNER_BYTES;
	if (t->limit && t->came >= t->limit && !t->done_ns)
		t->done_ns = sim_now_ns;
	if (is_out || t->came - before > 1 || ++t->unacked >= 2) {
		send_ack(t);
	} else if (!t->delayed_ns) {
		t->delayed_ns = sim_now_ns + 40 * NS_PER_MS;
		event_at(t->delayed_ns, on_delayed, t, t->delayed_ns);
	}
}
