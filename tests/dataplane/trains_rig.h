/* SPDX-License-Identifier: MIT */
/* trains_rig.h - batches sent in trains (UDP_SEGMENT) over a link with offloads, as a far socket
 * sees them: a plain one gets datagrams, one with UDP_GRO gets the trains themselves.
 */
#ifndef TEST_TRAINS_RIG_H
#define TEST_TRAINS_RIG_H

#include "dataplane/link_tx.h"
#include "engine_rig.h"

#define SLOT_BYTES 1472u

extern struct trains_rig {
	struct engine engine; /* what a link tells control goes there */
	struct link sender;
	struct train_limit path; /* what is known of where it sends to */
	struct dp_thread self;
	struct batch_pool pool;
} trains;

/* For the .init and .fini of a suite. */
void trains_setup(void);
void trains_teardown(void);

struct link_settings trains_link_at(const char *at, bool has_offloads);

/* The sender, which must not be open. */
void trains_open(const char *at, bool has_offloads);

int trains_far_socket(const char *at, bool has_gro, struct endpoint *ret);

enum lengths {
	EQUAL,
	SHORTER_LAST,
	SPELLS, /* some of one length, then some of another */
	RANDOM,
	LENGTHS,
};

/* @count datagrams of at most @longest bytes. The caller frees it. */
struct batch *trains_make(struct test_random *random, unsigned count, enum lengths lengths,
                          unsigned longest);

/* Of all its datagrams. */
uint64_t trains_bytes(const struct batch *b);

/* As link_send() does. */
struct link_sent trains_send_on(const struct route *route, struct train_limit *limit,
                                const struct batch *b);

/* Sends @b, within the limit of the path, and expects the system to take all of it. */
void trains_send(const struct route *route, const struct batch *b);

/* Expects the datagrams of @b at @fd, in order, and nothing else; returns in how many messages. */
unsigned trains_expect(int fd, const struct batch *b, const struct endpoint *want_from);

#endif
