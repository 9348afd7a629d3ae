/* SPDX-License-Identifier: MIT */
/* pair_life.c - the life of data between a sender and a receiver, drawn from a seed: some links,
 * reads that come in bursts or one by one, and what happens to links and sessions meanwhile. In the
 * end the links are healed, nothing is offered any more, and the accounts are settled.
 */
#include <stdarg.h>
#include <string.h>

#include "life.h"
#include "pair.h"

#define BEGIN_NS (1000 * NS_PER_S) /* time 0 stands for "never" in many places */

const char *const life_makes = "packets";

struct data_life {
	struct pair pair;
	struct sim_random random;
	FILE *story;
	struct net_pipe healthy[PAIR_LINKS_MAX][2]; /* out, in */
};

void life_prepare(void)
{
}

static void __attribute__((format(printf, 2, 3))) tell(struct data_life *life, const char *fmt, ...)
{
	va_list args;

	if (!life->story)
		return;
	fprintf(life->story, "%10.3f  ", (double)(life->pair.now_ns - BEGIN_NS) / NS_PER_S);
	va_start(args, fmt);
	vfprintf(life->story, fmt, args);
	va_end(args);
	fputc('\n', life->story);
}

static uint32_t draw(struct data_life *life, uint32_t bound)
{
	return (uint32_t)sim_below(&life->random, bound);
}

static uint64_t draw_ms(struct data_life *life, uint64_t least, uint64_t most)
{
	return sim_between(&life->random, least, most) * NS_PER_MS;
}

/* ---- who there is ---- */

static struct net_pipe draw_pipe(struct data_life *life)
{
	struct net_pipe pipe = {.delay_ns = draw_ms(life, 1, 120)};

	if (sim_chance(&life->random, MILLION / 3))
		pipe.loss_ppm = draw(life, MILLION / 20);
	if (life->pair.is_steady)
		return pipe;
	if (draw(life, 2))
		pipe.jitter_ns = draw_ms(life, 1, 20);
	if (draw(life, 3)) {
		pipe.rate_bps = sim_between(&life->random, 1, 50) * MILLION;
		pipe.queue_ns = draw_ms(life, 5, 400);
	}
	return pipe;
}

static void draw_links(struct data_life *life)
{
	struct pair *p = &life->pair;
	unsigned links = 1 + draw(life, PAIR_LINKS_MAX);

	p->mode = (enum bonding_mode)(draw(life, 2) ? BONDING_AGGREGATE : draw(life, 3));
	p->is_steady = !draw(life, 4);
	p->steady_ns = p->now_ns + 5 * NS_PER_S;
	for (unsigned i = 0; i < links; i++) {
		struct pair_link *link = pair_add_link(p, 1 + draw(life, 3));

		link->out->up = life->healthy[i][0] = draw_pipe(life);
		link->out->down = life->healthy[i][1] = draw_pipe(life);
	}
	tell(life, "%u links, mode %u%s", links, p->mode, p->is_steady ? ", steady" : "");
}

/* ---- what happens ---- */

static struct pair_link *any_link(struct data_life *life)
{
	return &life->pair.link[draw(life, life->pair.links)];
}

static void kill_link(struct data_life *life)
{
	struct pair_link *link = any_link(life);
	unsigned directions = draw(life, 4);

	pair_set_dead(&life->pair, link, directions & 1, directions & 2);
	tell(life, "link %u:%s%s", (unsigned)(link - life->pair.link),
	     directions & 1 ? " dead out" : "", directions & 2 ? " dead in" : "");
}

static void lose_link(struct data_life *life)
{
	struct pair_link *link = any_link(life);

	pair_set_gone(&life->pair, link, !link->is_gone);
	tell(life, "link %u is %s", (unsigned)(link - life->pair.link),
	     link->is_gone ? "gone" : "back");
}

static void spoil(struct data_life *life)
{
	struct net_pipe *pipe = &any_link(life)->out->up;

	pipe->loss_ppm = draw(life, MILLION / 3);
	pipe->copy_ppm = draw(life, MILLION / 10);
	pipe->late_ppm = draw(life, MILLION / 10);
	pipe->late_ns = draw_ms(life, 1, 1000);
	tell(life, "loss, copies, datagrams that are late");
}

static void slow_down(struct data_life *life)
{
	struct net_pipe *pipe = &any_link(life)->out->up;

	pipe->delay_ns = draw_ms(life, 1, 500);
	pipe->rate_bps = sim_between(&life->random, 1, 20) * (MILLION / 10);
	pipe->queue_ns = draw_ms(life, 5, 1500);
	tell(life, "a link is slow");
}

static void toggle_session(struct data_life *life)
{
	pair_set_session(&life->pair, !life->pair.has_session);
	tell(life, "the session is %s", life->pair.has_session ? "back" : "away");
}

static void change_key(struct data_life *life)
{
	pair_change_key(&life->pair, draw_ms(life, 1, 300));
	tell(life, "another key");
}

static void go_on(struct data_life *life)
{
	(void)life;
}

typedef void event(struct data_life *life);

static event *const troubles[] = {kill_link,      kill_link,  lose_link,  spoil, slow_down,
                                  toggle_session, change_key, change_key, go_on};
static event *const steady[] = {toggle_session, change_key, change_key, go_on, go_on};

static void happen(struct data_life *life)
{
	if (life->pair.is_steady)
		steady[draw(life, sizeof steady / sizeof *steady)](life);
	else
		troubles[draw(life, sizeof troubles / sizeof *troubles)](life);
}

/* ---- data ---- */

static void offer(struct data_life *life)
{
	uint32_t packets = draw(life, 3) ? 1 : 1 + draw(life, 45);

	if (life->pair.offered + packets <= PAIR_PACKETS_MAX)
		pair_offer(&life->pair, packets, 1420, 40 + draw(life, 1381));
}

/* Reads at a pace that is drawn, for a while. */
static bool send_data(struct data_life *life)
{
	static const uint32_t paces_us[] = {200, 5000, 20000, 100000, 1000000};
	uint32_t pace_us = paces_us[draw(life, sizeof paces_us / sizeof *paces_us)];
	uint64_t most_ns = pace_us < 1000 ? 300 * NS_PER_MS : 5 * NS_PER_S;
	uint64_t end_ns = life->pair.now_ns + sim_between(&life->random, 1, most_ns);

	tell(life, "a read every %.1f ms", pace_us / 1e3);
	while (life->pair.now_ns < end_ns) {
		offer(life);
		if (!pair_run(&life->pair, (1 + draw(life, 2 * pace_us)) * NS_PER_US))
			return false;
	}
	return true;
}

/* Nobody has anything to say. */
static bool rest(struct data_life *life)
{
	tell(life, "rest");
	return pair_run(&life->pair, draw_ms(life, 1, draw(life, 4) ? 2000 : 15000));
}

/* ---- the end ---- */

static void heal(struct data_life *life)
{
	struct pair *p = &life->pair;

	tell(life, "all is well again");
	for (unsigned i = 0; i < p->links; i++) {
		struct net_pipe *pipe[2] = {&p->link[i].out->up, &p->link[i].out->down};

		for (unsigned k = 0; k < 2; k++) {
			uint64_t busy_until_ns = pipe[k]->busy_until_ns, last_ns = pipe[k]->last_ns;

			*pipe[k] = life->healthy[i][k];
			pipe[k]->busy_until_ns = busy_until_ns;
			pipe[k]->last_ns = last_ns;
		}
		pair_set_dead(p, &p->link[i], false, false);
		if (p->link[i].is_gone)
			pair_set_gone(p, &p->link[i], false);
	}
	pair_set_session(p, true);
}

/* As long as a packet may wait; then only probes are left, which end with their links. */
static void come_to_rest(struct data_life *life)
{
	struct pair *p = &life->pair;

	if (!pair_run(p, SENDER_AGE_NS + NS_PER_S))
		return;
	for (unsigned i = 0; i < p->links; i++)
		pair_set_gone(p, &p->link[i], true);
	if (pair_run(p, 5 * NS_PER_S))
		pair_settle_accounts(p);
}

static void live(struct data_life *life)
{
	unsigned episodes = 3 + draw(life, 10);

	draw_links(life);
	for (unsigned i = 0; i < episodes; i++) {
		happen(life);
		if (life->pair.is_broken || !(draw(life, 4) ? send_data(life) : rest(life)))
			return;
	}
	heal(life);
	come_to_rest(life);
}

struct life_result life_live(uint64_t seed, FILE *story)
{
	static struct data_life life; /* the receiver's ring makes it large */
	struct life_result result;

	life.story = story;
	sim_random_init(&life.random, seed, 'd');
	pair_init(&life.pair, seed, BEGIN_NS);
	live(&life);
	result = (struct life_result){.is_broken = life.pair.is_broken,
	                              .lived_ns = life.pair.now_ns - BEGIN_NS,
	                              .events = life.pair.events,
	                              .made = life.pair.count[PACKET_DELIVERED]};
	if (life.pair.is_broken)
		snprintf(result.why, sizeof result.why, "seed %llu, after %.3f s: %.400s",
		         (unsigned long long)seed, (double)(life.pair.now_ns - BEGIN_NS) / NS_PER_S,
		         life.pair.why);
	tell(&life, "%u packets offered, %u dropped, %u delivered, %u of them overtaken",
	     life.pair.offered, life.pair.count[PACKET_DROPPED], life.pair.count[PACKET_DELIVERED],
	     life.pair.overtaken);
	pair_fini(&life.pair);
	return result;
}
