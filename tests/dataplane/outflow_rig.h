/* SPDX-License-Identifier: MIT */
/* outflow_rig.h - the way out of one peer, worked on by hand: the engine's dispatchers do not run,
 * the test has what is theirs. Far ends are sockets of the test.
 */
#ifndef TEST_OUTFLOW_RIG_H
#define TEST_OUTFLOW_RIG_H

#include "dataplane/outflow.h"
#include "engine_rig.h"

enum {
	QUEUES = 4,
	PATHS = 2,
	HERE = 1,
	THERE = 2,
	INDEX_HERE = 0x11,
	INDEX_THERE = 0x22,
};

extern struct rig_end end;
extern struct dp_peer *peer;
extern struct outflow *out; /* the peer's */
extern struct keypair *kp;
extern int far[PATHS];
extern struct endpoint far_at[PATHS];

/* For the .init and .fini of a suite. There are paths, though no table of them, and no session. */
void outflow_setup(void);
void outflow_teardown(void);

void begin_session(enum bonding_mode mode, unsigned paths);

/* What dispatcher @id carries along, at this moment. */
struct dp_thread *dispatcher(unsigned id);

/* What it would have read: packet @seq. Stays with its pool. */
struct read_buffer *read_next(unsigned id, uint32_t seq, size_t *ret_len);

/* The same, kept. */
struct read_buffer *read_seq(unsigned id, uint32_t seq);

/* A chain of the packets from @first on, @count of them. */
struct read_buffer *chain_of(unsigned id, uint32_t first, unsigned count);

/* Dispatcher @id, which has the role, takes a turn. */
void expect_run(unsigned id, enum outflow_outcome want);

/* Dispatcher 0 puts a chain in and takes a turn. */
void send_chain(uint32_t first, unsigned count);

/* The next packet on @path. Returns its counter. */
uint64_t next_on(unsigned path, uint32_t *ret_seq);
void expect_on(unsigned path, uint64_t counter, uint32_t seq);

uint64_t drops(enum drop_reason reason);

/* All batches of dispatcher @id's pool, linked by next, and their way back. */
struct batch *take_batches(unsigned id);
void give_batches(struct batch *taken);

#endif
