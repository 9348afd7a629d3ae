/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

struct stream sim;

uint64_t random_ns(uint64_t limit_ns)
{
	return limit_ns / NS_PER_US * random_below(1000) + random_below(1000);
}

/* When something sent at @sent_ns arrives; 0: never. */
static uint64_t travel(struct sim_path *p, uint64_t sent_ns)
{
	uint64_t at_ns = sent_ns + p->delay_ns;

	if (p->jitter_ns)
		at_ns += random_ns(p->jitter_ns);
	if (p->jitter_ns && random_below(100) == 0)
		at_ns += random_ns(2 * p->jitter_ns);
	if (at_ns < p->last_ns)
		at_ns = p->last_ns;
	if (random_below(1000) < p->loss)
		return 0;
	if (sent_ns >= p->dark_from_ns && sent_ns < p->dark_to_ns)
		return 0;
	p->last_ns = at_ns;
	if (sim.kind == WILD && random_below(10) == 0)
		at_ns += random_ns(50 * NS_PER_MS);
	return at_ns;
}

static void add_event(struct sim_event event)
{
	cr_assert(lt(uint, sim.events, SIM_EVENTS));
	if (!event.at_ns)
		return;
	event.rank = sim.events;
	sim.event[sim.events++] = event;
}

static void send_packet(unsigned path, uint64_t seq, uint64_t sent_ns)
{
	unsigned n = sim.packets++;

	sim.packet[n] = (struct sim_packet){.seq = seq, .path = path, .order = sim.order};
	add_event((struct sim_event){
		.at_ns = travel(&sim.path[path], sent_ns), .path = path, .packet = n});
}

static void send_probes(uint64_t sent_ns)
{
	for (unsigned i = 0; i < sim.paths; i++) {
		uint64_t at_ns = travel(&sim.path[i], sent_ns);
		int64_t owd_us = (int64_t)(at_ns / NS_PER_US) - (int64_t)(sent_ns / NS_PER_US);

		if (sim.kind == WILD && random_below(2))
			continue;
		add_event((struct sim_event){.at_ns = at_ns,
		                             .is_probe = true,
		                             .path = i,
		                             .owd_us = owd_us + sim.offset_us});
	}
}

static int compare_events(const void *left, const void *right)
{
	const struct sim_event *a = left, *b = right;

	if (a->at_ns != b->at_ns)
		return a->at_ns < b->at_ns ? -1 : 1;
	return a->rank < b->rank ? -1 : 1;
}

void make_paths(uint64_t start_ns)
{
	static const uint32_t most_us[KIND_COUNT] = {150000, 80000, 400000};

	sim.paths = 2 + random_below(SIM_PATHS - 1);
	sim.offset_us = random_below(UINT32_MAX);
	if (random_below(2)) /* about to wrap */
		sim.offset_us = INT32_MAX - (int64_t)random_below(100000);
	memset(sim.path, 0, sizeof sim.path);
	for (unsigned i = 0; i < sim.paths; i++) {
		struct sim_path *p = &sim.path[i];

		p->delay_ns = random_below(most_us[sim.kind]) * NS_PER_US;
		if (sim.kind == CONSTANT)
			continue;
		p->jitter_ns = random_below(2) * random_below(20000) * NS_PER_US;
		p->loss = random_below(2) * random_below(50);
		if (sim.kind != WILD || random_below(2))
			continue;
		p->dark_from_ns = start_ns + random_ns(NS_PER_S);
		p->dark_to_ns = p->dark_from_ns + random_ns(NS_PER_S);
	}
}

/* A packet and a probe over each path, so sent that they all come at @start_ns: then all are in
 * use. Longest delay first, as it was sent first.
 */
static uint64_t use_all_paths(uint64_t seq, uint64_t start_ns)
{
	bool is_done[SIM_PATHS] = {0};

	for (unsigned n = 0; n < sim.paths; n++) {
		unsigned slowest = SIM_PATHS;

		for (unsigned i = 0; i < sim.paths; i++) {
			if (!is_done[i] && (slowest == SIM_PATHS ||
			                    sim.path[i].delay_ns > sim.path[slowest].delay_ns))
				slowest = i;
		}
		is_done[slowest] = true;
		sim.packet[sim.packets] =
			(struct sim_packet){.seq = seq++, .path = slowest, .order = sim.order};
		sim.path[slowest].last_ns = start_ns;
		add_event((struct sim_event){
			.at_ns = start_ns, .path = slowest, .packet = sim.packets++});
		add_event((struct sim_event){
			.at_ns = start_ns,
			.is_probe = true,
			.path = slowest,
			.owd_us =
				(int64_t)(sim.path[slowest].delay_ns / NS_PER_US) + sim.offset_us});
	}
	return seq;
}

void send_stream(uint64_t seq, uint64_t start_ns, bool is_first)
{
	uint64_t now_ns = start_ns, probe_ns = start_ns, step_ns;

	step_ns = 1000 + random_ns(2 * NS_PER_MS);
	if (is_first)
		seq = use_all_paths(seq, start_ns);
	while (sim.packets < SIM_PACKETS) {
		if (now_ns >= probe_ns) {
			send_probes(now_ns);
			probe_ns = now_ns + 20 * NS_PER_MS;
		}
		now_ns += 1 + 2 * random_ns(step_ns);
		if (sim.packets == sim.change[0] || sim.packets == sim.change[1]) {
			sim.order++;
			seq = 0;
		}
		if (sim.kind == WILD && random_below(100) == 0)
			seq += random_below(2 * RESEQ_SLOTS);
		if (sim.kind == WILD && random_below(100) == 0)
			now_ns += random_ns(NS_PER_S);
		send_packet(random_below(sim.paths), seq++, now_ns);
	}
	qsort(sim.event, sim.events, sizeof sim.event[0], compare_events);
}

void choose_changes(bool is_first)
{
	sim.change[0] = sim.change[1] = SIM_PATHS + 1 + random_below(SIM_PACKETS);
	if (sim.kind == WILD)
		sim.change[1] = SIM_PATHS + 1 + random_below(SIM_PACKETS);
	else if (!is_first)
		sim.change[0] = sim.change[1] = SIM_PACKETS;
}
