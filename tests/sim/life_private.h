/* SPDX-License-Identifier: MIT */
/* life_private.h - a life as its parts see it: hosts.c, who there is; life.c,
 * whether it works; trouble.c, what happens to them; scenes.c, what chance brings about too rarely;
 * changes.c, what is changed in their configuration; spoof.c, who interferes.
 */
#ifndef SIM_LIFE_PRIVATE_H
#define SIM_LIFE_PRIVATE_H

#include "life.h"
#include "world.h"

#define SPOOF_KEPT       64u
#define NEIGHBOURS_PLACE 1u

/* What somebody in the middle does, each with a chance per datagram in millionths. */
struct spoof {
	uint32_t repeat_ppm;  /* again later, from where it came */
	uint32_t forge_ppm;   /* a copy from another address arrives first */
	uint32_t divert_ppm;  /* it arrives from another address only */
	uint32_t corrupt_ppm; /* with a bit that has changed */
	unsigned flood;       /* so many copies of each initiation, each from another address ... */
	bool flood_behind;    /* ... behind it, not before */
};

struct recorded {
	struct endpoint from, to;
	uint8_t data[NET_LEN_MAX];
	size_t len;
};

struct life {
	struct world world;
	struct sim_random random;
	struct sim_random changes; /* of what changes.c does: other lives stay what they are */
	bool has_changes;
	uint64_t noted; /* by a scene of it, for its conditions */
	FILE *story;
	uint64_t began_ns;
	uint64_t settled_ns;
	struct node *client, *gateway, *twin;
	struct node *neighbour; /* another peer of the gateway, in its NEIGHBOURS_PLACE; or NULL */
	enum bonding_mode mode;
	bool is_mesh;   /* every link of the client leads to every address of the gateway */
	bool is_mutual; /* both ends know where the other is, and begin sessions */
	bool is_plain;  /* one end does not bond */
	struct net_pipe healthy[NET_PORTS_MAX][2]; /* up, down */
	bool is_greeting_late;                     /* or may be: by seconds, or lost many times */
	int64_t latest_step_ns[WORLD_NODES_MAX];   /* of each node's clock, at most */
	unsigned moves;                            /* of NATs */
	struct spoof spoof;
	bool is_forging; /* what passes now is not looked at again */
	struct recorded recorded[SPOOF_KEPT];
	unsigned recorded_count;
};

void tell(struct life *life, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct endpoint life_address(unsigned net, unsigned host, unsigned port);

/* False when a rule is broken. */
bool life_run(struct life *life, uint64_t ns);

/* Within @bound_ns a packet passes each way; from now on, for @ns, no @gap_ns goes by without one.
 * False when not so, which breaks the life.
 */
bool life_passes_within(struct life *life, uint64_t bound_ns);
bool life_goes_on(struct life *life, uint64_t ns, uint64_t gap_ns);

/* The same, of two flows. */
bool life_flows_on(struct life *life, struct flow *there, struct flow *back, uint64_t ns,
                   uint64_t gap_ns);

/* The paths of the client when all is well. */
unsigned life_paths_expected(const struct life *life);

/* hosts.c: who there is. */
void life_draw_hosts(struct life *life);

/* Both ends take each other for vtrunkd, or one does not bond. */
bool life_are_bonded(const struct life *life);

/* As it was at first. */
void life_mend_port(struct life *life, struct net_port *port);

/* trouble.c: a host starts, unless it runs, with a clock that is right. */
void life_start(struct life *life, struct node *node);

/* trouble.c: what lasts begins. */
void life_draw_troubles(struct life *life);

/* trouble.c: the NAT before a link of the client forgets its mapping. */
void life_move_nat(struct life *life, unsigned link);

/* trouble.c: a host is killed, or says goodbye. It runs. */
void life_stop(struct life *life, struct node *node, bool says_goodbye);

/* scenes.c: it holds within @bound_ns. False when not so, which breaks the life. */
typedef bool life_condition(const struct life *life);
bool life_expect(struct life *life, life_condition *holds, uint64_t bound_ns, const char *broken);

/* changes.c: something is changed, in lives that have changes; something that leaves what the
 * client and the gateway have with each other as it is; all is as it was at first.
 */
void life_change(struct life *life);
void life_change_aside(struct life *life);
void life_restore(struct life *life);

/* changes.c: as life_scene(). */
bool life_change_scene(struct life *life);

/* scenes.c: one that fits who there is. False when a rule is broken. */
bool life_scene(struct life *life);

/* trouble.c: disturbances, for a while. False when a rule is broken. */
bool life_episode(struct life *life);

/* spoof.c: net_pass */
bool life_pass(struct net *net, const struct endpoint *from, const struct endpoint *to,
               const uint8_t *data, size_t len, uint64_t now_ns);

#endif
