/* SPDX-License-Identifier: MIT */
/* peer_case.h - the rig of peer_rig.h as most tests about a peer begin, and what they say to it. */
#ifndef TEST_PEER_CASE_H
#define TEST_PEER_CASE_H

#include "peer_rig.h"

extern struct peer_rig rig;
extern const uint8_t boot_id[8]; /* of the other side, in bonded() */

/* For the .init and .fini of a suite. */
void case_setup(void);
void case_teardown(void);

/* What left over @link; the test fails when nothing did. */
struct message_initiation sent_initiation(unsigned link);

/* The other side, when it has @id, says that it stops; that it answers our HELLO. */
struct frame_goodbye goodbye(const uint8_t id[8]);
void greet(struct keypair *kp, const uint8_t id[8]);

/* A bonded session that the peer began, over two paths. */
struct keypair *bonded(void);

/* The same; both paths are up. Returns the one over link 0. */
struct path *bonded_and_up(void);

/* The path over @link to the peer's end of it; NULL: there is none. */
struct path *origin(unsigned link);

/* A probe of it was answered. */
void bring_up(struct path *path);

/* The first copy came over link 0; then somebody repeats it from forged addresses. */
void repeat_from_elsewhere(void);

#endif
