/* SPDX-License-Identifier: MIT */
#include "sched/pacers.h"

#define RUN_BYTES_MIN  3000u /* two packets */
#define BYTES_PER_KBIT 125u
#define NS_AT_ONE_KBPS 8000000ull /* that a byte takes */

void pacers_follow(struct pacers *p, const struct path_table *table)
{
	if (!table || !(table->is_limited || p->paths))
		return;
	p->paths = 0;
	for (unsigned i = 0; table->is_limited && i < path_table_all(table); i++) {
		const struct path_slot *slot = &table->slot[i];

		for (unsigned k = 0; k < LIMITS; k++) {
			p->of[slot->path_id][k] = slot->limit[k];
			if (slot->limit[k].kbps)
				p->paths |= (uint16_t)(1u << slot->path_id);
		}
	}
}

uint64_t pacers_ready_ns(const struct pacers *p, uint8_t path_id)
{
	uint64_t at_ns = 0;

	for (unsigned k = 0; p->paths >> path_id & 1 && k < LIMITS; k++) {
		const struct path_limit *limit = &p->of[path_id][k];

		if (limit->kbps && p->busy_ns[k][limit->link] > at_ns)
			at_ns = p->busy_ns[k][limit->link];
	}
	return at_ns > PACERS_AHEAD_NS ? at_ns - PACERS_AHEAD_NS : 0;
}

/* What still has to have its time when something more is sent. */
static uint64_t owed_until_ns(uint64_t busy_ns, uint64_t now_ns)
{
	if (busy_ns < now_ns)
		return now_ns;
	return busy_ns - now_ns < PACERS_OWED_NS ? busy_ns : now_ns + PACERS_OWED_NS;
}

void pacers_charge(struct pacers *p, uint16_t mask, uint64_t bytes, uint64_t now_ns)
{
	for (unsigned left = mask & p->paths; left; left &= left - 1) {
		for (unsigned k = 0; k < LIMITS; k++) {
			const struct path_limit *limit = &p->of[__builtin_ctz(left)][k];
			uint64_t *busy_ns = &p->busy_ns[k][limit->link];

			if (!limit->kbps)
				continue;
			*busy_ns = owed_until_ns(*busy_ns, now_ns) +
			           bytes * NS_AT_ONE_KBPS / limit->kbps;
		}
	}
}

uint64_t path_limit_of(const struct path_limit limit[static LIMITS])
{
	uint64_t kbps = 0;

	for (unsigned k = 0; k < LIMITS; k++) {
		if (limit[k].kbps && (!kbps || limit[k].kbps < kbps))
			kbps = limit[k].kbps;
	}
	return kbps * BYTES_PER_KBIT;
}

static uint64_t limit_of(const struct pacers *p, uint8_t path_id)
{
	return p->paths >> path_id & 1 ? path_limit_of(p->of[path_id]) : 0;
}

static uint64_t bytes_in(uint64_t bytes_per_s, uint64_t ns)
{
	return bytes_per_s * (ns / NS_PER_US) / (NS_PER_S / NS_PER_US);
}

/* Of a run over the path. */
static uint32_t run_bytes(const struct pacers *p, uint8_t path_id)
{
	uint64_t limit = limit_of(p, path_id), bytes = bytes_in(limit, PACERS_RUN_NS);

	if (!limit || bytes > UINT32_MAX)
		return UINT32_MAX;
	return bytes > RUN_BYTES_MIN ? (uint32_t)bytes : RUN_BYTES_MIN;
}

uint32_t pacers_choose(const struct pacers *p, const struct path_table *table, uint16_t mask,
                       uint64_t now_ns, struct path_table *ret, uint64_t *ret_at_ns)
{
	uint32_t bytes = UINT32_MAX;

	*ret = (struct path_table){.mode = table->mode,
	                           .fits_one = table->fits_one,
	                           .fits_all = table->fits_all,
	                           .is_limited = true};
	*ret_at_ns = NEVER_NS;
	for (unsigned i = 0; i < table->len; i++) {
		uint8_t id = table->slot[i].path_id;
		uint64_t at_ns = pacers_ready_ns(p, id);

		if (!(mask >> id & 1))
			continue;
		if (at_ns > now_ns) {
			*ret_at_ns = at_ns < *ret_at_ns ? at_ns : *ret_at_ns;
			continue;
		}
		ret->slot[ret->len++] = table->slot[i];
		bytes = run_bytes(p, id) < bytes ? run_bytes(p, id) : bytes;
	}
	return ret->len ? bytes : 0;
}

uint64_t pacers_bytes(const struct pacers *p, const struct path_table *table, uint16_t mask,
                      uint64_t ns)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < table->len; i++) {
		uint64_t limit = limit_of(p, table->slot[i].path_id);

		if (!(mask >> table->slot[i].path_id & 1))
			continue;
		if (!limit)
			return UINT64_MAX;
		bytes += bytes_in(limit, ns);
	}
	return bytes;
}
