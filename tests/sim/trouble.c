/* SPDX-License-Identifier: MIT */
/* trouble.c - what happens to the hosts and links of a life. */
#include <errno.h>
#include <string.h>

#include "life_private.h"
#include "look.h"

static unsigned draw(struct life *life, unsigned bound)
{
	return (unsigned)sim_below(&life->random, bound);
}

static struct net_port *client_port(struct life *life)
{
	return life->client->config.link[draw(life, life->client->config.link_count)].port;
}

static struct net_port *any_port(struct life *life)
{
	return sim_chance(&life->random, MILLION / 4) ? life->gateway->config.link[0].port
	                                              : client_port(life);
}

/* ---- what lasts ---- */

/* Each link of the client loses one direction, both or none. */
static void kill_directions(struct life *life)
{
	for (unsigned i = 0; i < life->client->config.link_count; i++) {
		struct net_port *port = life->client->config.link[i].port;

		port->up.is_dead = sim_chance(&life->random, MILLION / 3);
		port->down.is_dead = sim_chance(&life->random, MILLION / 3);
		tell(life, "link %u:%s%s", i, port->up.is_dead ? " dead up" : "",
		     port->down.is_dead ? " dead down" : "");
	}
}

static void spoil_pipe(struct life *life, struct net_pipe *pipe)
{
	pipe->loss_ppm = draw(life, MILLION / 3);
	pipe->copy_ppm = draw(life, MILLION / 10);
	pipe->late_ppm = draw(life, MILLION / 5);
	pipe->late_ns = sim_between(&life->random, 10, 12000) * NS_PER_MS;
}

static void spoil_pipes(struct life *life)
{
	tell(life, "loss, copies, datagrams that are late");
	for (unsigned i = 0; i < life->client->config.link_count; i++) {
		spoil_pipe(life, &life->client->config.link[i].port->up);
		spoil_pipe(life, &life->client->config.link[i].port->down);
	}
}

static void slow_link(struct life *life)
{
	struct net_port *port = client_port(life);

	port->up.delay_ns = port->down.delay_ns = sim_between(&life->random, 200, 3000) * NS_PER_MS;
	tell(life, "a link is slow, %.1f s", (double)port->up.delay_ns / NS_PER_S);
}

static void let_interfere(struct life *life)
{
	struct spoof *spoof = &life->spoof;

	spoof->repeat_ppm = draw(life, MILLION / 5);
	spoof->corrupt_ppm = draw(life, MILLION / 20);
	if (sim_chance(&life->random, MILLION / 2))
		spoof->flood = (unsigned)sim_between(&life->random, 1, 40);
	if (!life->is_plain) {
		spoof->forge_ppm = draw(life, MILLION / 10);
		spoof->divert_ppm = draw(life, MILLION / 10);
	}
	tell(life, "somebody interferes%s", spoof->flood ? ", and repeats initiations" : "");
}

static void refuse_to_send(struct life *life)
{
	struct net_port *port = any_port(life);

	port->refusal = sim_chance(&life->random, MILLION / 2) ? EPERM : ENETUNREACH;
	/* Which says nothing of a destination: the link rests. */
	if (life->has_changes && sim_chance(&life->changes, MILLION / 2))
		port->refusal = ENETDOWN;
	tell(life, "the system refuses to send");
}

static void (*const lasting[])(struct life *life) = {
	kill_directions, kill_directions, spoil_pipes, slow_link, let_interfere, refuse_to_send,
};

void life_draw_troubles(struct life *life)
{
	unsigned count = 1 + draw(life, 2);

	life->is_greeting_late = true;
	for (unsigned i = 0; i < count; i++)
		lasting[draw(life, sizeof lasting / sizeof *lasting)](life);
}

/* ---- what happens in a moment ---- */

void life_move_nat(struct life *life, unsigned link)
{
	struct endpoint new;

	if (life->is_mutual)
		return; /* the gateway's configuration would be wrong */
	new = life_address(0x644000 + link, 2 + life->moves / 200, 1025 + life->moves % 200);
	life->moves++;
	net_move(&life->world.net, life->client->config.link[link].port, &new);
	tell(life, "link %u has a new address", link);
}

static void move_nat(struct life *life)
{
	life_move_nat(life, draw(life, life->client->config.link_count));
}

void life_stop(struct life *life, struct node *node, bool says_goodbye)
{
	tell(life, "the %s %s", node->name, says_goodbye ? "says goodbye" : "is killed");
	node_stop(node, says_goodbye);
}

static void stop(struct life *life, struct node *node)
{
	bool says_goodbye = sim_chance(&life->random, MILLION / 2);

	if (node->control)
		life_stop(life, node, says_goodbye);
}

void life_start(struct life *life, struct node *node)
{
	if (node->control)
		return;
	tell(life, "the %s starts", node->name);
	if (node->clock_step_ns < life->latest_step_ns[node->id])
		node->clock_step_ns = life->latest_step_ns[node->id];
	node_start(node);
}

static void restart_client(struct life *life)
{
	stop(life, life->client);
	if (life_run(life, sim_between(&life->random, 1, 3000) * NS_PER_MS))
		life_start(life, life->client);
}

static void restart_gateway(struct life *life)
{
	stop(life, life->gateway);
	if (life_run(life, sim_between(&life->random, 1, 3000) * NS_PER_MS))
		life_start(life, life->gateway);
}

static void toggle_node(struct life *life)
{
	struct node *node = draw(life, 2) ? life->client : life->gateway;

	if (node->control)
		stop(life, node);
	else
		life_start(life, node);
}

/* Two hosts with one key: the peer refuses times before the newest that it saw of either. */
static void toggle_twin(struct life *life)
{
	int64_t *ours = &life->client->clock_step_ns;
	int64_t *its = &life->twin->clock_step_ns;

	*ours = *its = life->latest_step_ns[life->client->id];
	life->latest_step_ns[life->twin->id] = *its;
	if (life->twin->control)
		stop(life, life->twin);
	else
		life_start(life, life->twin);
}

/* A clock that goes back does so within one run, and not beside a twin: else the peer refuses the
 * host until the time has come again, as it must.
 */
static void step_clock(struct life *life)
{
	struct node *node = draw(life, 2) ? life->client : life->gateway;
	int64_t step_s = (int64_t)draw(life, 7200) - 3600;

	if (step_s < 0 && life->twin->starts)
		step_s = -step_s;
	node->clock_step_ns += step_s * (int64_t)NS_PER_S;
	if (node->clock_step_ns > life->latest_step_ns[node->id])
		life->latest_step_ns[node->id] = node->clock_step_ns;
	tell(life, "the clock of the %s goes by %+lld s", node->name, (long long)step_s);
}

static void toggle_link(struct life *life)
{
	unsigned link = draw(life, life->client->config.link_count);
	bool is_lost;

	if (!life->client->control)
		return;
	is_lost = life->client->lost & 1u << link;
	tell(life, "link %u is %s", link, is_lost ? "back" : "gone");
	if (is_lost)
		node_regain_link(life->client, link);
	else
		node_lose_link(life->client, link);
}

static void overload(struct life *life)
{
	tell(life, "the gateway is overloaded");
	if (life->gateway->control)
		node_overload(life->gateway);
}

/* Rarely more than a packet per second: many of them tell nothing that few do not. */
static void change_pace(struct life *life)
{
	switch (draw(life, 4)) {
	case 0:
		traffic_set_pace(&life->world.traffic, 0);
		break;
	case 1:
		traffic_set_pace(&life->world.traffic,
		                 sim_between(&life->random, 100, 1000) * NS_PER_MS);
		break;
	default:
		traffic_set_pace(&life->world.traffic, sim_between(&life->random, 2, 8) * NS_PER_S);
	}
}

static void (*const momentary[])(struct life *life) = {
	move_nat,    move_nat,    restart_client, restart_gateway, toggle_node, toggle_twin,
	toggle_link, toggle_link, step_clock,     overload,        change_pace, life_draw_troubles,
};

/* ---- episodes ---- */

/* Seconds, or minutes: short ones are more frequent. */
static uint64_t draw_length(struct life *life)
{
	unsigned most_ms = 100u << draw(life, 9);

	return (1 + draw(life, most_ms)) * NS_PER_MS;
}

/* All at once and one after the other. */
static bool turmoil(struct life *life)
{
	unsigned count = 1 + draw(life, 8);

	life->is_greeting_late = true;
	if (draw(life, 2))
		life_draw_troubles(life);
	for (unsigned i = 0; i < count; i++) {
		momentary[draw(life, sizeof momentary / sizeof *momentary)](life);
		if (sim_chance(&life->changes, MILLION / 2))
			life_change(life);
		if (life->world.is_broken || !life_run(life, draw_length(life)))
			return false;
	}
	return true;
}

/* A session whose initiator sends keepalives is renewed before it is too old, even without data. */
static bool is_kept_alive(const struct life *life)
{
	return life->client->config.peer[0].persistent_keepalive &&
	       look_at(life->client, 0).is_initiator;
}

/* Time passes: keys are renewed, or everybody rests. */
static bool peace(struct life *life)
{
	uint64_t end_ns = sim_now_ns() + sim_between(&life->random, 125, 230) * NS_PER_S;
	bool is_kept = is_kept_alive(life);

	traffic_set_pace(&life->world.traffic,
	                 draw(life, 2) ? sim_between(&life->random, 2, 8) * NS_PER_S : 0);
	tell(life, "peace, %s", life->world.traffic.interval_ns ? "with traffic" : "and quiet");
	while (sim_now_ns() < end_ns) {
		if (sim_chance(&life->changes, MILLION / 10))
			life_change_aside(life);
		if (!life_run(life, NS_PER_S))
			return false;
		if (is_kept && !look_at(life->client, 0).is_alive)
			world_break(&life->world, "a session of keepalives was not renewed");
	}
	return true;
}

/* One link may be so slow that what was said before the restart comes after it. */
static void slow_one_link(struct life *life)
{
	struct net_port *port = client_port(life);

	if (life->client->config.link_count < 2 || draw(life, 2))
		return;
	port->up.delay_ns = port->down.delay_ns = sim_between(&life->random, 200, 1500) * NS_PER_MS;
	tell(life, "a link is slow, %.1f s", (double)port->up.delay_ns / NS_PER_S);
}

/* A daemon that says goodbye and comes back at once is missed for a moment, and once. */
static bool come_back(struct life *life)
{
	struct node *node = draw(life, 2) ? life->client : life->gateway;

	slow_one_link(life);
	traffic_set_pace(&life->world.traffic, 200 * NS_PER_MS);
	if (!life_run(life, 3 * NS_PER_S))
		return false;
	tell(life, "the %s says goodbye and comes back", node->name);
	node_stop(node, true);
	if (!life_run(life, sim_between(&life->random, 50, 600) * NS_PER_MS))
		return false;
	life_start(life, node);
	return life_passes_within(life, 5 * NS_PER_S) &&
	       life_goes_on(life, 8 * NS_PER_S, 5 * NS_PER_S / 2);
}

bool life_episode(struct life *life)
{
	if (life->has_changes && sim_chance(&life->changes, MILLION / 3))
		return life_change_scene(life);
	switch (draw(life, 12)) {
	case 0:
		return peace(life);
	case 1:
		return life->is_plain ? peace(life) : come_back(life);
	case 2:
	case 3:
	case 4:
	case 5:
		return life_scene(life);
	default:
		return turmoil(life);
	}
}
