/* SPDX-License-Identifier: MIT */
/* What an acknowledgement means to the sending end of a connection. */
#include "tcp.h"

#include "cubic.h"
#include "events.h"
#include "tcp_private.h"
#include "vtrunkd/limits.h"

#define MASK (TCP_SEGMENTS - 1)

struct heard {
	int newly, doubles;
	double rtt;
	bool is_original; /* something resent came in its first transmission */
	struct tcp_segment newest;
};

static void hear_one(struct tcp *t, const struct tcp_log *log, struct heard *h)
{
	struct tcp_segment *s = tcp_segment_of(t, log->seq);
	bool is_first = s->resent && log->sent_ns == s->first_ns;
	double rtt = (double)(sim_now_ns - log->sent_ns);

	s->is_acked = true;
	t->sacked++;
	h->newly++;
	if (s->is_lost) {
		s->is_lost = false;
		t->lost--;
	} else {
		t->flying--;
		tcp_leave_order(t, log->seq);
	}
	h->is_original |= is_first;
	if (log->seq < t->furthest && (!s->resent || is_first))
		t->has_reordering = true;
	t->furthest = MAX(t->furthest, log->seq + 1);
	t->delivered++;
	if (!is_first) {
		if (s->sent_ns >= h->newest.sent_ns)
			h->newest = *s;
		h->rtt = rtt;
		if (!(s->resent && rtt < t->least_rtt) &&
		    (s->sent_ns > t->rack_ns ||
		     (s->sent_ns == t->rack_ns && log->seq > t->rack_seq))) {
			t->rack_ns = s->sent_ns;
			t->rack_seq = log->seq;
			t->rack_rtt = rtt;
		}
	}
	if (t->least_rtt <= 0 || rtt <= t->least_rtt ||
	    sim_now_ns - t->least_rtt_ns > 10 * NS_PER_S) {
		t->least_rtt = rtt;
		t->least_rtt_ns = sim_now_ns;
	}
}

static void hear_log(struct tcp *t, int64_t end, struct heard *h)
{
	for (; t->seen < end; t->seen++) {
		const struct tcp_log *log = &t->log[t->seen & MASK];

		t->highest_number = MAX(t->highest_number, log->number);
		if (log->is_double)
			h->doubles += !t->is_quic;
		else if (log->seq >= t->acked && !tcp_segment_of(t, log->seq)->is_acked)
			hear_one(t, log, h);
	}
}

static void note_doubles(struct tcp *t, int doubles)
{
	t->undo_left -= doubles;
	if (!doubles || sim_now_ns - t->dsack_round_ns <= (uint64_t)t->srtt)
		return;
	t->dsack_round_ns = sim_now_ns;
	t->steps = MIN(t->steps + 1, 255);
	t->persist = 16;
}

static void advance(struct tcp *t, int64_t acked)
{
	for (int64_t seq = t->acked; seq < acked; seq++)
		t->sacked -= tcp_segment_of(t, seq)->is_acked;
	t->acked = acked;
	t->backoff = 0;
	tcp_set_timeout(t);
	if (!t->is_recovering || t->acked < t->recovery_end)
		return;
	t->is_recovering = false;
	if (t->persist > 0 && --t->persist == 0)
		t->steps = 1;
}

static bool should_undo(const struct tcp *t, const struct heard *h, bool is_further)
{
	if (t->is_quic || !t->can_undo)
		return false;
	if ((t->is_recovering || is_further) &&
	    (h->is_original || (is_further && !t->undo_left && !t->first_resend_ns)))
		return true;
	return h->doubles && t->undo_left <= 0;
}

void tcp_acknowledged(struct tcp *t, const struct packet *ack)
{
	bool is_further = ack->acked > t->acked;
	struct heard h = {0};

	hear_log(t, ack->logged, &h);
	if (h.newly)
		t->delivered_ns = sim_now_ns;
	tcp_note_rtt(t, h.rtt);
	note_doubles(t, h.doubles);
	if (is_further)
		advance(t, ack->acked);
	if (should_undo(t, &h, is_further))
		tcp_undo(t);
	tcp_detect_losses(t);
	if (t->is_bbr && h.newest.sent_ns)
		bbr_acknowledged(t, h.newly, h.newest.sent_ns, h.newest.delivered,
		                 h.newest.delivered_ns);
	else if (!t->is_bbr && h.newly && (!t->is_recovering || t->grows_again) &&
	         t->flying + h.newly >= t->window * 0.5)
		cubic_grow(t, h.newly, h.rtt);
	tcp_fill_window(t);
}
