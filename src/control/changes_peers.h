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

/* ---- of a peer that goes on ---- */

RECONCILE_STEP(change_peer_name);
RECONCILE_STEP(change_peer_mode); /* the tables of paths have it too */
RECONCILE_STEP(change_peer_keepalive);

/* As in WireGuard the session goes on; beside it one is begun under the new key. */
RECONCILE_STEP(change_peer_preshared_key);

/* Readied and taken as all that the peer has in the wanted state, by the first of its operations of
 * these kinds.
 */
RECONCILE_READY(change_ready_allowed_ips);
RECONCILE_STEP(change_drop_allowed_ips);
RECONCILE_STEP(change_take_allowed_ips);

/* Paths follow when the list is done. */
RECONCILE_READY(change_ready_endpoint);
RECONCILE_STEP(change_add_endpoint);
RECONCILE_STEP(change_remove_endpoint);

#endif
