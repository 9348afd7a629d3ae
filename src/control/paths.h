/* SPDX-License-Identifier: MIT */
/* paths.h - the paths of a peer: sixteen places, which of them are taken, by what, and what gives
 * way.
 *
 * The place of a path is its id and the id of its lane. While the peer is not (yet) known to be a
 * vtrunkd one path is followed: everything goes there. Functions that find a path return NULL when
 * there is none.
 *
 * Time as argument. One thread (control).
 */
#ifndef CONTROL_PATHS_H
#define CONTROL_PATHS_H

#include "control/path.h"
#include "sched/path_table.h"

struct paths {
	struct path slot[PATHS_MAX];
	unsigned followed; /* id of the path for everything while not bonded; PATH_NONE none */
	uint16_t published_mask; /* of the table published last */
	bool has_table;          /* one was published */
	uint64_t asked_ns;       /* when the last challenge was sent to an address heard of */
	bool is_busy;            /* with data: probed fast */
};

void paths_init(struct paths *paths);

/* Its number, also that of its lane. */
static inline unsigned path_id(const struct paths *paths, const struct path *path)
{
	return (unsigned)(path - paths->slot);
}

/* The one that is followed, or NULL. */
struct path *paths_followed(struct paths *paths);

struct path *paths_find(struct paths *paths, const struct route *route);

/* That the peer itself calls @remote_id, over @link. */
struct path *paths_find_by_remote_id(struct paths *paths, const struct link *link,
                                     uint8_t remote_id);

/* One that leads somewhere, if possible over @link. */
struct path *paths_find_proved(struct paths *paths, const struct link *link);

/* The candidate that the newest initiation came from. */
struct path *paths_newest_origin(struct paths *paths);

/* Whether there is any address to try. */
bool paths_is_any_known(const struct paths *paths);

/* A place for a path heard of: a free one, else of those that may give way the one that has been
 * down for longest. Copies of an initiation can be made by anybody who sees one, from as many
 * addresses as he likes: for a copy neither the origin of the initiation itself (accepted at
 * @accepted_ns) gives way nor what was proved and has yet to answer a probe.
 */
struct path *paths_place(struct paths *paths, bool is_for_copy, uint64_t accepted_ns);

/* The path over which to speak to the peer now, or PATH_NONE. */
unsigned paths_to_speak(const struct paths *paths, bool is_bonded);

/* Masks: those to greet, since any may be dead in our direction, and handshakes may have come from
 * others; origins of copies that came after the greeting.
 */
uint16_t paths_to_greet(const struct paths *paths);
uint16_t paths_late_origins(const struct paths *paths);

/* The table published has the paths in @mask. */
void paths_set_table(struct paths *paths, uint16_t mask);

/* Whether an address not yet proved may be sent a challenge now: not more often than the protocol
 * says.
 */
bool paths_may_ask(const struct paths *paths, uint64_t now_ns);

/* A challenge that was not answered in time proves nothing later: the peer may have left the
 * address it got it at. A candidate ends together with its own.
 */
void paths_stop_asking_late(struct paths *paths, uint64_t now_ns);

/* The path to follow in place of @path, which is given up: another one that carries data, or
 * PATH_NONE.
 */
unsigned paths_heir(const struct paths *paths, const struct path *path);

/* When a path or candidate learnt from the peer is forgotten, unless it lives; NEVER_NS: not at
 * all. The one that is followed is only if it has an heir, and the peer is bonded.
 */
uint64_t paths_forget_at(const struct paths *paths, const struct path *path, bool is_bonded);

#endif
