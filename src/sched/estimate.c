/* SPDX-License-Identifier: MIT */
#include "sched/estimate.h"

#include "vtrunkd/limits.h"

#define OVERDUE_UNKNOWN_NS NS_PER_S        /* RFC 6298 2.1: the first timeout */
#define OVERDUE_VAR_MIN_NS (5 * NS_PER_MS) /* a scheduler's whim at either end */
#define BACKWARDS          (1u << 31) /* a difference of 32-bit counts from here on is below 0 */

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

void estimate_rtt(struct path_estimate *est, uint64_t rtt_ns)
{
	if (!est->has_rtt) {
		est->has_rtt = true;
		est->srtt_ns = rtt_ns;
		est->rttvar_ns = rtt_ns / 2;
		est->rtt_min_ns = rtt_ns;
		est->rtt_last_ns = rtt_ns;
		return;
	}

	/* RFC 6298 2.3: the variation first, against the old mean. */
	est->rttvar_ns = (3 * est->rttvar_ns + distance(est->srtt_ns, rtt_ns)) / 4;
	est->srtt_ns = (7 * est->srtt_ns + rtt_ns) / 8;
	est->jitter_ns = (15 * est->jitter_ns + distance(est->rtt_last_ns, rtt_ns)) / 16;
	if (rtt_ns < est->rtt_min_ns)
		est->rtt_min_ns = rtt_ns;
	est->rtt_last_ns = rtt_ns;
}

static void begin_window(struct loss_estimate *loss, unsigned *probes, uint32_t sent,
                         uint32_t received)
{
	loss->has_base = true;
	loss->sent = sent;
	loss->received = received;
	*probes = 0;
}

static void close_window(struct loss_estimate *loss, uint32_t sent, uint32_t received)
{
	double ratio = received < sent ? (double)(sent - received) / sent : 0;

	loss->ratio = loss->is_known ? loss->ratio + (ratio - loss->ratio) / 4 : ratio;
	loss->is_known = true;
}

static void update_loss(struct loss_estimate *loss, unsigned *probes, uint32_t sent,
                        uint32_t received)
{
	uint32_t sent_delta = sent - loss->sent;
	uint32_t received_delta = received - loss->received;

	/* What the receiver lost of its count shows as being far ahead. */
	if (!loss->has_base || sent_delta >= BACKWARDS ||
	    received_delta > sent_delta + LOSS_WINDOW_PKTS) {
		begin_window(loss, probes, sent, received);
		return;
	}
	++*probes;
	if (sent_delta < LOSS_WINDOW_PKTS && *probes < LOSS_WINDOW_PROBES)
		return;
	if (sent_delta > 0)
		close_window(loss, sent_delta, received_delta);
	begin_window(loss, probes, sent, received);
}

void estimate_loss_tx(struct path_estimate *est, uint32_t sent, uint32_t received)
{
	update_loss(&est->tx, &est->tx_probes, sent, received);
}

void estimate_loss_rx(struct path_estimate *est, uint32_t sent, uint32_t received)
{
	update_loss(&est->rx, &est->rx_probes, sent, received);
}

uint64_t estimate_overdue_ns(const struct path_estimate *est, uint64_t slack_ns)
{
	if (!est->has_rtt)
		return OVERDUE_UNKNOWN_NS;

	uint64_t spread = 4 * est->rttvar_ns;
	return est->srtt_ns + (spread > OVERDUE_VAR_MIN_NS ? spread : OVERDUE_VAR_MIN_NS) +
	       slack_ns;
}
