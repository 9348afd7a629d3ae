/* SPDX-License-Identifier: MIT */
#include "life.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "life_private.h"
#include "look.h"

void tell(struct life *life, const char *fmt, ...)
{
	va_list args;

	if (!life->story)
		return;
	fprintf(life->story, "%10.3f  ", (double)(sim_now_ns() - life->began_ns) / NS_PER_S);
	va_start(args, fmt);
	vfprintf(life->story, fmt, args);
	va_end(args);
	fputc('\n', life->story);
}

/* ---- calm ---- */

bool life_run(struct life *life, uint64_t ns)
{
	return world_run(&life->world, ns);
}

static void mend_pipe(const struct life *life, struct net_pipe *pipe,
                      const struct net_pipe *healthy)
{
	uint64_t busy_until_ns = pipe->busy_until_ns, last_ns = pipe->last_ns;

	(void)life;
	*pipe = *healthy;
	pipe->busy_until_ns = busy_until_ns;
	pipe->last_ns = last_ns;
}

void life_mend_port(struct life *life, struct net_port *port)
{
	mend_pipe(life, &port->up, &life->healthy[port->id][0]);
	mend_pipe(life, &port->down, &life->healthy[port->id][1]);
	port->refusal = 0;
}

/* All that was disturbed is as before: the links work, the hosts run, nobody interferes. */
static void heal(struct life *life)
{
	life->spoof = (struct spoof){0};
	life_restore(life);
	for (unsigned i = 0; i < NET_PORTS_MAX; i++) {
		if (life->world.net.port[i].is_used)
			life_mend_port(life, &life->world.net.port[i]);
	}
	if (life->twin->control)
		node_stop(life->twin, false);
	for (unsigned i = 0; i < NODE_LINKS_MAX; i++) {
		if (life->client->lost & 1u << i)
			node_regain_link(life->client, i);
	}
	life_start(life, life->client);
	life_start(life, life->gateway);
	if (life->neighbour)
		life_start(life, life->neighbour);
}

/* Some of the client's links stay dead in one direction, but not all. */
static bool heal_in_part(struct life *life)
{
	unsigned links = life->client->config.link_count;
	unsigned whole = (unsigned)sim_below(&life->random, links);
	bool is_any_dead = false;

	for (unsigned i = 0; i < links; i++) {
		struct net_port *port = life->client->config.link[i].port;

		if (i == whole || sim_chance(&life->random, MILLION / 3))
			continue;
		*(sim_chance(&life->random, MILLION / 2) ? &port->up.is_dead
		                                         : &port->down.is_dead) = true;
		is_any_dead = true;
		tell(life, "link %u stays dead %s", i, port->up.is_dead ? "up" : "down");
	}
	return is_any_dead;
}

/* ---- does it work? ---- */

unsigned life_paths_expected(const struct life *life)
{
	unsigned links = life->client->config.link_count;

	return life->is_mesh ? links * life->gateway->config.link_count : links;
}

#define LOOK_BACK_NS  (2 * NS_PER_S)
#define ON_ITS_WAY_NS NS_PER_S

static bool flows(struct life *life, const struct node *from, unsigned peer)
{
	const struct flow *flow = traffic_flow(&life->world.traffic, from->id, peer);
	uint64_t now_ns = sim_now_ns();

	return flow->came_ns + LOOK_BACK_NS > now_ns &&
	       !flow_missing(flow, now_ns - LOOK_BACK_NS, now_ns - ON_ITS_WAY_NS);
}

/* Every packet of the last moment came, in both directions. */
static bool works(struct life *life)
{
	if (life->neighbour &&
	    !(flows(life, life->neighbour, 0) && flows(life, life->gateway, NEIGHBOURS_PLACE)))
		return false;
	return flows(life, life->client, 0) && flows(life, life->gateway, 0);
}

bool life_are_bonded(const struct life *life)
{
	return life->is_plain ||
	       (look_at(life->client, 0).is_bonded && look_at(life->gateway, 0).is_bonded);
}

/* And every path that there is serves, at both ends. */
static const char *what_is_missing(struct life *life)
{
	struct look client = look_at(life->client, 0), gateway = look_at(life->gateway, 0);

	if (!works(life))
		return "the tunnel does not work";
	if (life->is_plain)
		return client.is_plain && gateway.is_plain ? NULL : "no plain session";
	if (!life_are_bonded(life))
		return "the peers do not take each other for vtrunkd";
	if (client.up < life_paths_expected(life))
		return "a path of the client is not up";
	if (gateway.up < life_paths_expected(life))
		return "a path of the gateway is not up";
	if (gateway.down_long)
		return "a dead path was not forgotten";
	return NULL;
}

#define STEP_NS (NS_PER_S / 4)

static void note_settled(struct life *life, uint64_t ns)
{
	if (ns > life->settled_ns)
		life->settled_ns = ns;
}

/* What does not work yet; NULL: all is well. */
static const char *look_whether(struct life *life, bool is_whole)
{
	if (is_whole)
		return what_is_missing(life);
	return works(life) ? NULL : "the tunnel does not work";
}

/* Where greetings need longer than peers wait for them, both are taken for plain until the next
 * session. */
static bool await_next_session(struct life *life)
{
	uint64_t end_ns = sim_now_ns() + REKEY_AFTER_TIME + 10 * NS_PER_S;

	while (life->is_greeting_late && !life_are_bonded(life) && sim_now_ns() < end_ns) {
		if (!life_run(life, STEP_NS))
			return false;
	}
	return true;
}

/* Lets time pass until all is well, at most @bound_ns. */
static bool settle(struct life *life, bool is_whole, uint64_t bound_ns)
{
	const char *missing = "";
	uint64_t begin_ns;

	/* Mostly less than what has peers probe ten times per second. */
	traffic_set_pace(&life->world.traffic,
	                 (sim_chance(&life->random, MILLION / 4) ? 200 : 1100) * NS_PER_MS);
	/* What is looked back at is to be sent under these conditions. */
	if (!life_run(life, LOOK_BACK_NS) || (is_whole && !await_next_session(life)))
		return false;
	begin_ns = sim_now_ns();
	while (missing && sim_now_ns() < begin_ns + bound_ns) {
		if (!life_run(life, STEP_NS))
			return false;
		missing = look_whether(life, is_whole);
	}
	if (missing)
		world_break(&life->world, "%s, %.0f s after there is nothing in its way", missing,
		            (double)bound_ns / NS_PER_S);
	else
		tell(life, "works %s", is_whole ? "wholly" : "in part");
	note_settled(life, sim_now_ns() - begin_ns);
	return !missing;
}

/* The least that came since the last look, of both directions. */
static uint32_t came(struct life *life)
{
	uint32_t out = traffic_flow(&life->world.traffic, life->client->id, 0)->came;
	uint32_t back = traffic_flow(&life->world.traffic, life->gateway->id, 0)->came;

	return out < back ? out : back;
}

bool life_passes_within(struct life *life, uint64_t bound_ns)
{
	struct traffic *traffic = &life->world.traffic;
	uint64_t end_ns = sim_now_ns() + bound_ns;

	traffic_flow(traffic, life->client->id, 0)->came = 0;
	traffic_flow(traffic, life->gateway->id, 0)->came = 0;
	while (!came(life) && sim_now_ns() < end_ns) {
		if (!life_run(life, STEP_NS))
			return false;
	}
	if (!came(life))
		world_break(&life->world, "nothing passes for %.0f s after one came back",
		            (double)bound_ns / NS_PER_S);
	return !life->world.is_broken;
}

bool life_flows_on(struct life *life, struct flow *there, struct flow *back, uint64_t ns,
                   uint64_t gap_ns)
{
	there->gap_ns = back->gap_ns = 0;
	if (!life_run(life, ns))
		return false;
	if (there->gap_ns > gap_ns || back->gap_ns > gap_ns)
		world_break(&life->world, "nothing passed for %.1f s, without a cause",
		            (double)(there->gap_ns > back->gap_ns ? there->gap_ns : back->gap_ns) /
		                    NS_PER_S);
	return !life->world.is_broken;
}

bool life_goes_on(struct life *life, uint64_t ns, uint64_t gap_ns)
{
	struct traffic *traffic = &life->world.traffic;

	return life_flows_on(life, traffic_flow(traffic, life->client->id, 0),
	                     traffic_flow(traffic, life->gateway->id, 0), ns, gap_ns);
}

/* ---- the row of episodes ---- */

/* What a daemon needs at most: three probes overdue, a series of initiations that is between two, a
 * round of challenges, and hold-downs of paths that fell often.
 */
#define BOUND_NS (60 * NS_PER_S)

static bool calm(struct life *life)
{
	heal(life);
	if (sim_chance(&life->random, MILLION / 3) && heal_in_part(life)) {
		if (!settle(life, false, BOUND_NS))
			return false;
		heal(life);
	}
	if (!settle(life, true, BOUND_NS) || !life_goes_on(life, 3 * NS_PER_S, 5 * NS_PER_S / 2))
		return false;
	life->is_greeting_late = false;
	return true;
}

/* Of lives, in which links and peers come and go. */
#define CHANGES_PPM (MILLION / 3)

static void begin(struct life *life)
{
	struct node *first = life->client, *second = life->gateway;

	if (sim_chance(&life->random, MILLION / 2)) {
		first = life->gateway;
		second = life->client;
	}
	tell(life, "%s begins; %u links to %u addresses, mode %u%s%s%s", first->name,
	     life->client->config.link_count, life->gateway->config.link_count, life->mode,
	     life->is_mesh ? ", mesh" : "", life->is_mutual ? ", both initiate" : "",
	     life->is_plain ? ", plain" : "");
	if (life->neighbour)
		node_start(life->neighbour);
	node_start(first);
	if (life_run(life, sim_below(&life->random, 4000) * NS_PER_MS))
		node_start(second);
}

static void live(struct life *life)
{
	unsigned episodes = (unsigned)sim_between(&life->random, 1, 2);

	life->has_changes = sim_chance(&life->changes, CHANGES_PPM);
	life_draw_hosts(life);
	if (sim_chance(&life->random, MILLION / 2))
		life_draw_troubles(life);
	begin(life);
	if (!calm(life))
		return;
	for (unsigned i = 0; i < episodes && !life->world.is_broken; i++) {
		if (life_episode(life))
			calm(life);
	}
}

const char *const life_makes = "sessions";

struct life_result life_live(uint64_t seed, FILE *story)
{
	struct life life = {.story = story};
	struct life_result result;
	uint64_t made = 0;

	sim_random_init(&life.random, seed, 'l');
	sim_random_init(&life.changes, seed, 'c');
	world_init(&life.world, seed);
	life.world.net.pass = life_pass;
	life.began_ns = sim_now_ns();
	live(&life);
	for (unsigned i = 0; i < life.world.node_count; i++)
		made += look_at(&life.world.node[i], 0).handshakes;
	world_end(&life.world);
	if (life.world.is_broken)
		tell(&life, "%s", life.world.why);
	result = (struct life_result){.is_broken = life.world.is_broken,
	                              .lived_ns = sim_now_ns() - life.began_ns,
	                              .events = life.world.events,
	                              .made = made,
	                              .settled_ns = life.settled_ns};
	memcpy(result.why, life.world.why, sizeof result.why);
	world_fini(&life.world);
	return result;
}
