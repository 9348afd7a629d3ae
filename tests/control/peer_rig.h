/* SPDX-License-Identifier: MIT */
/* peer_rig.h - one peer as the control thread knows it, without threads and without a network.
 *
 * Its engine has no thread running; its links are bound to loopback, each endpoint of the peer is a
 * socket of the test, so what leaves can be looked at. Handshakes and frames of the other side are
 * made by hand. Time is an argument: NOW and what the test adds to it. Only what the data plane
 * looks at itself, the age of a keypair when a frame is sealed, goes by the real clock.
 */
#ifndef TEST_PEER_RIG_H
#define TEST_PEER_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "control/conductor.h"
#include "control/control.h"
#include "control/peer_endpoints.h"
#include "control/peer_frames.h"
#include "control/peer_handshake.h"
#include "control/peer_links.h"
#include "control/peer_paths.h"
#include "control/peer_probes.h"
#include "control/peer_session.h"
#include "control/peer_table.h"
#include "control/peer_timers.h"
#include "control/peer_verdict.h"
#include "crypto/aead.h"
#include "crypto/init.h"
#include "crypto/secret.h"
#include "links_rig.h"
#include "strangers_rig.h"

#define RIG_LINKS 2u

struct peer_rig {
	struct control control;
	struct desired config;
	struct desired_link links[RIG_LINKS];
	struct desired_peer config_peer;
	struct desired_endpoint endpoints[RIG_LINKS]; /* one over each link */
	char address[RIG_LINKS][ENDPOINT_TEXT_LEN];
	struct peer *peer, *peers[1];
	int tun[2];
	int remote_fd[RIG_LINKS]; /* the peer's end of each link */
	struct endpoint remote[RIG_LINKS];
	struct strangers strangers;  /* in place of the gate */
	struct noise_identity other; /* the peer's keys */
	struct noise_remote us;      /* and what it knows of ours */
	struct batch_pool pool;      /* of notices */
	uint64_t now_ns;
};

/* For the .init and .fini of a suite. The calling thread is registered with RCU in between. */
void rig_open(struct peer_rig *rig);
void rig_close(struct peer_rig *rig);

/* A socket like those of the peer's ends, for a further one; its address goes to @ret. */
int rig_socket(struct endpoint *ret);

/* The sockets of link @i, and the way over it to the peer's end. */
struct uplink_pair *rig_pair(struct peer_rig *rig, unsigned i);
struct route rig_route(const struct peer_rig *rig, unsigned i);

/* A handshake message came over @route. */
void rig_take(struct peer_rig *rig, const struct route *route, const void *msg, size_t len,
              uint64_t now_ns);

/* A configured path over link @i. */
struct path *rig_path(struct peer_rig *rig, unsigned i);

/* The next message of @type that came to the peer's end of link @i; false when there is none. */
bool rig_sent(struct peer_rig *rig, unsigned i, uint8_t type, void *ret, size_t len);

/* A session right after a handshake in which we had the given role. */
struct keypair *rig_begin(struct peer_rig *rig, bool is_initiator, bool marker, unsigned link);

/* The same, confirmed. */
struct keypair *rig_session(struct peer_rig *rig, bool is_initiator, bool marker, unsigned link);

/* What the data plane tells when one frame came under @kp over link @i from the peer's end. The
 * caller frees it.
 */
struct batch *rig_notice(struct peer_rig *rig, struct keypair *kp, unsigned i, unsigned path_id,
                         enum frame_type type, const void *body, size_t len);

/* The same, taken. */
void rig_frame(struct peer_rig *rig, struct keypair *kp, unsigned i, unsigned path_id,
               enum frame_type type, const void *body, size_t len);

#endif
