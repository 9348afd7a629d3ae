/* SPDX-License-Identifier: MIT */
#include "sched/arrivals.h"

#include "sched/path_model.h"
#include "vtrunkd/wire.h"

#define REORDER_MAX_US   60000u
#define REORDER_FADES_NS (100 * NS_PER_MS) /* 3 % of it */
#define RANGE_MAX        255u
#define WEIGHT_LOAD      100u /* times what reports weigh */
#define DATAGRAM_BYTES   100u /* beside the report: headers, padding and tag */

static uint32_t us(uint64_t ns)
{
	return (uint32_t)(ns / NS_PER_US);
}

void arrivals_begin(struct arrivals *a, uint32_t key)
{
	a->key = key;
	a->asked_len = 0;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct arrivals_path *p = &a->path[i];

		p->end[LANE_ORDERED] = p->end[LANE_UNORDERED] = 0;
		p->newest_ns = 0;
		p->passed_at = 0;
		for (unsigned k = 0; k < ARRIVALS_PASSED; k++)
			p->passed[k].at_ns = 0;
	}
}

void arrivals_name(struct arrivals *a, unsigned path, uint8_t name)
{
	struct arrivals_path *p = &a->path[path];

	if (p->is_named && p->name == name)
		return;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (a->path[i].is_named && a->path[i].name == name)
			a->path[i].is_named = false;
	}
	*p = (struct arrivals_path){.is_named = true, .name = name};
}

/* When something behind @counter came first, as far as is remembered; 0: nothing is. */
static uint64_t overtaken_ns(const struct arrivals_path *p, uint64_t counter)
{
	for (unsigned i = 0; i < ARRIVALS_PASSED; i++) {
		unsigned at = (p->passed_at + i) % ARRIVALS_PASSED;

		if (p->passed[at].at_ns && p->passed[at].end > counter)
			return p->passed[at].at_ns;
	}
	return 0;
}

/* The sender may have sent it again, over this path or another. */
static bool was_asked_for(const struct arrivals *a, uint64_t counter)
{
	for (unsigned i = 0; i < a->asked_len; i++) {
		if (counter - a->asked_next - a->asked[i].offset < a->asked[i].len)
			return true;
	}
	return false;
}

static void fade(struct arrivals_path *p, uint64_t now_ns)
{
	while (p->reorder_us && now_ns - p->reorder_at_ns >= REORDER_FADES_NS) {
		p->reorder_at_ns += REORDER_FADES_NS;
		p->reorder_us -= p->reorder_us / 33 + 1;
	}
}

static void came_late(const struct arrivals *a, struct arrivals_path *p, uint64_t counter,
                      uint64_t rx_ns)
{
	uint64_t at_ns = overtaken_ns(p, counter);
	uint32_t late_us = at_ns && rx_ns > at_ns ? us(rx_ns - at_ns) : 0;

	if (late_us > REORDER_MAX_US)
		late_us = REORDER_MAX_US;
	if (late_us <= p->reorder_us || was_asked_for(a, counter))
		return;
	p->reorder_us = late_us;
	p->reorder_at_ns = rx_ns;
}

static void remember_passed(struct arrivals_path *p, uint64_t end, uint64_t rx_ns)
{
	unsigned last = (p->passed_at + ARRIVALS_PASSED - 1) % ARRIVALS_PASSED;

	if (p->passed[last].at_ns && rx_ns < p->passed[last].at_ns + NS_PER_MS)
		return;
	p->passed[p->passed_at].end = end;
	p->passed[p->passed_at].at_ns = rx_ns;
	p->passed_at = (p->passed_at + 1) % ARRIVALS_PASSED;
}

void arrivals_data(struct arrivals *a, unsigned path, unsigned lane, uint64_t counter,
                   uint32_t bytes, uint64_t rx_ns)
{
	struct arrivals_path *p = &a->path[path];

	arrivals_old(a, path, bytes);
	fade(p, rx_ns);
	if (counter < p->end[lane]) {
		if (lane == LANE_ORDERED)
			came_late(a, p, counter, rx_ns);
		return;
	}
	p->end[lane] = counter + 1;
	p->lane = (uint8_t)lane;
	p->newest_ns = rx_ns;
	p->newest_packets = p->packets;
	p->newest_bytes = p->bytes;
	if (lane == LANE_ORDERED)
		remember_passed(p, counter + 1, rx_ns);
}

void arrivals_probe(struct arrivals *a, unsigned path, uint32_t t_tx_us, uint64_t rx_ns)
{
	struct arrivals_path *p = &a->path[path];

	if (p->has_probe && (int32_t)(t_tx_us - p->probe_us) <= 0)
		return; /* overtaken by a later one */
	a->has_untold = true;
	a->has_first |= !p->has_probe;
	p->has_probe = true;
	p->probe_us = t_tx_us;
	p->probe_ns = rx_ns;
}

static void note_gap(struct arrivals_path *p, uint32_t bytes, uint64_t rx_ns)
{
	if (rx_ns <= p->train_to_ns + p->train_gap_ns)
		return;
	p->train_gap_ns = rx_ns - p->train_to_ns;
	p->train_gap_bytes = bytes;
}

void arrivals_train(struct arrivals *a, unsigned path, uint32_t bytes, uint64_t rx_ns)
{
	struct arrivals_path *p = &a->path[path];
	uint32_t data = p->bytes + p->packets * PATH_OVERHEAD;

	bytes += data - p->train_data;
	p->train_data = data;
	a->has_untold = true;
	if (p->train_packets && rx_ns - p->train_to_ns > NS_PER_S) { /* another train */
		p->train_packets = p->train_bytes = 0;
		p->train_gap_ns = 0;
	}
	a->has_first |= p->train_packets + 1 == TRAIN_LENGTH;
	if (++p->train_packets <= TRAIN_LEAD) {
		p->train_from_ns = rx_ns;
	} else {
		p->train_bytes += bytes;
		note_gap(p, bytes, rx_ns);
	}
	p->train_to_ns = rx_ns;
}

static uint32_t train_kbps(const struct arrivals_path *p)
{
	uint64_t span_ns = p->train_to_ns - p->train_from_ns, bytes = p->train_bytes, kbps;

	if (p->train_gap_ns > span_ns / 4) {
		span_ns -= p->train_gap_ns;
		bytes -= p->train_gap_bytes;
	}
	if (p->train_packets < TRAIN_MEASURED || !span_ns)
		return 0;
	kbps = bytes * 8 * NS_PER_MS / span_ns;
	return kbps <= TRAIN_KBPS_MAX ? (uint32_t)kbps : 0;
}

static void report_path(const struct arrivals_path *p, struct report_path *ret)
{
	*ret = (struct report_path){.path_id = p->name,
	                            .reorder_us = p->reorder_us,
	                            .packets = p->newest_packets,
	                            .bytes = p->newest_bytes,
	                            .train_kbps = train_kbps(p)};
	if (p->newest_ns) {
		ret->flags |= REPORT_DATA | (p->lane == LANE_UNORDERED ? REPORT_UNORDERED : 0);
		ret->newest = (uint32_t)(p->end[p->lane] - 1);
		ret->newest_us = us(p->newest_ns);
	}
	if (p->has_probe) {
		ret->flags |= REPORT_PROBE;
		ret->probe_us = p->probe_us;
		ret->probe_came_us = us(p->probe_ns);
	}
}

/* One range, or a part of it, from place @from to @to. */
static bool add_range(struct report *ret, uint64_t start, uint64_t from, uint64_t to)
{
	while (from < to && ret->ranges < REPORT_RANGES_MAX) {
		uint32_t len = to - from < RANGE_MAX ? (uint32_t)(to - from) : RANGE_MAX;

		ret->range[ret->ranges++] = (struct report_range){(uint32_t)(from - start), len};
		from += len;
	}
	return ret->ranges < REPORT_RANGES_MAX;
}

static void report_missing(const struct reseq *order, uint64_t start, struct report *ret)
{
	uint64_t from, to, end = start + REPORT_REACH;

	for (uint64_t at = start; at < end && reseq_missing(order, at, &from, &to); at = to) {
		if (!add_range(ret, start, from, to < end ? to : end))
			return;
	}
}

static void report_paths(struct arrivals *a, uint64_t now_ns, struct report *ret)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct arrivals_path *p = &a->path[i];

		fade(p, now_ns);
		if (p->is_named && (p->packets || p->has_probe || p->train_packets))
			report_path(p, &ret->path[ret->paths++]);
	}
}

static void report_order(struct arrivals *a, const struct reseq *order, uint64_t offset,
                         struct report *ret)
{
	bool is_placed = (int64_t)(order->next - offset) >= 0;
	uint64_t start = is_placed ? order->next : offset;

	ret->next = start - offset;
	report_missing(order, start, ret);
	a->asked_next = ret->next;
	for (unsigned i = 0; i < ret->ranges; i++)
		a->asked[i] = ret->range[i];
}

uint64_t arrivals_due_ns(const struct arrivals *a)
{
	uint64_t after_ns = ARRIVALS_LOAD_NS;

	if (!a->has_untold)
		return NEVER_NS;
	if (!a->untold_bytes)
		after_ns = a->has_first ? ARRIVALS_FIRST_NS : ARRIVALS_PROBE_NS;
	else if (a->untold_bytes < WEIGHT_LOAD * a->report_bytes)
		after_ns = ARRIVALS_SOME_NS;
	return a->reported_ns + after_ns;
}

/* Each path carries a copy. */
static void note_report(struct arrivals *a, const struct report *report, uint64_t now_ns)
{
	uint32_t bytes = DATAGRAM_BYTES + REPORT_HEAD_BYTES + report->paths * REPORT_PATH_BYTES +
	                 report->ranges * REPORT_RANGE_BYTES;

	a->reported_ns = now_ns;
	a->report_bytes = report->paths * bytes;
	a->untold_bytes = 0;
	a->has_untold = a->has_first = false;
}

void arrivals_report(struct arrivals *a, const struct reseq *order, uint64_t offset,
                     uint64_t now_ns, struct report *ret)
{
	ret->number = ++a->number;
	ret->time_us = us(now_ns);
	ret->key = a->key;
	ret->next = 0;
	ret->paths = ret->ranges = 0;
	report_paths(a, now_ns, ret);
	if (order)
		report_order(a, order, offset, ret);
	a->asked_len = ret->ranges;
	note_report(a, ret, now_ns);
}
