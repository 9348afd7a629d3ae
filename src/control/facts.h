/* SPDX-License-Identifier: MIT */
/* facts.h - what the daemon can say of itself, as plain values: a snapshot nobody changes any more.
 *
 * Control fills one (gather.h) and hands it to whoever prints (front.h), who frees it: at any time
 * it belongs to one thread, so it needs neither a lock nor a grace period, and printing 4096 peers
 * holds up nobody. It holds no pointer to anything that can go away: names are copies or constants.
 *
 * Members are named as in vtrunkd/status.h, whose lists say what they mean and in which order they
 * are printed; facts_members is the first of the tables made of them. Unknown is FACT_UNKNOWN for a
 * NUMBER, NAN for a REAL, NULL or "" for text, AF_UNSPEC for an endpoint.
 */
#ifndef CONTROL_FACTS_H
#define CONTROL_FACTS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/prefix.h"
#include "dataplane/drop.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/status.h"
#include "vtrunkd/wire.h"

#define FACT_UNKNOWN    INT64_MIN
#define FACT_REASON_LEN 128u /* bytes */

/* One line of the lists of vtrunkd/status.h. */
struct fact_member {
	const char *name;      /* NULL: the end of the table */
	enum status_type type; /* as what it lies in memory: the as_ types of facts.c */
	enum status_unit unit;
	const char *help;
	size_t offset;                    /* in the struct that the table describes */
	const struct fact_member *member; /* of an OBJECT, of what is in a LIST */
};

extern const struct fact_member facts_members[]; /* of struct facts */

/* The first member of whatever is in a list. */
struct fact_item {
	struct fact_item *next;
};

struct fact_list {
	struct fact_item *first, *last;
};

struct prefix_list {
	size_t count;
	struct prefix *prefix; /* owned */
};

struct facts_link {
	struct fact_item item;
	char name[NAME_LEN];
	const char *state;
	double since_s;
	char reason[FACT_REASON_LEN];
	struct endpoint bind[LINK_FAMILIES];
	char device[IF_NAMESIZE];
	int64_t fwmark, weight;
	const char *role;
	int64_t tx_limit_bps, rx_limit_bps, train_max_bytes;
	uint64_t tx_packets, tx_bytes, rx_packets, rx_bytes, tx_errors;
	uint64_t kernel_drops, handshake_kernel_drops;
};

struct facts_path {
	struct fact_item item;
	int64_t id;
	char link[NAME_LEN];
	struct endpoint endpoint;
	const char *state;
	double since_s;
	const char *reason;
	const char *note; /* owned */
	bool in_use;
	int64_t weight;
	const char *role;
	int64_t tx_limit_bps, mtu, train_max_bytes;
	double rtt_ms, jitter_ms, loss_tx_percent, loss_rx_percent, last_heard_s;
	uint64_t doubts;
	uint64_t tx_packets, tx_bytes, rx_packets, rx_bytes;
	int64_t tx_bps, rx_bps;
	double share_percent;
	const char *why; /* owned */
	double way_ms, way_jitter_ms, queue_ms;
	int64_t arrived_bps, capacity_bps;
	double data_loss_percent;
};

struct facts_peer {
	struct fact_item item;
	char name[NAME_LEN];
	uint8_t public_key[KEY_LEN];
	const char *mode, *bonding, *session;
	double session_age_s;
	const char *session_role;
	uint64_t handshakes;
	int64_t last_handshake, unanswered_initiations, stale_initiations, clock_behind_s;
	struct endpoint endpoint;
	struct prefix_list allowed_ips;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	int64_t staged_packets;
	struct fact_list paths; /* struct facts_path */
};

struct facts_tun {
	int64_t queues;
	bool tcp_offload, udp_offload;
	int64_t kernel_drops;
};

struct facts_ecn {
	uint64_t marked, carried, unexpected;
};

struct facts_pool {
	int64_t batches, bytes;
};

struct facts {
	unsigned readers; /* of whoever has it: who still prints it */

	const char *version;
	char interface[IF_NAMESIZE];
	int64_t pid;
	double uptime_s;
	int64_t mtu;
	uint8_t public_key[KEY_LEN];
	int64_t workers;
	const char *crypto;
	struct facts_tun tun;
	struct fact_list links, peers; /* struct facts_link, struct facts_peer */
	uint64_t drops[DROP_REASON_COUNT];
	struct facts_ecn ecn;
	struct facts_pool pool;
	uint64_t log_lines_lost;
};

/* All zero, which is not yet unknown. NULL without memory. */
struct facts *facts_create(void);

/* With everything in its lists. NULL is allowed. */
void facts_free(struct facts *facts);

/* One more at the end of the list of links, of peers, of a peer's paths: all zero, to be filled in.
 * NULL without memory, with nothing changed.
 */
struct facts_link *facts_add_link(struct facts *facts);
struct facts_peer *facts_add_peer(struct facts *facts);
struct facts_path *facts_add_path(struct facts_peer *peer);

/* Copies them. False without memory. */
bool facts_set_allowed_ips(struct facts_peer *peer, const struct prefix *prefix, size_t count);

/* Copies it, none for "". False without memory. */
bool facts_set_note(struct facts_path *path, const char *note);

/* The same of why it got what it got. */
bool facts_set_why(struct facts_path *path, const char *why);

#endif
