/* SPDX-License-Identifier: MIT */
#include "sched/path_model.h"

#define CLEAN_IDLE_NS     (100 * NS_PER_MS) /* between clean probes over an idle path */
#define CLEAN_LOADED_NS   NS_PER_S
#define CLEAN_AGAIN_NS    (100 * NS_PER_MS) /* when a base may have changed */
#define CLEAN_MARGIN_NS   (2 * NS_PER_MS)
#define IDLE_NS           (5 * NS_PER_MS)
#define PAUSE_QUEUE_MAX   (60 * NS_PER_MS)
#define GAP_NS            (30 * NS_PER_MS) /* a path without a queue and so long without data */
#define LOSS_PACKETS      64u
#define LOSS_SPILL_PPM    20000
#define TRAINS_NS         (150 * NS_PER_MS) /* reports of one train go on for so long */
#define SPILL_STEP_NS     NS_PER_MS         /* given back each second */
#define REFUND_AFTER_NS   (200 * NS_PER_MS)
#define VAR_MIN_NS        (5 * NS_PER_MS)
#define OVERDUE_SLACK_NS  (5 * NS_PER_MS)
#define OVERDUE_QUEUE_MAX (200 * NS_PER_MS)

void path_model_init(struct path_model *m)
{
	*m = (struct path_model){.spill_ns = PATH_SPILL_NS};
	capacity_init(&m->capacity);
}

void path_model_reset(struct path_model *m)
{
	path_model_init(m);
}

/* ---- probes ---- */

void path_model_probe_sent(struct path_model *m, uint32_t t_tx_us, uint64_t now_ns)
{
	bool is_after_pause = m->pause_until_ns && now_ns >= m->pause_until_ns &&
	                      now_ns - m->pause_until_ns < CLEAN_MARGIN_NS &&
	                      m->sent_ns < m->pause_until_ns;
	bool is_idle = !path_model_queue_ns(m, now_ns) &&
	               now_ns - m->sent_ns > IDLE_NS + (m->capacity.standing_ns < PAUSE_QUEUE_MAX
	                                                        ? m->capacity.standing_ns
	                                                        : PAUSE_QUEUE_MAX);

	if (is_after_pause || is_idle)
		m->clean_us[m->clean++ % PATH_CLEAN_KEPT] = t_tx_us;
	path_model_note_send(m, now_ns);
}

void path_model_answered(struct path_model *m, uint64_t rtt_ns, uint64_t now_ns)
{
	uint64_t off_ns = rtt_ns > m->srtt_ns ? rtt_ns - m->srtt_ns : m->srtt_ns - rtt_ns;

	if (now_ns - rtt_ns > m->acked_ns)
		m->acked_ns = now_ns - rtt_ns;
	m->progress_ns = now_ns;
	if (!m->srtt_ns) {
		m->srtt_ns = rtt_ns;
		m->rttvar_ns = rtt_ns / 4;
		return;
	}
	m->rttvar_ns = (3 * m->rttvar_ns + off_ns) / 4;
	m->srtt_ns = (7 * m->srtt_ns + rtt_ns) / 8;
}

static bool was_clean(const struct path_model *m, uint32_t t_tx_us)
{
	unsigned len = m->clean < PATH_CLEAN_KEPT ? m->clean : PATH_CLEAN_KEPT;

	for (unsigned i = 0; i < len; i++) {
		if (m->clean_us[i] == t_tx_us)
			return true;
	}
	return false;
}

enum path_probe path_model_pause(struct path_model *m, uint64_t now_ns)
{
	uint64_t queue_ns = path_model_queue_ns(m, now_ns), dry_ns = m->capacity.standing_ns;

	if (m->pause_until_ns && now_ns >= m->pause_until_ns) {
		m->pause_until_ns = 0;
		return PATH_PROBE_NONE;
	}
	if (m->pause_until_ns || now_ns < m->clean_at_ns)
		return PATH_PROBE_NONE;
	if (dry_ns > PAUSE_QUEUE_MAX)
		dry_ns = PAUSE_QUEUE_MAX;
	if (queue_ns) {
		m->pause_until_ns =
			now_ns + (queue_ns > dry_ns ? queue_ns : dry_ns) + CLEAN_MARGIN_NS;
		m->clean_at_ns = now_ns + CLEAN_LOADED_NS;
		return PATH_PROBE_NONE;
	}
	if (now_ns - m->sent_ns <= IDLE_NS + dry_ns)
		return PATH_PROBE_NONE;
	m->clean_at_ns = now_ns + CLEAN_IDLE_NS;
	return PATH_PROBE_CLEAN;
}

/* ---- reports ---- */

/* The one-way delay of something that left at @t_tx_us and came at @t_rx_us. */
static int64_t owd_ns(uint32_t t_tx_us, uint32_t t_rx_us, uint32_t zero_us)
{
	return (int64_t)(int32_t)(t_rx_us - t_tx_us - zero_us) * (int64_t)NS_PER_US;
}

static void hear_delay(struct path_model *m, int64_t owd, bool is_clean, uint64_t now_ns)
{
	bool is_again = owd_sample(&m->delay, owd, is_clean, now_ns);

	if (is_again && m->clean_at_ns > now_ns + CLEAN_AGAIN_NS)
		m->clean_at_ns = now_ns + CLEAN_AGAIN_NS;
}

static bool hear_probe(struct path_model *m, const struct report_path *said, uint32_t zero_us,
                       uint64_t now_ns)
{
	uint32_t now_us = (uint32_t)(now_ns / NS_PER_US);

	if (!(said->flags & REPORT_PROBE) ||
	    (m->heard.said.flags & REPORT_PROBE && said->probe_us == m->heard.said.probe_us))
		return false;
	m->heard.said.flags |= REPORT_PROBE;
	m->heard.said.probe_us = said->probe_us;
	hear_delay(m, owd_ns(said->probe_us, said->probe_came_us, zero_us),
	           was_clean(m, said->probe_us), now_ns);
	uint64_t sent_ns = now_ns - (uint64_t)(now_us - said->probe_us) * NS_PER_US;
	if (sent_ns <= now_ns && sent_ns > m->acked_ns)
		m->acked_ns = sent_ns;
	return true;
}

static void hear_train(struct path_model *m, uint32_t kbps, uint64_t now_ns)
{
	if (!kbps || (m->train_at_ns && now_ns - m->train_at_ns > TRAINS_NS))
		return;
	if (!m->train_at_ns)
		m->train_at_ns = now_ns;
	capacity_train(&m->capacity, (uint64_t)kbps * 125);
}

/* Copies made on the way, and lies, make it less than none. */
static int32_t loss_of(uint32_t sent, uint32_t received)
{
	int64_t ppm = 1000000 - (int64_t)received * 1000000 / sent;

	return ppm > -1000000 ? (int32_t)ppm : -1000000;
}

static void hear_loss(struct path_model *m, uint32_t sent, uint32_t received, uint64_t now_ns)
{
	int32_t ppm;

	m->loss.sent += sent;
	m->loss.received += received;
	if (m->loss.sent < LOSS_PACKETS)
		return;
	ppm = loss_of(m->loss.sent, m->loss.received);
	m->loss_mean_ppm += (ppm - m->loss_mean_ppm) / 10;
	m->loss_ppm = m->loss_mean_ppm > 0 ? (uint32_t)m->loss_mean_ppm : 0;
	m->loss.sent = m->loss.received = 0;
	if (ppm <= LOSS_SPILL_PPM)
		return;
	if (ppm > 2 * m->loss_mean_ppm)
		m->no_refund_ns = now_ns + REFUND_AFTER_NS;
	if (m->capacity.standing_ns > PATH_SPILL_NS) {
		uint64_t spill_ns = m->capacity.standing_ns * 8 / 10;

		if (spill_ns < m->spill_ns)
			m->spill_ns = spill_ns > PATH_SPILL_MIN_NS ? spill_ns : PATH_SPILL_MIN_NS;
		m->spill_at_ns = now_ns;
	}
}

/* Bytes sent up to and with @counter of @record, and packets. */
static uint64_t bytes_up_to(const struct send_record *record, uint64_t counter)
{
	uint64_t packets = counter - record->first + 1;

	return record->bytes_before + record->bytes * packets / record->packets;
}

static void hear_rate(struct path_model *m, const struct report_path *said,
                      const struct send_record *record, uint64_t bytes, uint64_t packets,
                      uint64_t now_ns)
{
	const struct report_path *last = &m->heard.said;
	uint32_t came = said->packets - last->packets;
	uint32_t sent = (uint32_t)(packets - m->heard.packets);
	struct capacity_sample sample = {
		.span_ns = (uint64_t)(said->newest_us - last->newest_us) * NS_PER_US,
		.delivered = (uint64_t)(said->bytes - last->bytes) + (uint64_t)came * PATH_OVERHEAD,
		.sent = bytes - m->heard.bytes + (uint64_t)sent * PATH_OVERHEAD,
		.queue_ns = owd_queue_ns(&m->delay) > 0 ? (uint64_t)owd_queue_ns(&m->delay) : 0,
		.is_loaded = path_model_queue_ns(m, now_ns) > path_model_target_ns(m) * 4 / 10,
	};

	hear_loss(m, sent, came, now_ns);
	if (!record->queue_ns && sample.span_ns > GAP_NS)
		capacity_restart(&m->capacity);
	else if (sample.span_ns)
		capacity_sample(&m->capacity, &sample, path_model_target_ns(m), m->srtt_ns);
}

/* One that was sent twice tells nothing of its way (Karn's rule). */
static void hear_record(struct path_model *m, const struct report_path *said,
                        const struct send_record *record, uint64_t counter, uint32_t zero_us,
                        uint64_t now_ns)
{
	uint64_t place = counter - record->first;
	uint32_t t_tx_us = (uint32_t)(record->t_tx_ns / NS_PER_US);
	struct virtual_queue_sample sample = {
		.predicted_ns = (int64_t)record->queue_ns +
	                        (int64_t)capacity_cost_ns(&m->capacity,
	                                                  record->bytes * place / record->packets +
	                                                          place * PATH_OVERHEAD),
		.corrected_ns = record->corrected_ns,
	};

	if (place < 64 && record->resent >> place & 1)
		return;
	hear_delay(m, owd_ns(t_tx_us, said->newest_us, zero_us), false, now_ns);
	sample.met_ns = owd_queue_ns(&m->delay);
	virtual_queue_measured(&m->queue, &sample, m->delay.jitter_ns, now_ns >= m->no_refund_ns,
	                       now_ns);
}

static bool hear_data(struct path_model *m, const struct report_path *said,
                      const struct send_record *record, uint64_t counter, uint32_t zero_us,
                      uint64_t now_ns)
{
	uint64_t packets, bytes;

	if (!(said->flags & REPORT_DATA) || !record || record->t_tx_ns <= m->forgiven_ns)
		return false;
	packets = record->packets_before + (counter - record->first) + 1;
	bytes = bytes_up_to(record, counter);
	if (m->heard.is_known && packets <= m->heard.packets)
		return false;
	hear_record(m, said, record, counter, zero_us, now_ns);
	if (m->heard.is_known)
		hear_rate(m, said, record, bytes, packets, now_ns);
	if (record->t_tx_ns > m->acked_ns)
		m->acked_ns = record->t_tx_ns;
	m->heard.is_known = true;
	m->heard.packets = packets;
	m->heard.bytes = bytes;
	m->heard.said.newest_us = said->newest_us;
	m->heard.said.packets = said->packets;
	m->heard.said.bytes = said->bytes;
	return true;
}

static void give_back_spill(struct path_model *m, uint64_t now_ns)
{
	if (m->spill_ns >= PATH_SPILL_NS || now_ns - m->spill_at_ns < NS_PER_S)
		return;
	m->spill_ns += SPILL_STEP_NS;
	m->spill_at_ns = now_ns;
}

bool path_model_heard(struct path_model *m, const struct report_path *said,
                      const struct send_record *record, uint64_t counter, uint32_t zero_us,
                      uint64_t now_ns)
{
	bool is_new = hear_probe(m, said, zero_us, now_ns);

	m->reorder_ns = said->reorder_us * NS_PER_US;
	hear_train(m, said->train_kbps, now_ns);
	is_new |= hear_data(m, said, record, counter, zero_us, now_ns);
	give_back_spill(m, now_ns);
	if (is_new)
		m->progress_ns = now_ns;
	return is_new;
}

bool path_model_belief(const struct path_model *m, struct path_belief *ret)
{
	int64_t queue_ns = owd_queue_ns(&m->delay);

	*ret = (struct path_belief){.rtt_ns = m->srtt_ns,
	                            .way_ns = m->delay.base_ns,
	                            .jitter_ns = m->delay.jitter_ns,
	                            .queue_ns = queue_ns > 0 ? (uint64_t)queue_ns : 0,
	                            .arrived_bytes_per_s = m->capacity.arrived_bytes_per_s,
	                            .capacity_bytes_per_s =
	                                    m->capacity.is_known ? m->capacity.bytes_per_s : 0,
	                            .loss_ppm = m->loss_ppm};
	return m->delay.is_known;
}

static uint64_t overdue_ns(const struct path_model *m, uint64_t report_ns, uint64_t now_ns)
{
	uint64_t var_ns = 4 * m->rttvar_ns, queue_ns = path_model_queue_ns(m, now_ns);

	if (!m->srtt_ns)
		return NS_PER_S;
	if (var_ns < VAR_MIN_NS)
		var_ns = VAR_MIN_NS;
	if (queue_ns > OVERDUE_QUEUE_MAX)
		queue_ns = OVERDUE_QUEUE_MAX;
	return m->srtt_ns + var_ns + report_ns + OVERDUE_SLACK_NS + queue_ns;
}

unsigned path_model_overdue(const struct path_model *m, uint64_t report_ns, uint64_t now_ns)
{
	unsigned len = m->sends < PATH_SENDS_KEPT ? m->sends : PATH_SENDS_KEPT, overdue = 0;
	uint64_t limit_ns = overdue_ns(m, report_ns, now_ns);

	for (unsigned i = 0; i < len; i++)
		overdue += m->send_ns[i] > m->acked_ns && now_ns - m->send_ns[i] > limit_ns;
	return overdue;
}

void path_model_forgive(struct path_model *m, uint64_t now_ns)
{
	capacity_restart(&m->capacity);
	m->heard.is_known = false;
	m->loss.sent = m->loss.received = 0;
	m->acked_ns = m->forgiven_ns = now_ns;
}
