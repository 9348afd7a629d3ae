/* SPDX-License-Identifier: MIT */
#include "sched/report.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

#define REORDER_UNIT_US 10u

static void encode_path(const struct report_path *p, uint8_t *at)
{
	uint32_t reorder = p->reorder_us / REORDER_UNIT_US;

	at[0] = p->path_id;
	at[1] = p->flags;
	store_le16(at + 2, reorder < UINT16_MAX ? (uint16_t)reorder : UINT16_MAX);
	store_le32(at + 4, p->newest);
	store_le32(at + 8, p->newest_us);
	store_le32(at + 12, p->packets);
	store_le32(at + 16, p->bytes);
	store_le32(at + 20, p->probe_us);
	store_le32(at + 24, p->probe_came_us);
	store_le32(at + 28, p->train_kbps);
}

size_t report_encode(const struct report *report, uint8_t body[static REPORT_BYTES_MAX])
{
	uint8_t *at = body + REPORT_HEAD_BYTES;

	assert(report->paths <= PATHS_MAX && report->ranges <= REPORT_RANGES_MAX);
	memset(body, 0, REPORT_HEAD_BYTES);
	store_le32(body, report->number);
	store_le32(body + 4, report->time_us);
	store_le32(body + 8, report->key);
	body[12] = (uint8_t)report->paths;
	body[13] = (uint8_t)report->ranges;
	store_le64(body + 16, report->next);
	for (unsigned i = 0; i < report->paths; i++, at += REPORT_PATH_BYTES)
		encode_path(&report->path[i], at);
	for (unsigned i = 0; i < report->ranges; i++, at += REPORT_RANGE_BYTES)
		store_le32(at, report->range[i].offset | report->range[i].len << 24);
	return (size_t)(at - body);
}

static void decode_path(struct report_path *ret, const uint8_t *at)
{
	*ret = (struct report_path){
		.path_id = at[0],
		.flags = at[1],
		.reorder_us = load_le16(at + 2) * REORDER_UNIT_US,
		.newest = load_le32(at + 4),
		.newest_us = load_le32(at + 8),
		.packets = load_le32(at + 12),
		.bytes = load_le32(at + 16),
		.probe_us = load_le32(at + 20),
		.probe_came_us = load_le32(at + 24),
		.train_kbps = load_le32(at + 28),
	};
}

/* Each path once, and ranges that rise and do not touch. */
static bool is_sound(const struct report *r)
{
	uint32_t seen = 0, end = 0;

	for (unsigned i = 0; i < r->paths; i++) {
		if (r->path[i].path_id >= PATHS_MAX || seen >> r->path[i].path_id & 1)
			return false;
		seen |= 1u << r->path[i].path_id;
	}
	for (unsigned i = 0; i < r->ranges; i++) {
		const struct report_range *range = &r->range[i];

		if (!range->len || range->offset < end || range->offset >= REPORT_REACH)
			return false;
		end = range->offset + range->len;
	}
	return true;
}

bool report_decode(struct report *ret, const uint8_t *body, size_t len)
{
	const uint8_t *at = body + REPORT_HEAD_BYTES;

	if (len < REPORT_HEAD_BYTES || body[12] > PATHS_MAX || body[13] > REPORT_RANGES_MAX ||
	    len - REPORT_HEAD_BYTES < body[12] * REPORT_PATH_BYTES + body[13] * REPORT_RANGE_BYTES)
		return false;
	*ret = (struct report){.number = load_le32(body),
	                       .time_us = load_le32(body + 4),
	                       .key = load_le32(body + 8),
	                       .next = load_le64(body + 16),
	                       .paths = body[12],
	                       .ranges = body[13]};
	for (unsigned i = 0; i < ret->paths; i++, at += REPORT_PATH_BYTES)
		decode_path(&ret->path[i], at);
	for (unsigned i = 0; i < ret->ranges; i++, at += REPORT_RANGE_BYTES) {
		uint32_t word = load_le32(at);

		ret->range[i] = (struct report_range){word & 0xffffff, word >> 24};
	}
	return is_sound(ret);
}
