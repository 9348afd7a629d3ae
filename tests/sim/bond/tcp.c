/* SPDX-License-Identifier: MIT */
#include "tcp.h"

#include <math.h>
#include <stdlib.h>

#include "cubic.h"
#include "events.h"
#include "tcp_private.h"
#include "vtrunkd/limits.h"

#define MASK  (TCP_SEGMENTS - 1)
#define NEVER UINT64_MAX

#define TCP_OPEN_BYTES  60u
#define QUIC_OPEN_BYTES 1228u
#define OPEN_AGAIN_NS   NS_PER_S

void tcp_begin(struct tcp *t, uint16_t id, enum flow_kind kind, int64_t limit)
{
	*t = (struct tcp){.id = id,
	                  .is_quic = kind == FLOW_QUIC,
	                  .is_bbr = kind == FLOW_BBR,
	                  .limit = limit,
	                  .oldest = -1,
	                  .newest = -1,
	                  .window = 10,
	                  .threshold = 1e9,
	                  .steps = 1,
	                  .round_least = 1e18,
	                  .reorder_at_ns = NEVER,
	                  .timeout_at_ns = NEVER,
	                  .probe_at_ns = NEVER,
	                  .armed_ns = NEVER,
	                  .wake_ns = NEVER,
	                  .segment = calloc(TCP_SEGMENTS, sizeof *t->segment),
	                  .has = calloc(TCP_SEGMENTS, 1),
	                  .log = calloc(TCP_SEGMENTS, sizeof *t->log)};
	if (!t->segment || !t->has || !t->log)
		abort();
	if (t->is_bbr)
		bbr_begin(t);
}

void tcp_end(struct tcp *t)
{
	free(t->segment);
	free(t->has);
	free(t->log);
}

struct tcp_segment *tcp_segment_of(struct tcp *t, int64_t seq)
{
	return &t->segment[seq & MASK];
}

/* ---- what is on its way, in the order of sending ---- */

void tcp_leave_order(struct tcp *t, int64_t seq)
{
	struct tcp_segment *s = tcp_segment_of(t, seq);

	if (s->older == -2)
		return;
	if (s->older >= 0)
		t->segment[s->older].newer = s->newer;
	else
		t->oldest = s->newer;
	if (s->newer >= 0)
		t->segment[s->newer].older = s->older;
	else
		t->newest = s->older;
	s->older = s->newer = -2;
}

static void enter_order(struct tcp *t, int64_t seq)
{
	struct tcp_segment *s = tcp_segment_of(t, seq);

	s->older = t->newest;
	s->newer = -1;
	if (t->newest >= 0)
		t->segment[t->newest].newer = (int)(seq & MASK);
	else
		t->oldest = (int)(seq & MASK);
	t->newest = (int)(seq & MASK);
}

/* ---- timers ---- */

static void on_timer(void *what, uint64_t number);

static void arm(struct tcp *t)
{
	uint64_t at_ns = MIN(t->reorder_at_ns, MIN(t->timeout_at_ns, t->probe_at_ns));

	if (at_ns == NEVER ||
	    (t->armed_ns > sim_now_ns && t->armed_ns != NEVER && t->armed_ns <= at_ns))
		return;
	t->armed_ns = at_ns;
	event_at(at_ns, on_timer, t, at_ns);
}

void tcp_set_timeout(struct tcp *t)
{
	double timeout = t->srtt > 0 ? t->srtt + MAX(4 * t->rttvar, 200e6) : 1e9;

	t->timeout_at_ns = sim_now_ns + (uint64_t)(timeout * (1 << MIN(t->backoff, 6)));
	t->probe_at_ns = t->srtt > 0 && !t->is_recovering
	                         ? sim_now_ns + (uint64_t)(2 * t->srtt + 2e6)
	                         : NEVER;
	if (t->acked == t->next)
		t->timeout_at_ns = t->probe_at_ns = NEVER;
}

/* ---- sending ---- */

static void transmit(struct tcp *t, int64_t seq)
{
	struct tcp_segment *s = tcp_segment_of(t, seq);
	struct packet *p = packet_new(PACKET_DATA, INNER_BYTES);

	if (!s->is_sent) {
		*s = (struct tcp_segment){
			.older = -2, .newer = -2, .is_sent = true, .first_ns = sim_now_ns};
	} else {
		s->resent++;
		t->resent++;
		t->undo_left++;
		if (!t->first_resend_ns)
			t->first_resend_ns = sim_now_ns;
	}
	if (s->is_lost) {
		s->is_lost = false;
		t->lost--;
	}
	s->sent_ns = sim_now_ns;
	s->number = ++t->number;
	if (!t->flying)
		t->delivered_ns = sim_now_ns;
	s->delivered = t->delivered;
	s->delivered_ns = t->delivered_ns;
	tcp_leave_order(t, seq);
	enter_order(t, seq);
	t->flying++;
	p->flow = t->id;
	p->is_udp = t->is_quic;
	p->seq = seq;
	p->number = s->number;
	p->born_ns = sim_now_ns;
	t->send(t->host, p);
}

/* The next one that is lost; -1: none. */
static int64_t next_lost(struct tcp *t)
{
	int64_t seq;

	if (!t->lost)
		return -1;
	if (t->resend_at < t->acked)
		t->resend_at = t->acked;
	for (seq = t->resend_at; seq < t->next && !tcp_segment_of(t, seq)->is_lost;)
		seq++;
	if (seq == t->next) {
		for (seq = t->acked; seq < t->resend_at && !tcp_segment_of(t, seq)->is_lost;)
			seq++;
	}
	if (seq >= t->next || !tcp_segment_of(t, seq)->is_lost)
		return -1;
	t->resend_at = seq + 1;
	return seq;
}

static int64_t next_new(struct tcp *t)
{
	if (t->next - t->acked >= 60000 || (t->limit && t->next >= t->limit))
		return -1;
	tcp_segment_of(t, t->next)->is_sent = false;
	return t->next++;
}

static void on_pace(void *what, uint64_t number)
{
	struct tcp *t = what;

	if (t->wake_ns != number)
		return;
	t->wake_ns = NEVER;
	tcp_fill_window(t);
}

/* Whether nothing may leave now, though the window allows it. */
static bool is_paced(struct tcp *t)
{
	if (!t->is_bbr || t->bbr.pacing <= 0)
		return false;
	if (sim_now_ns < t->paced_ns) {
		if (t->wake_ns != t->paced_ns) {
			t->wake_ns = t->paced_ns;
			event_at(t->wake_ns, on_pace, t, t->wake_ns);
		}
		return true;
	}
	t->paced_ns = MAX(t->paced_ns, sim_now_ns - NS_PER_MS) + (uint64_t)(1 / t->bbr.pacing);
	return false;
}

void tcp_fill_window(struct tcp *t)
{
	for (;;) {
		int64_t seq;

		if (t->flying >= (int)t->window && !(t->is_forced && t->lost > 0))
			break;
		if (is_paced(t))
			break;
		seq = next_lost(t);
		if (seq < 0)
			seq = next_new(t);
		if (seq < 0)
			break;
		transmit(t, seq);
		t->is_forced = false;
		if (t->timeout_at_ns == NEVER)
			tcp_set_timeout(t);
	}
	arm(t);
}

void tcp_note_rtt(struct tcp *t, double rtt)
{
	if (rtt <= 0)
		return;
	if (t->srtt <= 0) {
		t->srtt = rtt;
		t->rttvar = rtt / 2;
		return;
	}
	t->rttvar += (fabs(rtt - t->srtt) - t->rttvar) / 4;
	t->srtt += (rtt - t->srtt) / 8;
}

/* ---- the beginning ---- */

static void send_open(struct tcp *t, void *host, bool is_answer)
{
	struct packet *p = packet_new(PACKET_OPEN, t->is_quic ? QUIC_OPEN_BYTES : TCP_OPEN_BYTES);

	p->flow = t->id;
	p->is_udp = t->is_quic;
	p->seq = is_answer;
	p->born_ns = sim_now_ns;
	t->send(host, p);
}

static void on_open(void *what, uint64_t number)
{
	struct tcp *t = what;

	if (t->is_open)
		return;
	send_open(t, t->host, false);
	event_at(sim_now_ns + (OPEN_AGAIN_NS << number), on_open, t, number + 1);
}

void tcp_start(struct tcp *t)
{
	t->began_ns = sim_now_ns;
	on_open(t, 0);
}

void tcp_opened(struct tcp *t, const struct packet *p)
{
	if (!p->seq) {
		send_open(t, t->peer, true);
	} else if (!t->is_open) {
		t->is_open = true;
		tcp_note_rtt(t, (double)(sim_now_ns - t->began_ns));
		tcp_fill_window(t);
	}
}

/* ---- losses ---- */

static void enter_recovery(struct tcp *t)
{
	t->is_recovering = t->is_forced = t->can_undo = true;
	t->grows_again = false;
	t->recovery_end = t->next;
	t->first_resend_ns = 0;
	t->undo_window = t->window;
	t->undo_threshold = t->threshold;
	t->undo_left = 0;
	if (!t->is_bbr)
		cubic_lost(t);
}

void tcp_undo(struct tcp *t)
{
	if (!t->can_undo)
		return;
	t->can_undo = t->is_recovering = false;
	t->spurious++;
	if (!t->is_bbr)
		cubic_undo(t);
	for (int64_t seq = t->acked; seq < t->next; seq++) {
		if (!tcp_segment_of(t, seq)->is_lost)
			continue;
		tcp_segment_of(t, seq)->is_lost = false;
		t->lost--;
		t->flying++;
		enter_order(t, seq);
	}
}

static double reordering_window(const struct tcp *t)
{
	if (!t->has_reordering && (t->is_recovering || t->sacked >= 3))
		return 0;
	return MIN(t->least_rtt / 4 * t->steps, t->srtt);
}

/* How long until @s counts as lost. */
static double patience(const struct tcp *t, const struct tcp_segment *s)
{
	double age = (double)(sim_now_ns - s->sent_ns);

	if (!t->is_quic)
		return t->rack_rtt + reordering_window(t) - age;
	return t->highest_number >= s->number + 3 ? 0 : 1.125 * MAX(t->srtt, t->rack_rtt) - age;
}

void tcp_detect_losses(struct tcp *t)
{
	bool is_any = false;

	t->reorder_at_ns = NEVER;
	while (t->rack_ns && t->oldest >= 0) {
		struct tcp_segment *s = &t->segment[t->oldest];
		int64_t seq = t->acked - (t->acked & MASK) + t->oldest;
		double left;

		if (seq < t->acked)
			seq += TCP_SEGMENTS;
		if (s->sent_ns > t->rack_ns || (s->sent_ns == t->rack_ns && seq >= t->rack_seq))
			break;
		left = patience(t, s);
		if (left > 0) {
			t->reorder_at_ns = sim_now_ns + (uint64_t)left + 1;
			break;
		}
		tcp_leave_order(t, seq);
		s->is_lost = true;
		t->lost++;
		t->flying--;
		is_any = true;
		t->resend_at = MIN(t->resend_at, seq);
	}
	if (is_any && !t->is_recovering)
		enter_recovery(t);
}

static void probe_tail(struct tcp *t)
{
	int64_t last = t->next - 1;

	t->probe_at_ns = NEVER;
	if (t->acked == t->next || tcp_segment_of(t, last)->is_acked || t->is_recovering)
		return;
	if (!tcp_segment_of(t, last)->is_lost)
		t->flying--;
	transmit(t, last);
}

static void time_out(struct tcp *t)
{
	if (t->acked < t->next) {
		t->timeouts++;
		enter_recovery(t);
		t->can_undo = false;
		for (int64_t seq = t->acked; seq < t->next; seq++) {
			struct tcp_segment *s = tcp_segment_of(t, seq);

			if (s->is_acked || s->is_lost)
				continue;
			s->is_lost = true;
			t->lost++;
			t->flying--;
			tcp_leave_order(t, seq);
		}
		t->resend_at = t->acked;
		t->backoff++;
		t->rack_ns = 0;
		t->grows_again = true;
		cubic_timed_out(t);
	}
	tcp_set_timeout(t);
	tcp_fill_window(t);
}

static void on_timer(void *what, uint64_t number)
{
	struct tcp *t = what;

	if (t->armed_ns != number)
		return;
	t->armed_ns = NEVER;
	if (sim_now_ns >= t->reorder_at_ns) {
		tcp_detect_losses(t);
		tcp_fill_window(t);
	}
	if (sim_now_ns >= t->probe_at_ns)
		probe_tail(t);
	if (sim_now_ns >= t->timeout_at_ns)
		time_out(t);
	arm(t);
}
