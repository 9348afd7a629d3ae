/* SPDX-License-Identifier: MIT */
/* engine_rig.h - real engines for tests, without a TUN device and without handshakes.
 *
 * A pair of local sockets that keep packets apart stands for the TUN device: the engine has one
 * end, the test the other. Links are bound to loopback. Keypairs are made by hand with crossed
 * keys. The test's thread is the control thread: registered with RCU, offline while it waits.
 */
#ifndef TEST_ENGINE_RIG_H
#define TEST_ENGINE_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../bytes_rig.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/aead.h"
#include "crypto/init.h"
#include "dataplane/engine.h"
#include "dataplane/engine_private.h"
#include "dataplane/handshake_reader.h"
#include "dataplane/publish.h"
#include "dataplane/statistics.h"
#include "inner_rig.h"

#define RIG_BUFFER   (4 << 20) /* of the sockets; without privileges the system gives less */
#define RIG_WAIT_MS  10000     /* for what must come; its loss fails the test */
#define RIG_DATAGRAM 2048u

/* Spins until @condition holds: for what has no event, such as a counter. */
#define rig_until(condition)                                                                \
	do {                                                                                \
		uint64_t rig_end = clock_boot_ns() + RIG_WAIT_MS * NS_PER_MS;               \
                                                                                            \
		while (!(condition)) {                                                      \
			cr_assert(lt(u64, clock_boot_ns(), rig_end), "never: " #condition); \
			rcu_quiescent_state();                                              \
			sched_yield();                                                      \
		}                                                                           \
	} while (0)

/* For the .init and .fini of a suite; the latter aborts when rig_expect_count() found a leak. */
void rig_setup(void);
void rig_teardown(void);

/* For what is left at the end of a test. */
void rig_expect_count(const char *what, unsigned got, unsigned want);

/* Waits for it; offline for RCU meanwhile. */
bool rig_is_readable(int fd, int timeout_ms);

/* ---- one engine ---- */

struct rig_end {
	struct engine *engine;
	int tun;         /* the test's end: what it writes "is routed to" the device */
	int tun_fd;      /* the engine's */
	unsigned events; /* taken for any peer and not yet asked for */

	int queue[TUN_QUEUES_MAX]; /* the test's ends of all queues; tun is the first */
	struct tun device;         /* the engine's ends */
};

/* An engine of @set, whose tun need only say what the device is like, with @links links bound to
 * @bind; nothing runs yet.
 */
void rig_create_as(struct rig_end *end, struct engine_settings set, unsigned links,
                   const char *bind);

/* Those of rig_create(): the device is one of the plainest kind. */
struct engine_settings rig_settings(unsigned workers);
void rig_create(struct rig_end *end, unsigned workers, unsigned links, const char *bind);

/* Starts the engine and the links that are open. */
void rig_start(struct rig_end *end);

/* One that was opened later. */
void rig_start_link(struct rig_end *end, unsigned id);

/* Puts what the engine has told; the bits of events stay. */
void rig_take_events(struct rig_end *end);

/* Waits until a peer has event @bit, which is taken off the mask. */
void rig_await_event(struct rig_end *end, unsigned bit);

/* The next notice; waits for it. The caller frees it. */
struct batch *rig_await_notice(struct rig_end *end);

/* The next handshake message that came among data; waits for it. The caller frees it. */
struct batch *rig_await_handshake(struct rig_end *end);

/* The next life sign of @ring; waits for it. @taken as of signs_take(). */
struct life_sign rig_await_sign(struct sign_ring *ring, uint32_t *taken);

/* How many batches can be taken. */
unsigned rig_pool_count(struct batch_pool *pool);

/* So many packets were dropped for @reason and for no other; DROP_REASON_COUNT: none at all. */
void rig_expect_drops(const struct rig_end *end, enum drop_reason reason, uint64_t count);

/* After engine_stop(): every batch is home. */
void rig_expect_all_home(struct rig_end *end);

/* After engine_stop(), and when its peers and keypairs were put. */
void rig_destroy(struct rig_end *end);

/* Writes a packet as the kernel would; false when the device's queue is full. */
bool rig_write(struct rig_end *end, const uint8_t *packet, size_t len);

/* The next packet delivered; waits for it. */
size_t rig_read(struct rig_end *end, uint8_t packet[static RIG_DATAGRAM]);

/* ---- peers, keypairs, tables ---- */

/* A keypair of @peer that the engine knows; one reference is the test's. */
struct keypair *rig_keypair(struct rig_end *end, struct dp_peer *peer, bool is_initiator,
                            uint32_t local_index, uint32_t remote_index, uint64_t born_ns);

/* To seal with from now on; NULL: none. */
void rig_use_keypair(struct dp_peer *peer, struct keypair *kp);

/* Lets go of a keypair; after engine_stop() ours must be the last reference. */
void rig_drop_keypair(struct rig_end *end, struct keypair *kp);

/* Takes everything from a peer; @kp is its current keypair or NULL. After engine_stop(). */
void rig_strip_peer(struct rig_end *end, struct dp_peer *peer, struct keypair *kp);

/* After rig_destroy(): ours must be the last reference. */
void rig_put_peer(struct dp_peer *peer);

/* The end of a test with one engine, one peer with one keypair, and @count far sockets. */
void rig_finish(struct rig_end *end, struct dp_peer *peer, struct keypair *kp, const int *far,
                unsigned count);

/* @count hosts from @host on belong to the peers in @peer. */
void rig_publish_allowedips(struct rig_end *end, struct dp_peer *const *peer, unsigned host,
                            unsigned count);

/* Path @path_id leads over link @link_id to @remote. */
void rig_publish_target(struct rig_end *end, struct dp_peer *peer, unsigned path_id,
                        unsigned link_id, const struct endpoint *remote);

/* The paths 0 .. @count - 1 with @weight, or 1 each when NULL. */
void rig_publish_paths(struct dp_peer *peer, enum bonding_mode mode, unsigned count,
                       const uint32_t *weight);

/* ---- a peer played by the test: a bare socket and the keys ---- */

/* Bound to @host of loopback; its address goes to @ret. */
int rig_far_socket(const char *host, struct endpoint *ret);

/* A datagram to the keypair of @local_index (of the engine's side). Returns its length. */
size_t rig_seal(uint8_t *datagram, uint32_t local_index, uint64_t counter, const void *payload,
                size_t len);

/* All of it must be taken. */
void rig_send(int fd, const struct endpoint *to, const uint8_t *datagram, size_t len);

/* The payload of the next datagram at @fd, which the engine sealed for @remote_index; waits for it.
 * Returns its length.
 */
size_t rig_unseal(int fd, uint32_t remote_index, uint64_t *ret_counter,
                  uint8_t payload[static RIG_DATAGRAM]);

#endif
