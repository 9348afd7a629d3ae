/* SPDX-License-Identifier: MIT */
#include "host_control.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/frame.h"
#include "events.h"
#include "host_out.h"
#include "sched/path_choice.h"

#define BUSY_NS NS_PER_S /* control/peer_probes.c */

/* control/conductor.c, with the defaults of the configuration. */
static const struct health_settings settings = {.interval_ns = NS_PER_S,
                                                .timeout_ns = 5 * NS_PER_S,
                                                .busy_ns = 100 * NS_PER_MS,
                                                .slack_ns = 150 * NS_PER_MS};

static bool is_same(const struct path_table *a, const struct path_table *b)
{
	if (!a || a->len != b->len)
		return false;
	for (unsigned i = 0; i < a->len; i++) {
		if (a->slot[i].path_id != b->slot[i].path_id)
			return false;
	}
	return true;
}

/* Path 0 is where the handshake came from. */
static void choose_paths(struct host *h)
{
	struct path_choice choice = {.is_bonded = true};
	struct path_candidate candidate[PATHS_MAX];
	struct path_table *table;

	for (unsigned i = 0; i < h->paths; i++)
		choice.path[i] = (struct path_facts){.has_target = true,
		                                     .has_link = true,
		                                     .heard_ns = h->heard_ns[i],
		                                     .weight = h->weight[i],
		                                     .health = &h->health[i]};
	table = path_table_build(BONDING_AGGREGATE, candidate,
	                         path_choose(&choice, candidate, sim_now_ns));
	if (!table)
		abort();
	if (is_same(h->table, table)) {
		free(table);
		return;
	}
	free(h->table);
	h->table = table;
	host_out_turn_at(h, sim_now_ns);
}

static void send_probe(struct host *h, unsigned i)
{
	struct packet *p = packet_new(PACKET_PROBE, FRAME_HEADER_LEN + sizeof(struct frame_probe));

	p->t_tx_us = (uint32_t)(sim_now_ns / NS_PER_US);
	p->born_ns = sim_now_ns;
	p->probe_seq = health_probe_sent(&h->health[i], &settings, sim_now_ns);
	host_put(h, i, p);
}

static void note_activity(struct host *h)
{
	bool is_busy = h->data_ns && sim_now_ns < h->data_ns + BUSY_NS;

	if (is_busy == h->is_busy)
		return;
	h->is_busy = is_busy;
	for (unsigned i = 0; i < h->paths; i++)
		health_set_busy(&h->health[i], &settings, is_busy, sim_now_ns);
}

static void service_at(struct host *h, uint64_t at_ns);

static void on_service(void *what, uint64_t number)
{
	struct host *h = what;
	uint64_t next_ns = NEVER_NS;

	if (h->control_at_ns != number)
		return;
	h->control_at_ns = NEVER_NS;
	note_activity(h);
	for (unsigned i = 0; i < h->paths; i++) {
		uint64_t due_ns;

		health_tick(&h->health[i], &settings, sim_now_ns);
		if (h->health[i].probe_at_ns <= sim_now_ns)
			send_probe(h, i);
		due_ns = health_deadline_ns(&h->health[i], &settings);
		next_ns = MIN(next_ns, due_ns);
	}
	choose_paths(h);
	if (h->is_busy)
		next_ns = MIN(next_ns, h->data_ns + BUSY_NS);
	service_at(h, next_ns);
}

static void service_at(struct host *h, uint64_t at_ns)
{
	at_ns = MAX(at_ns, sim_now_ns);
	if (at_ns >= h->control_at_ns)
		return;
	h->control_at_ns = at_ns;
	event_at(at_ns, on_service, h, at_ns);
}

void host_control_answered(struct host *h, unsigned path, uint16_t seq, uint64_t rtt_ns)
{
	health_answered(&h->health[path], &settings, seq, rtt_ns, sim_now_ns);
	service_at(h, sim_now_ns);
}

void host_control_data(struct host *h)
{
	h->data_ns = sim_now_ns;
	if (!h->is_busy)
		service_at(h, sim_now_ns);
}

void host_control_begin(struct host *h)
{
	h->control_at_ns = NEVER_NS;
	for (unsigned i = 0; i < h->paths; i++) {
		health_init(&h->health[i], sim_now_ns);
		health_spread(&h->health[i], (uint32_t)((i + 1) * (UINT32_MAX / (h->paths + 1))));
	}
	choose_paths(h);
	service_at(h, sim_now_ns);
}
