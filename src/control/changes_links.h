/* SPDX-License-Identifier: MIT */
/* changes_links.h - the operations of a list of changes that are about links (changes.h).
 *
 * None of them can fail: what cannot be opened waits, and is tried again. Control thread.
 */
#ifndef CONTROL_CHANGES_LINKS_H
#define CONTROL_CHANGES_LINKS_H

#include "control/reconcile.h"

RECONCILE_STEP(change_add_link); /* nothing of it is opened yet */
RECONCILE_STEP(change_remove_link);
RECONCILE_STEP(change_link_wishes); /* the tables of paths have them too, and peers are told */

/* Bound, tied to a device or marked otherwise: closed, and opened again when the list is done. */
RECONCILE_STEP(change_link_line);

#endif
