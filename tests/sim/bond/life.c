/* SPDX-License-Identifier: MIT */
#include "life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "host.h"
#include "shorts.h"
#include "tcp_receiver.h"

#define FLOWS_MAX    8u
#define VOICE_FLOW   100u
#define VOICE_BYTES  200u
#define VOICE_MAX    20000u
#define DELAYS       1000u
#define START_NS     (1000 * NS_PER_S)
#define WARM_NS      (2 * NS_PER_S)
#define WARM_PACKETS 8
#define UP_MBPS      20.0
#define CPU_NS       1500u /* for each packet, where that is the limit */

struct life_settings life;

static struct host *end[2];
static struct rules rules[2];
static struct pipe pipe_of[2][SCENARIO_LINKS];
static struct tcp flow[FLOWS_MAX];
static struct {
	float late_ms[VOICE_MAX];
	unsigned sent;
} voice;
static uint32_t delays[FLOWS_MAX][DELAYS]; /* how many came after so many ms */
static uint64_t good_before, stalled_ns, grown_ns;

static uint64_t at(double seconds)
{
	return START_NS + (life.is_warm ? WARM_NS : 0) + (uint64_t)(seconds * 1e9);
}

static uint64_t good_bytes(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < life.flows; i++)
		sum += flow[i].good_bytes;
	return sum;
}

static void note_delay(const struct packet *p)
{
	uint64_t ms = (sim_now_ns - p->offered_ns) / NS_PER_MS;

	if (p->flow < FLOWS_MAX && sim_now_ns > at(life.from_s))
		delays[p->flow][MIN(ms, DELAYS - 1)]++;
}

/* Of a connection that is over it is late. */
static void deliver_to(struct tcp *t, const struct packet *p)
{
	if (!t)
		return;
	if (p->kind == PACKET_OPEN)
		tcp_opened(t, p);
	else if (p->kind == PACKET_DATA)
		tcp_arrived(t, p);
	else
		tcp_acknowledged(t, p);
}

static void deliver(struct host *h, struct packet *p)
{
	(void)h;
	if (p->kind == PACKET_DATA)
		note_delay(p);
	if (p->kind != PACKET_VOICE)
		deliver_to(p->flow < FLOWS_MAX ? &flow[p->flow] : shorts_find(p->flow), p);
	else if (voice.late_ms[p->seq] < 0)
		voice.late_ms[p->seq] = (float)((double)(sim_now_ns - p->born_ns) / 1e6);
	packet_free(p);
}

static void on_voice(void *what, uint64_t number)
{
	struct packet *p = packet_new(PACKET_VOICE, VOICE_BYTES);

	if (number >= VOICE_MAX)
		return;
	p->flow = VOICE_FLOW;
	p->is_udp = true;
	p->seq = (int64_t)number;
	p->born_ns = sim_now_ns;
	voice.late_ms[number] = -1;
	voice.sent = (unsigned)number + 1;
	event_at(sim_now_ns + (uint64_t)(1e9 / life.voice_per_s), on_voice, what, number + 1);
	host_offer(what, p);
}

static void on_flow(void *what, uint64_t number)
{
	(void)what;
	tcp_start(&flow[number]);
}

static void on_look(void *what, uint64_t number)
{
	uint64_t good = good_bytes();

	if (good != good_before)
		grown_ns = sim_now_ns;
	good_before = good;
	if (sim_now_ns > at(life.from_s))
		stalled_ns = MAX(stalled_ns, sim_now_ns - grown_ns);
	event_at(sim_now_ns + 10 * NS_PER_MS, on_look, what, number);
}

static void trace_path(const struct sender *s, unsigned i)
{
	const struct path_model *m = s->stripe.model[i];

	if (!m)
		return;
	fprintf(stderr, " | C %.1f q %.1f std %.1f jit %.1f vq %.1f real %.1f loss %.2f%s%s",
	        (double)m->capacity.bytes_per_s * 8 / 1e6, (double)owd_queue_ns(&m->delay) / 1e6,
	        (double)m->capacity.standing_ns / 1e6, (double)m->delay.jitter_ns / 1e6,
	        (double)path_model_queue_ns(m, sim_now_ns) / 1e6,
	        (double)pipe_of[0][i].queued_bytes / pipe_of[0][i].bytes_per_ns / 1e6,
	        (double)m->loss_ppm / 1e4, s->stripe.pull.joined >> i & 1 ? " J" : "",
	        s->stripe.dead >> i & 1 ? " D" : "");
}

/* Rates in Mbit/s, times in ms; J: has joined, D: dead. */
static void on_trace(void *what, uint64_t before)
{
	const struct sender *s = &end[0]->sender;

	fprintf(stderr, "%7.2f w %5.0f srtt %5.1f good %6.1f wait %5.0fk held %5u",
	        (double)(sim_now_ns - START_NS) / 1e9, flow[0].window, flow[0].srtt / 1e6,
	        (double)(good_bytes() - before) * 8 / 1e5, (double)s->waiting.bytes / 1e3,
	        end[0]->rules->held);
	for (unsigned i = 0; i < end[0]->paths; i++)
		trace_path(s, i);
	fputc('\n', stderr);
	event_at(sim_now_ns + 100 * NS_PER_MS, on_trace, what, good_bytes());
}

static unsigned links_used(unsigned *ret_first);

/* NULL: it is not used. */
static struct pipe *pipe_of_link(unsigned e, unsigned link)
{
	unsigned first, len = links_used(&first);

	return link >= first && link < first + len ? &pipe_of[e][link - first] : NULL;
}

static void on_change(void *what, uint64_t number)
{
	const struct change *c = &life.what->change[number];

	(void)what;
	for (unsigned e = 0; e < 2; e++) {
		struct pipe *pipe = pipe_of_link(e, c->link);

		if (!pipe || !(c->ways >> e & 1))
			continue;
		if (c->kind == CHANGE_RATE)
			pipe_set_rate(pipe, c->mbps);
		else
			pipe_die(pipe, c->kind == CHANGE_DIES);
	}
}

/* The best link is the one with the greatest rate, if nobody says another. */
static unsigned links_used(unsigned *ret_first)
{
	unsigned best = 0;

	for (unsigned i = 1; i < life.what->links; i++) {
		if (life.what->rate_weight[i] > life.what->rate_weight[best])
			best = i;
	}
	if (life.only >= 0)
		best = (unsigned)life.only;
	*ret_first = life.policy == POLICY_BEST ? best : 0;
	return life.policy == POLICY_BEST ? 1 : life.what->links;
}

static struct pipe_settings settings_of(unsigned e, unsigned link)
{
	struct pipe_settings set = life.what->link[link];

	if (e == 0)
		return set;
	set.lte_low = set.lte_high = 0;
	if (set.is_one_way)
		set.jitter_ms = set.loss_percent = 0;
	if (set.mbps > 0)
		set.mbps = set.up_mbps > 0 ? set.up_mbps : MIN(set.mbps, UP_MBPS);
	if (set.up_delay_ms > 0)
		set.delay_ms = set.up_delay_ms;
	return set;
}

static void build_host(unsigned e)
{
	struct host *h = end[e] = calloc(1, sizeof *h);
	unsigned first;

	if (!h)
		abort();
	h->paths = links_used(&first);
	h->deliver = deliver;
	h->lanes = life.lanes ? life.lanes : 1;
	h->is_reporting = life.policy == POLICY_BEST || life.policy == POLICY_LEARN;
	h->clock_ns = e * 12345678901ull;
	h->cpu_ns = life.what->is_cpu_bound ? CPU_NS : 0;
	h->rules = &rules[e];
	rules_begin(h->rules);
	for (unsigned i = 0; i < h->paths; i++) {
		const struct pipe_settings set = settings_of(e, first + i);
		struct pipe *p = &pipe_of[e][i];

		memset(p, 0, sizeof *p);
		pipe_begin(p, &set, life.seed, e * 16 + first + i);
		p->path = i;
		p->receive = host_receive;
		h->out[i] = p;
		h->weight[i] = life.policy == POLICY_RATES ? life.what->rate_weight[i] : 1;
	}
}

/* A short connection, as every host has some: paths are measured with it. */
static void warm_up(void)
{
	struct tcp *t = &flow[FLOWS_MAX - 1];

	tcp_begin(t, FLOWS_MAX - 1, FLOW_CUBIC, WARM_PACKETS);
	t->host = end[0];
	t->peer = end[1];
	t->send = host_offer;
	event_at(START_NS + WARM_NS / 4, on_flow, NULL, FLOWS_MAX - 1);
}

static void begin_flow(unsigned i)
{
	tcp_begin(&flow[i], (uint16_t)i, life.kind, life.limit);
	flow[i].host = end[0];
	flow[i].peer = end[1];
	flow[i].send = host_offer;
	event_at(at(0.5) + (200 * i + life.seed % 97) * NS_PER_MS, on_flow, NULL, i);
}

static void build(void)
{
	events_begin(START_NS);
	memset(&voice, 0, sizeof voice);
	memset(delays, 0, sizeof delays);
	good_before = stalled_ns = 0;
	for (unsigned e = 0; e < 2; e++)
		build_host(e);
	for (unsigned e = 0; e < 2; e++) {
		for (unsigned i = 0; i < end[e]->paths; i++)
			pipe_of[e][i].host = end[1 - e];
		host_begin(end[e]);
	}
	if (life.is_warm)
		warm_up();
	for (unsigned i = 0; i < life.flows; i++)
		begin_flow(i);
	event_at(at(0.7), on_voice, end[0], 0);
	if (life.shorts_per_s > 0)
		shorts_begin(end[0], end[1], life.shorts_per_s, at(life.from_s));
	event_at(START_NS, on_look, NULL, 0);
	if (life.is_traced)
		event_at(START_NS, on_trace, NULL, 0);
	for (unsigned i = 0; i < life.what->changes; i++)
		event_at(at(life.what->change[i].at_s), on_change, NULL, i);
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* Of the voice in the steady part; lost in packets, delays above the shortest way. */
static void judge_voice(struct result *ret)
{
	static float late[VOICE_MAX];
	unsigned len = 0, from = (unsigned)((life.from_s - 0.7) * life.voice_per_s);
	double least = 1e9;

	for (unsigned i = 0; i < life.what->links; i++)
		least = MIN(least, life.what->link[i].delay_ms);
	for (unsigned i = from; i + life.voice_per_s < voice.sent; i++) {
		if (voice.late_ms[i] < 0)
			ret->voice_lost++;
		else
			late[len++] = voice.late_ms[i];
	}
	qsort(late, len, sizeof *late, compare);
	ret->voice_p50 = len ? late[len / 2] - least : -1;
	ret->voice_p99 = len ? late[len * 99 / 100] - least : -1;
}

static double delay_p99(unsigned i)
{
	uint64_t sum = 0, so_far = 0;
	unsigned ms = 0;

	for (unsigned k = 0; k < DELAYS; k++)
		sum += delays[i][k];
	while (ms < DELAYS - 1 && (so_far += delays[i][ms]) * 100 < sum * 99)
		ms++;
	return ms;
}

/* @before: what each had at the beginning of the steady part. */
static void judge_flows(const uint64_t *before, struct result *ret)
{
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < life.flows; i++) {
		double got = (double)(flow[i].good_bytes - before[i]);

		sum += got;
		squares += got * got;
		ret->data_p99 += delay_p99(i) / life.flows;
		ret->spurious += (double)flow[i].spurious;
		ret->timeouts += (double)flow[i].timeouts;
	}
	ret->fairness = squares > 0 ? sum * sum / squares / life.flows : 0;
	ret->short_p50 = life.shorts_per_s > 0 ? shorts_took(0.5) : 0;
	ret->short_p99 = life.shorts_per_s > 0 ? shorts_took(0.99) : 0;
	ret->held = rules[0].held_max;
}

static double possible(double seconds)
{
	double bytes = 0;
	unsigned first;

	if (life.what->is_cpu_bound)
		return seconds * INNER_BYTES / CPU_NS * 1e9;
	for (unsigned i = 0; i < links_used(&first); i++)
		bytes += pipe_possible(&pipe_of[0][i]);
	if (life.policy == POLICY_BEST) {
		double rate = 0;

		for (unsigned i = 0; i < life.what->links; i++)
			rate += life.what->link[i].mbps;
		return rate * 125000 * seconds;
	}
	return bytes;
}

/* Nothing may be left. */
static void clean_up(struct result *ret)
{
	for (unsigned e = 0; e < 2; e++) {
		host_end(end[e]);
		for (unsigned i = 0; i < end[e]->paths; i++)
			pipe_end(&pipe_of[e][i]);
	}
	for (unsigned e = 0; e < 2; e++) {
		rules_end(end[e]->rules);
		free(end[e]);
	}
	if (life.is_warm)
		tcp_end(&flow[FLOWS_MAX - 1]);
	shorts_end();
	for (unsigned i = 0; i < life.flows; i++)
		tcp_end(&flow[i]);
	ret->lived_ns = sim_now_ns - START_NS;
	ret->events = events_run();
	ret->delivered = rules[0].delivered + rules[1].delivered;
	ret->broken = rules_broken();
	if (!ret->broken && packets_alive())
		ret->broken = "packets leaked";
}

struct result live(void)
{
	struct result r = {0};
	uint64_t good, before[FLOWS_MAX];
	double early;

	rules_forget();
	build();
	if (life.limit) {
		for (double s = 1; s < life.seconds && !flow[0].done_ns; s += 0.1)
			events_run_until(at(s));
		r.done_s =
			flow[0].done_ns ? (double)(flow[0].done_ns - flow[0].began_ns) / 1e9 : -1;
		clean_up(&r);
		return r;
	}
	early = MIN(LIFE_EARLY_S, life.seconds - 0.5);
	events_run_until(at(0.5));
	possible(1);
	events_run_until(at(0.5 + early));
	r.early_bytes = (double)good_bytes();
	r.early = 100 * r.early_bytes / possible(early);
	events_run_until(at(life.from_s));
	possible(1);
	for (unsigned i = 0; i < life.flows; i++)
		before[i] = flow[i].good_bytes;
	good = good_bytes();
	events_run_until(at(life.seconds));
	r.all_bytes = (double)good_bytes();
	r.steady = 100 * (double)(good_bytes() - good) / possible(life.seconds - life.from_s);
	judge_voice(&r);
	r.stall_ms = (double)stalled_ns / 1e6;
	r.repairs = (double)end[0]->repairs;
	judge_flows(before, &r);
	r.control = 100 * (double)(end[0]->control_bytes + end[1]->control_bytes) /
	            (double)(end[0]->data_bytes + 1);
	clean_up(&r);
	return r;
}
