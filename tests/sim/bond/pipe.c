/* SPDX-License-Identifier: MIT */
#include "pipe.h"

#include <math.h>

#include "events.h"
#include "rules.h"
#include "same_math.h"
#include "vtrunkd/limits.h"

#define CHANGE_NS        (10 * NS_PER_MS)
#define HANDOVER_MIN_NS  50e6
#define HANDOVER_MORE_NS 150e6

static double chance(struct sim_random *r)
{
	return (double)(sim_next(r) >> 11) / 9007199254740992.0;
}

static double normal(struct sim_random *r)
{
	double u = chance(r) + 1e-12, v = chance(r);

	return sqrt(-2 * same_log(u)) * same_cos_turn(v);
}

static void reckon(struct pipe *pipe)
{
	if (!pipe->is_dead)
		pipe->carried_max += pipe->bytes_per_ns * (double)(sim_now_ns - pipe->rated_at_ns);
	pipe->rated_at_ns = sim_now_ns;
}

void pipe_die(struct pipe *pipe, bool is_dead)
{
	reckon(pipe);
	pipe->is_dead = is_dead;
}

double pipe_possible(struct pipe *pipe)
{
	double possible;

	reckon(pipe);
	possible = pipe->carried_max;
	pipe->carried_max = 0;
	return possible;
}

void pipe_set_rate(struct pipe *pipe, double mbps)
{
	reckon(pipe);
	pipe->bytes_per_ns = mbps / 8000;
}

/* A cell: its rate wanders in the logarithm, and stands still while it is handed over. */
static void wander(struct pipe *p)
{
	double middle = sqrt(p->set.lte_low * p->set.lte_high);
	double x = same_log(p->bytes_per_ns * 8000 / middle);

	x = 0.93 * x + 0.22 * normal(&p->trace) * same_log(p->set.lte_high / p->set.lte_low) / 2;
	pipe_set_rate(p, MAX(p->set.lte_low, MIN(p->set.lte_high, middle * same_exp(x))));
	if (p->set.handover_s > 0 && chance(&p->trace) < 0.1 / p->set.handover_s)
		p->still_until_ns = sim_now_ns + (uint64_t)(HANDOVER_MIN_NS +
		                                            chance(&p->trace) * HANDOVER_MORE_NS);
}

static void change(void *what, uint64_t number)
{
	struct pipe *p = what;

	/* It wanders too, and is never below 0. */
	if (p->set.jitter_ms > 0)
		p->jitter_ns +=
			0.35 * (-same_log(chance(&p->trace) + 1e-12) * p->set.jitter_ms * 1e6 -
		                p->jitter_ns);
	if (p->set.lte_high > 0 && number % 10 == 0)
		wander(p);
	event_at(sim_now_ns + CHANGE_NS, change, p, number + 1);
}

void pipe_begin(struct pipe *pipe, const struct pipe_settings *set, uint64_t seed, uint64_t stream)
{
	pipe->set = *set;
	sim_random_init(&pipe->random, seed, stream);
	sim_random_init(&pipe->trace, seed, stream + PIPE_STREAMS);
	pipe->rated_at_ns = sim_now_ns;
	pipe->delay_ns = set->delay_ms * 1e6;
	pipe_set_rate(pipe, set->lte_high > 0 ? sqrt(set->lte_low * set->lte_high) : set->mbps);
	if (set->jitter_ms > 0 || set->lte_high > 0)
		event_at(sim_now_ns, change, pipe, 0);
}

static void lose(struct packet *p, uint64_t *count)
{
	++*count;
	rules_lost(p);
	packet_free(p);
}

static void free_all(struct pipe *pipe, struct packet *p)
{
	while (p) {
		struct packet *next = p->next;

		lose(p, &pipe->lost);
		p = next;
	}
}

void pipe_end(struct pipe *pipe)
{
	free_all(pipe, pipe->first);
	free_all(pipe, pipe->first_flying);
	pipe->first = pipe->first_flying = NULL;
}

static bool is_lost(struct pipe *p)
{
	double loss = p->set.loss_percent / 100, leave;

	if (p->is_dead)
		return true;
	if (loss <= 0)
		return false;
	if (p->set.burst <= 1)
		return chance(&p->random) < loss;
	leave = 1 / p->set.burst; /* Gilbert */
	p->is_bad = p->is_bad ? chance(&p->random) >= leave
	                      : chance(&p->random) < leave * loss / (1 - loss);
	return p->is_bad;
}

static void arrive(void *what, uint64_t number)
{
	struct pipe *pipe = what;
	struct packet *p = pipe->first_flying;

	(void)number;
	if (!p || p->arrives_ns > sim_now_ns)
		return; /* another event was for it, of one that was overtaken */
	pipe->first_flying = p->next;
	if (pipe->first_flying)
		event_at(pipe->first_flying->arrives_ns, arrive, pipe, 0);
	pipe->receive(pipe->host, pipe->path, p);
}

/* Among those that fly, by its time; as a rule behind all. */
static void fly(struct pipe *pipe, struct packet *p)
{
	struct packet **at = &pipe->first_flying;

	if (*at && pipe->last_flying->arrives_ns <= p->arrives_ns)
		at = &pipe->last_flying->next;
	while (*at && (*at)->arrives_ns <= p->arrives_ns)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
	if (!p->next)
		pipe->last_flying = p;
	if (pipe->first_flying == p)
		event_at(p->arrives_ns, arrive, pipe, 0);
}

static double delay_now(struct pipe *pipe)
{
	if (!pipe->set.is_unordered || pipe->set.jitter_ms <= 0)
		return pipe->delay_ns + pipe->jitter_ns;
	return MAX(pipe->delay_ns + normal(&pipe->random) * pipe->set.jitter_ms * 1e6, 0);
}

static void launch(struct pipe *pipe, struct packet *p)
{
	if (is_lost(pipe)) {
		lose(p, &pipe->lost);
		return;
	}
	pipe->carried_bytes += wire_bytes(p);
	p->arrives_ns = sim_now_ns + (uint64_t)delay_now(pipe);
	if (!pipe->set.is_unordered)
		p->arrives_ns = MAX(p->arrives_ns, pipe->last_arrival_ns + 1);
	pipe->last_arrival_ns = p->arrives_ns;
	fly(pipe, p);
}

static void serve(void *what, uint64_t number);

static void begin_next(struct pipe *pipe)
{
	pipe->is_busy = pipe->first != NULL;
	if (pipe->first)
		event_at(MAX(sim_now_ns, pipe->still_until_ns) +
		                 (uint64_t)(wire_bytes(pipe->first) / pipe->bytes_per_ns),
		         serve, pipe, 0);
}

static void serve(void *what, uint64_t number)
{
	struct pipe *pipe = what;
	struct packet *p = pipe->first;

	(void)number;
	pipe->first = p->next;
	pipe->queued_bytes -= wire_bytes(p);
	launch(pipe, p);
	begin_next(pipe);
}

static double room(const struct pipe *pipe)
{
	double mbps = pipe->set.lte_high > 0 ? pipe->set.lte_high / 2 : pipe->set.mbps;

	return MAX(mbps * 125 * (pipe->set.queue_ms > 0 ? pipe->set.queue_ms : 100), 60000);
}

void pipe_send(struct pipe *pipe, struct packet *p)
{
	if (pipe->bytes_per_ns <= 0) {
		launch(pipe, p);
		return;
	}
	if ((double)(pipe->queued_bytes + wire_bytes(p)) > room(pipe)) {
		lose(p, &pipe->dropped);
		return;
	}
	p->next = NULL;
	if (pipe->first)
		pipe->last->next = p;
	else
		pipe->first = p;
	pipe->last = p;
	pipe->queued_bytes += wire_bytes(p);
	if (!pipe->is_busy)
		begin_next(pipe);
}
