/* SPDX-License-Identifier: MIT */
/* scenes.c - situations that chance brings about too rarely: two things that have to fall into the
 * same moment. Each begins where all is well, lets that moment come with all that is drawn from the
 * seed, and says what docs/protocol.md promises for it.
 */
#include <string.h>

#include "life_private.h"
#include "look.h"

#define QUICK_NS (200 * NS_PER_MS) /* of traffic that finds out soon */
#define STEP_NS  (5 * NS_PER_MS)

#define GREETING_NS (3 * NS_PER_S) /* so long both wait for it */
#define PROBE_NS    NS_PER_S       /* between probes, where there is nothing to carry */

static uint64_t between_ms(struct life *life, uint64_t least, uint64_t most)
{
	return sim_between(&life->random, least, most) * NS_PER_MS;
}

static struct node *any_host(struct life *life)
{
	return sim_chance(&life->random, MILLION / 2) ? life->client : life->gateway;
}

/* ---- times ---- */

static uint64_t pipe_ns(const struct net_pipe *pipe, uint64_t queue_ns)
{
	return pipe->delay_ns + pipe->jitter_ns + (pipe->queue_ns ? queue_ns : 0);
}

static uint64_t longest_of(const struct node *node, uint64_t queue_ns)
{
	uint64_t longest_ns = 0, ns;

	for (unsigned i = 0; i < node->config.link_count; i++) {
		const struct net_port *port = node->config.link[i].port;

		ns = pipe_ns(&port->up, queue_ns) + pipe_ns(&port->down, queue_ns);
		longest_ns = ns > longest_ns ? ns : longest_ns;
	}
	return longest_ns;
}

#define QUEUE_MAX_NS   (50 * NS_PER_MS) /* of a pipe with a rate, when it is full ... */
#define QUEUE_SHORT_NS (4 * NS_PER_MS)  /* ... and of a handshake on the slowest */

/* There and back, over the slowest links. */
static uint64_t round_ns(const struct life *life)
{
	return longest_of(life->client, QUEUE_MAX_NS) + longest_of(life->gateway, QUEUE_MAX_NS);
}

/* The same where nothing else is on its way; conditions are looked at every STEP_NS. */
static uint64_t quick_round_ns(const struct life *life)
{
	return longest_of(life->client, QUEUE_SHORT_NS) +
	       longest_of(life->gateway, QUEUE_SHORT_NS) + 2 * STEP_NS;
}

/* ---- conditions ---- */

static bool has_client_session(const struct life *life)
{
	return look_at(life->client, 0).is_alive;
}

static bool has_session(const struct life *life)
{
	struct look client = look_at(life->client, 0), gateway = look_at(life->gateway, 0);

	return look_is_same_session(&client, &gateway);
}

static bool has_no_session_left(const struct life *life)
{
	return !look_at(life->gateway, 0).is_alive;
}

static bool knows_gateway(const struct life *life)
{
	return look_at(life->client, 0).is_bonded;
}

static bool knows_all_origins(const struct life *life)
{
	struct look gateway = look_at(life->gateway, 0);

	return gateway.paths + gateway.candidates >= look_at(life->client, 0).paths;
}

static bool knows_all_paths(const struct life *life)
{
	return look_at(life->gateway, 0).paths >= look_at(life->client, 0).paths;
}

/* Lets time pass until it holds, at most @bound_ns; false also when a rule is broken. */
static bool await(struct life *life, life_condition *holds, uint64_t bound_ns)
{
	uint64_t end_ns = sim_now_ns() + bound_ns;

	while (!holds(life)) {
		if (sim_now_ns() >= end_ns || !life_run(life, STEP_NS))
			return false;
	}
	return true;
}

bool life_expect(struct life *life, life_condition *holds, uint64_t bound_ns, const char *broken)
{
	if (!await(life, holds, bound_ns))
		world_break(&life->world, "%s, within %.2f s", broken, (double)bound_ns / NS_PER_S);
	return !life->world.is_broken;
}

static bool expect_bonded(struct life *life, uint64_t bound_ns)
{
	return life_expect(life, life_are_bonded, bound_ns + round_ns(life),
	                   "the peers did not take each other for vtrunkd");
}

/* ---- what is done ---- */

/* What the host sends from now on arrives by so much later. */
static void hold_up(struct node *node, uint64_t late_ns)
{
	for (unsigned i = 0; i < node->config.link_count; i++) {
		node->config.link[i].port->up.late_ppm = MILLION;
		node->config.link[i].port->up.late_ns = late_ns;
	}
}

static void let_pass(struct life *life, struct node *node)
{
	for (unsigned i = 0; i < node->config.link_count; i++)
		life_mend_port(life, node->config.link[i].port);
}

static void set_deaf(struct life *life, bool is_deaf)
{
	for (unsigned i = 0; i < life->client->config.link_count; i++)
		life->client->config.link[i].port->up.is_dead = is_deaf;
}

/* The client is killed and comes back; a session is being made. */
static bool come_anew(struct life *life)
{
	life_stop(life, life->client, false);
	if (!life_run(life, between_ms(life, 1, 300)))
		return false;
	life_start(life, life->client);
	return !life->world.is_broken;
}

/* ---- the scenes ---- */

static bool bonds(const struct life *life)
{
	return !life->is_plain;
}

/* What the host said when it stopped comes when it is back. */
static bool late_goodbye(struct life *life)
{
	uint64_t pause_ns = between_ms(life, 50, 600);

	traffic_set_pace(&life->world.traffic, QUICK_NS);
	if (!life_run(life, NS_PER_S))
		return false;
	hold_up(life->client, pause_ns + sim_below(&life->random, 3 * round_ns(life)));
	life_stop(life, life->client, true);
	let_pass(life, life->client);
	if (!life_run(life, pause_ns))
		return false;
	life_start(life, life->client);
	return life_passes_within(life, 5 * NS_PER_S) &&
	       life_goes_on(life, 8 * NS_PER_S, 5 * NS_PER_S / 2);
}

/* A session in which the client's answers to HELLO are held up; then it is killed. */
static bool answer_late(struct life *life)
{
	if (!come_anew(life) || !life_expect(life, has_client_session, NS_PER_S + round_ns(life),
	                                     "the client got no session"))
		return false;
	hold_up(life->client, between_ms(life, 300, 4000));
	if (!life_expect(life, knows_gateway, NS_PER_S + round_ns(life),
	                 "the client does not know the gateway for a vtrunkd") ||
	    !life_run(life, between_ms(life, 1, 600)))
		return false;
	life_stop(life, life->client, false);
	let_pass(life, life->client);
	return true;
}

/* It is forgotten at once, once the goodbye is there, over one path of several at least. */
static bool leave_and_return(struct life *life)
{
	life_stop(life, life->client, true);
	if (!life_expect(life, has_no_session_left, round_ns(life),
	                 "a goodbye does not end the session"))
		return false;
	life_start(life, life->client);
	return true;
}

/* A greeting of the life before comes in the next one, in which the host may not bond any more. */
static bool late_greeting(struct life *life)
{
	enum bonding_policy policy = life->client->config.bonding;
	bool is_converted = sim_chance(&life->random, MILLION / 2);

	traffic_set_pace(&life->world.traffic, QUICK_NS);
	if (!answer_late(life))
		return false;
	if (is_converted)
		life->client->config.bonding = BONDING_POLICY_OFF;
	life_start(life, life->client);
	if (!life_expect(life, has_client_session, NS_PER_S + round_ns(life),
	                 "the client got no session") ||
	    !life_run(life, 4 * NS_PER_S + 2 * round_ns(life)))
		return false;
	life->client->config.bonding = policy;
	if (!is_converted)
		return leave_and_return(life);
	life_stop(life, life->client, false);
	life_start(life, life->client);
	return true;
}

/* The client hears the greetings, and none of its answers arrives until it is too late for them:
 * then it is taken for a vtrunkd for its next probe.
 */
static bool lost_answer(struct life *life)
{
	traffic_set_pace(&life->world.traffic,
	                 sim_chance(&life->random, MILLION / 2) ? QUICK_NS : 0);
	if (!come_anew(life) ||
	    !life_expect(life, has_session, 2 * NS_PER_S + round_ns(life), "there is no session"))
		return false;
	set_deaf(life, true);
	if (!life_run(life, between_ms(life, 2900, 3800)))
		return false;
	set_deaf(life, false);
	return !knows_gateway(life) || expect_bonded(life, PROBE_NS);
}

static bool has_links(const struct life *life)
{
	return life->client->config.link_count > 1 && !life->is_mutual;
}

/* The only link that works opens while others are tried. The gateway knows of no session, and does
 * not look for the client.
 */
static bool link_opens(struct life *life)
{
	unsigned link = (unsigned)sim_below(&life->random, life->client->config.link_count);

	set_deaf(life, true);
	life_stop(life, life->gateway, false);
	life_start(life, life->gateway);
	life_stop(life, life->client, false);
	life_start(life, life->client);
	node_lose_link(life->client, link);
	tell(life, "link %u is gone", link);
	if (!life_run(life, between_ms(life, 5500, 9500)))
		return false;
	life->client->config.link[link].port->up.is_dead = false;
	node_regain_link(life->client, link);
	tell(life, "link %u is back", link);
	return life_expect(life, has_client_session, NS_PER_S / 4 + round_ns(life),
	                   "a link that opens has brought no session");
}

/* Only the gateway has something to say, until the client has answered by a keepalive and both are
 * silent. Then the gateway is started anew and does not know the client any more.
 */
static bool one_sided(struct life *life)
{
	life->world.traffic.mute = 1u << life->client->id;
	traffic_set_pace(&life->world.traffic, between_ms(life, 200, 1500));
	if (!life_run(life, between_ms(life, 1000, 12000)))
		return false;
	traffic_set_pace(&life->world.traffic, 0);
	life->world.traffic.mute = 0;
	if (!life_run(life, between_ms(life, 10000, 14000)))
		return false;
	life_stop(life, life->gateway, false);
	life_start(life, life->gateway);
	traffic_set_pace(&life->world.traffic, QUICK_NS);
	return life_passes_within(life, KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + 2 * NS_PER_S);
}

/* Somebody repeats each initiation from many addresses, behind it. */
static bool flooded(struct life *life)
{
	for (unsigned i = 0; i < life->client->config.link_count; i++)
		life_move_nat(life, i);
	life->spoof.flood = (unsigned)sim_between(&life->random, 1, 40);
	life->spoof.flood_behind = true;
	tell(life, "somebody repeats initiations");
	if (!come_anew(life) || !expect_bonded(life, GREETING_NS))
		return false;
	life->spoof = (struct spoof){0};
	return true;
}

static bool has_no_fixed_address(const struct life *life)
{
	return bonds(life) && !life->is_mutual;
}

/* New addresses while a handshake comes from there. */
static bool move_at_renewal(struct life *life)
{
	struct look client = look_at(life->client, 0);
	uint64_t age_ns = sim_now_ns() - client.newest_ns, at_ns = REKEY_AFTER_TIME - NS_PER_S / 2;
	unsigned moves = (unsigned)sim_between(&life->random, 2, 8);

	if (!client.is_initiator)
		return true;
	traffic_set_pace(&life->world.traffic, NS_PER_S);
	if (age_ns < at_ns && !life_run(life, at_ns - age_ns))
		return false;
	for (unsigned i = 0; i < moves; i++) {
		life_move_nat(life,
		              (unsigned)sim_below(&life->random, life->client->config.link_count));
		if (!life_run(life, between_ms(life, 1, 900)))
			return false;
	}
	return true;
}

/* So much that everything else is over when something comes by that link. */
static void slow_down(struct life *life)
{
	unsigned link = (unsigned)sim_below(&life->random, life->client->config.link_count);
	uint64_t by_ns = between_ms(life, 300, 900);

	life->client->config.link[link].port->up.delay_ns += by_ns;
	tell(life, "link %u is slow, by %.1f s", link, (double)by_ns / NS_PER_S);
}

/* Everybody is new to everybody: each origin of the initiation is greeted at once, also one whose
 * copy comes after the greeting, and is a path once around later.
 */
static bool new_to_each_other(struct life *life)
{
	traffic_set_pace(&life->world.traffic, 0);
	life_stop(life, life->client, false);
	life_stop(life, life->gateway, false);
	if (!life_run(life, 2 * NS_PER_S))
		return false;
	slow_down(life);
	life_start(life, life->gateway);
	life_start(life, life->client);
	return life_expect(life, has_session, 2 * round_ns(life), "there is no session") &&
	       life_expect(life, knows_all_origins, round_ns(life), "an initiation is missing") &&
	       life_expect(life, knows_all_paths, quick_round_ns(life),
	                   "not every origin of the handshake is a path") &&
	       expect_bonded(life, GREETING_NS);
}

static bool both_may_begin(const struct life *life)
{
	return bonds(life) && life->is_mutual;
}

/* Another host with the client's key begins a session, hears nothing, and goes. */
static bool twin_tries(struct life *life)
{
	life->twin->config.link[0].port->down.is_dead = true;
	life_start(life, life->twin);
	if (!life_goes_on(life, between_ms(life, 1000, 4500), 5 * NS_PER_S / 2))
		return false;
	life_stop(life, life->twin, false);
	life->latest_step_ns[life->client->id] = life->twin->clock_step_ns;
	return life_goes_on(life, 5 * NS_PER_S, 5 * NS_PER_S / 2);
}

/* Both begin within the time in which they cannot know of each other. */
static bool both_begin(struct life *life)
{
	struct node *first = any_host(life);
	struct node *second = first == life->client ? life->gateway : life->client;

	traffic_set_pace(&life->world.traffic, QUICK_NS);
	life_stop(life, life->client, false);
	life_stop(life, life->gateway, false);
	if (!life_run(life, 2 * NS_PER_S))
		return false;
	life_start(life, first);
	if (!life_run(life, sim_below(&life->random, round_ns(life))))
		return false;
	life_start(life, second);
	if (!life_passes_within(life, 2 * NS_PER_S) || !expect_bonded(life, GREETING_NS))
		return false;
	return sim_chance(&life->random, MILLION / 2) || twin_tries(life);
}

static const struct {
	const char *name;
	life_condition *fits;
	bool (*play)(struct life *life);
} scenes[] = {
	{"a goodbye comes late", bonds, late_goodbye},
	{"a greeting comes late", bonds, late_greeting},
	{"answers are lost", bonds, lost_answer},
	{"a link opens", has_links, link_opens},
	{"one side speaks", NULL, one_sided},
	{"a flood of copies", bonds, flooded},
	{"new addresses at the renewal", has_no_fixed_address, move_at_renewal},
	{"new to each other", has_no_fixed_address, new_to_each_other},
	{"both begin", both_may_begin, both_begin},
};

#define SCENES (sizeof scenes / sizeof *scenes)

bool life_scene(struct life *life)
{
	unsigned i = (unsigned)sim_below(&life->random, SCENES);

	while (scenes[i].fits && !scenes[i].fits(life))
		i = (i + 1) % SCENES;
	tell(life, "%s", scenes[i].name);
	return scenes[i].play(life);
}
