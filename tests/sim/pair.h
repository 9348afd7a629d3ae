/* SPDX-License-Identifier: MIT */
/* pair.h - a sender and a receiver (sched/sender.h, sched/receiver.h) with links of the simulated
 * network between them.
 *
 *    reads ─► sender ─► runs ═══ link 0 ═══► numbers ─► receiver ─► in order
 *                            ═══ link 1 ═══►
 *    health ◄─ answers ──────── probes ───── and back
 *
 * Beside the two stands what feeds them in a daemon: probes over each link decide which paths are
 * in the table (sched/health.h, sched/path_choice.h), keypairs follow one another, packets are
 * numbered when a path takes them, and only what is new reaches the receiver. No bytes, no threads,
 * no clock: time is an argument, chance follows from the seed.
 *
 * What is checked holds for any policy, since it is what the two promise in their headers and
 * docs/protocol.md in "Lanes" and "Bonding modes"; README.md says it in words.
 */
#ifndef SIM_PAIR_H
#define SIM_PAIR_H

#include "network.h"
#include "random.h"
#include "sched/health.h"
#include "sched/receiver.h"
#include "sched/sender.h"
#include "vtrunkd/wire.h"

#define PAIR_LINKS_MAX   4u
#define PAIR_PACKETS_MAX 60000u
#define PAIR_KEYS_MAX    64u
#define PAIR_HELD_MAX    (2 * RESEQ_SLOTS)
#define PAIR_PROBE_LEN   64u

enum packet_state {
	PACKET_WAITS,   /* at the sender */
	PACKET_DROPPED, /* by the sender, with a reason */
	PACKET_SENT,    /* over one path, or over all: on its way or lost */
	PACKET_HELD,    /* by the receiver */
	PACKET_DELIVERED,
};

struct pair_packet {
	uint64_t since_ns; /* it was offered */
	uint64_t seq;
	uint64_t arrived_ns; /* the first of its copies */
	uint16_t key;
	uint8_t lane;
	uint8_t state;
};

/* A read of the device. */
struct pair_read {
	struct send_ticket ticket; /* first: cast from what the sender gives back */
	uint32_t next;             /* number of its next packet */
};

struct pair_link {
	struct net_port *out, *in;
	struct path_health health;
	uint64_t heard_ns;
	uint64_t dead_ns; /* nothing can come around since then; NEVER_NS: it can */
	uint32_t weight;
	uint64_t packets; /* that were given to it, data alone */
	bool is_gone;     /* its device */
};

struct pair_key {
	uint64_t born_ns;          /* at the receiver */
	uint64_t next[LANE_COUNT]; /* the numbers that are not used */
	uint64_t heard;            /* of LANE_ORDERED at the receiver, plus one; 0: nothing ... */
	uint64_t heard_before;     /* ... the same when the first of a later keypair came */
};

struct pair {
	uint64_t seed, now_ns, events;
	struct net net;
	struct sim_random random;
	struct pair_link link[PAIR_LINKS_MAX];
	unsigned links;
	bool is_broken;
	char why[512];

	/* The sending end. */
	struct sender sender;
	struct path_table *table; /* NULL: none yet */
	enum bonding_mode mode;
	bool has_session;
	unsigned key;       /* in use; the next one exists from key_at_ns - on */
	uint64_t key_at_ns; /* when the next one is taken into use; NEVER_NS */
	uint64_t data_ns;   /* when something was offered last */
	uint64_t wait_ns;   /* the sender asks to be asked again; NEVER_NS */
	struct pair_key keys[PAIR_KEYS_MAX];
	struct pair_read *read; /* PAIR_PACKETS_MAX: by its first packet */

	/* The receiving end. */
	struct receiver receiver;
	uint64_t alarm_ns; /* when it is to be asked; NEVER_NS */
	uint32_t *holds;   /* by ticket, PAIR_HELD_MAX: the packet; UINT32_MAX: free */
	uint16_t next_ticket;
	uint32_t *arrivals; /* held, as they came: PAIR_PACKETS_MAX ... */
	uint32_t arrivals_from, arrivals_to;
	bool is_steady;     /* delays stay as they are, so order can be kept ... */
	uint64_t steady_ns; /* ... from when on */
	/* Of the ordered lane. */
	bool has_order;
	struct pair_place {
		uint16_t key;
		uint64_t seq;
	} first, newest;     /* that came at all; that was delivered */
	uint16_t newest_key; /* under which something came */

	struct pair_packet *packet; /* PAIR_PACKETS_MAX */
	uint32_t oldest;            /* nothing before it waits */
	uint32_t offered, count[PACKET_DELIVERED + 1];
	uint32_t overtaken;
};

void pair_init(struct pair *p, uint64_t seed, uint64_t now_ns);
void pair_fini(struct pair *p);

/* A link more, alive, with pipes that the caller fills in. */
struct pair_link *pair_add_link(struct pair *p, uint32_t weight);

/* The first rule that is broken counts. */
void pair_break(struct pair *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Lets @ns pass, from event to event. False when a rule is broken. */
bool pair_run(struct pair *p, uint64_t ns);

/* A read of @packets packets, all but the last of @bytes. */
void pair_offer(struct pair *p, uint32_t packets, uint32_t bytes, uint32_t last_bytes);

/* What happens to a link: nothing passes in one direction or both; its device goes. */
void pair_set_dead(struct pair *p, struct pair_link *link, bool is_out_dead, bool is_in_dead);
void pair_set_gone(struct pair *p, struct pair_link *link, bool is_gone);

/* The session is away, or back. */
void pair_set_session(struct pair *p, bool has_session);

/* The receiver has made a new keypair; the sender hears of it @after_ns. */
void pair_change_key(struct pair *p, uint64_t after_ns);

/* All that was sent has come or is lost: nothing waits any more, and all is accounted for. */
void pair_settle_accounts(struct pair *p);

/* ---- between its parts ---- */

enum pair_kind {
	PAIR_DATA,
	PAIR_PROBE,
	PAIR_ECHO,
};

/* Head of a datagram. */
struct pair_datagram {
	uint8_t kind, link;
	uint16_t probe;  /* its number */
	uint32_t packet; /* of data */
	uint64_t sent_ns;
};

static inline void packet_becomes(struct pair *p, uint32_t id, enum packet_state state)
{
	p->count[p->packet[id].state]--;
	p->packet[id].state = (uint8_t)state;
	p->count[state]++;
}

/* pair_out.c: what is due at the sending end, and when something is. */
void pair_out_serve(struct pair *p);
uint64_t pair_out_next_ns(const struct pair *p);
void pair_out_hears(struct pair *p, struct pair_link *link, const struct pair_datagram *d);

/* pair_in.c */
void pair_in_serve(struct pair *p);
void pair_in_hears(struct pair *p, struct pair_link *link, const struct pair_datagram *d);
void pair_in_look(struct pair *p);

#endif
