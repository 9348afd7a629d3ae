/* SPDX-License-Identifier: MIT */
/* changes_peers.h - the operations of a list of changes that are about peers (changes.h).
 *
 * What needs memory is readied: a peer that comes is made whole, and is found by nobody until its
 * operation is done. Control thread.
 */
#ifndef CONTROL_CHANGES_PEERS_H
#define CONTROL_CHANGES_PEERS_H

#include "control/reconcile.h"

RECONCILE_READY(change_ready_peer);
RECONCILE_STEP(change_drop_peer);
RECONCILE_STEP(change_add_peer);

/* It says goodbye and takes no part any more, and is let go when nobody finds it by the allowed
 * IPs.
 */
RECONCILE_STEP(change_remove_peer);

#endif
