/* SPDX-License-Identifier: MIT */
/* links_rig.h - the links and a peer of a test's configuration, as a start adds them. */
#ifndef TESTS_CONTROL_LINKS_RIG_H
#define TESTS_CONTROL_LINKS_RIG_H

#include "control/control.h"
#include "control/gate.h"

/* All links of @wanted. */
void make_links(struct control *control, const struct desired *wanted);

/* A peer with the settings of @config, as of peer_create(); it has the next free id. */
int make_peer(struct control *control, const struct desired *wanted,
              const struct desired_peer *config, struct peer **ret);

#endif
