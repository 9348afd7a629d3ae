/* SPDX-License-Identifier: MIT */
/* changes_rig.h - a daemon that runs, with engine and threads, to be led from one configuration to
 * another.
 *
 * It begins with one link, "dsl", and one peer, "a", who is looked for at a socket of the test and
 * never answers.
 */
#ifndef TESTS_CONTROL_CHANGES_RIG_H
#define TESTS_CONTROL_CHANGES_RIG_H

#include "control/changes.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "../config/desired_rig.h"
#include "control/gate.h"
#include "dataplane/engine_private.h"
#include "dataplane/publish.h"
#include "peer_rig.h"

#define DSL "{name: dsl, bind: \"127.0.0.1:0\"}"
#define LTE "{name: lte, bind: \"127.0.0.1:0\"}"
#define A   "{name: a, public_key: \"" KEY_A "\", allowed_ips: [10.0.0.1/32]%s}"
#define B   "{name: b, public_key: \"" KEY_B "\", allowed_ips: [10.0.0.2/32]}"
#define C   "{name: c, public_key: \"" KEY_C "\", allowed_ips: [10.0.0.3/32]}"

extern struct control control;
extern struct endpoint far_at;
extern char at_far[256];          /* peer a, which is at @far_at over every link */
extern char why[CHANGES_WHY_LEN]; /* the last list could not be followed */

/* For the .init and .fini of a suite. */
void changes_rig_start(void);
void changes_rig_stop(void);

int lead_to(const char *links, const char *peers);
struct peer *peer_called(const char *name);

/* Who gets packets to 10.0.0.@host. */
struct dp_peer *owner_of(uint8_t host);

/* Whether one comes to @far_at within a second. */
bool hears_initiation(void);

unsigned paths_over(const struct peer *peer, const char *link);

#endif
