/* SPDX-License-Identifier: MIT */
/* peer_probes.h - finding out whether the paths of a bonded peer live, and forgetting those that do
 * not.
 *
 * Control thread.
 */
#ifndef CONTROL_PEER_PROBES_H
#define CONTROL_PEER_PROBES_H

#include "control/peer.h"

/* Probes that are due, verdicts on those overdue; returns when to come back. */
uint64_t peer_paths_service(struct peer *peer, uint64_t now_ns);

#endif
