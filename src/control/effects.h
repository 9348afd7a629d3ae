/* SPDX-License-Identifier: MIT */
/* effects.h - everything that a peer's part of control does to the world, as one table of
 * functions.
 *
 * What is decided about a peer - sessions, verdict, paths, timers - is computed from arguments;
 * what follows from it goes through here: messages and frames, what the data plane is given,
 * indices, the wall clock, randomness, the log, the time of the next look. real_effects.h is the
 * table of the daemon; a simulation has one of its own and so runs the same peers without sockets,
 * threads and real time.
 *
 * Each function gets the table itself first: whoever implements it embeds it and finds what is his
 * around it. Time is no effect, but for its two clocks: now_ns is an argument everywhere. Nor are
 * the counters and life signs that the data plane keeps: a peer reads them from struct dp_peer,
 * where a simulation writes them with the same functions (dp_peer_sent(), signs_put()) that the
 * data plane uses, so that this bookkeeping is tested too; it needs an engine on which no thread
 * was started, and that one for all.
 *
 * Control thread. None of them waits, but for await_memory().
 */
#ifndef CONTROL_EFFECTS_H
#define CONTROL_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/deadline.h"
#include "base/log.h"
#include "dataplane/drop.h"

struct endpoint;
struct line;
struct dp_peer;
struct keypair;
struct link;
struct path_table;
struct route;

struct effects {
	/* ---- the wire ---- */

	/* Sends one handshake message, MACs included. 0 or a negative errno. */
	int (*send_handshake)(struct effects *fx, const struct route *route, const void *msg,
	                      size_t len);

	/* Has @payload (at most LATE_LEN_MAX bytes; 0: a keepalive) sealed under @kp in @lane and
	 * sent on path @path_id, or from there to @to if not NULL. False when there is no memory
	 * now.
	 */
	bool (*send_payload)(struct effects *fx, struct dp_peer *dp, struct keypair *kp,
	                     unsigned path_id, unsigned lane, const void *payload, size_t len,
	                     const struct route *to);

	/* Sleeps until send_payload() has memory again; false when it has none after @timeout_ms.
	 */
	bool (*await_memory)(struct effects *fx, unsigned timeout_ms);

	/* Whether the sockets of @link are there to send on. */
	bool (*can_send)(struct effects *fx, const struct link *link);

	/* The system refused to send on @link, with @error, which says nothing about one
	 * destination.
	 */
	void (*link_refused)(struct effects *fx, const struct link *link, int error,
	                     uint64_t now_ns);

	/* Asks for the addresses of @host; the answer comes with @id. 0 or -ENOMEM. */
	int (*resolve)(struct effects *fx, uint64_t id, const char *host, uint16_t port);

	/* Datagrams go to @to from now on over a link with @line and no device: the way there is
	 * kept.
	 */
	void (*keep_way)(struct effects *fx, const struct endpoint *to, const struct line *line);

	/* A path of somebody leads elsewhere: whoever compares the ways of all looks again. */
	void (*targets_changed)(struct effects *fx);

	/* ---- what the data plane works with, as in dataplane/engine.h ---- */

	void (*publish_keypair)(struct effects *fx, struct dp_peer *dp, struct keypair *kp);
	void (*publish_paths)(struct effects *fx, struct dp_peer *dp, struct path_table *table);
	int (*publish_target)(struct effects *fx, struct dp_peer *dp, unsigned path_id,
	                      const struct route *route);
	void (*kick)(struct effects *fx, struct dp_peer *dp);

	/* engine_doubt_path(), at once. */
	void (*doubt_path)(struct effects *fx, struct dp_peer *dp, unsigned path_id,
	                   uint64_t at_ns);
	void (*drop_staged)(struct effects *fx, struct dp_peer *dp);
	int (*enable_reorder)(struct effects *fx, struct dp_peer *dp);
	int (*exchange_reports)(struct effects *fx, struct dp_peer *dp, bool is_wanted);
	void (*count_drop)(struct effects *fx, enum drop_reason reason);

	/* ---- receiver indices, as in dataplane/index.h ---- */

	int (*reserve_index)(struct effects *fx, void *owner, uint32_t *ret_index);
	void *(*owner_of_index)(struct effects *fx, uint32_t index);
	void (*release_index)(struct effects *fx, uint32_t index);
	int (*insert_keypair)(struct effects *fx, struct keypair *kp);
	void (*remove_keypair)(struct effects *fx, struct keypair *kp);
	struct keypair *(*keypair_of_index)(struct effects *fx, uint32_t index);

	/* ---- the machine ---- */

	struct timespec (*wall_clock)(struct effects *fx);

	/* Boot time of this moment: for what must not happen too soon after something else, where
	 * now_ns, read once per turn, may be long over.
	 */
	uint64_t (*boot_clock)(struct effects *fx);
	void (*random)(struct effects *fx, void *out, size_t len);
	void (*log)(struct effects *fx, enum log_level level, const char *line);

	/* Has @d expire at @at_ns; NEVER_NS: not at all. There is room for it. */
	void (*wake_at)(struct effects *fx, struct deadline *d, uint64_t at_ns);
};

/* Formats a line, of at most EFFECTS_LINE_LEN - 1 bytes, if anybody wants lines of @level. */
#define EFFECTS_LINE_LEN 1024u
void effects_log(struct effects *fx, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* At random from 0 to @bound - 1; @bound is not 0. */
uint64_t effects_random_below(struct effects *fx, uint64_t bound);

#endif
