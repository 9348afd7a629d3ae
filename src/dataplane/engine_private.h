/* SPDX-License-Identifier: MIT */
/* engine_private.h - the engine as the files of this room see it. */
#ifndef DATAPLANE_ENGINE_PRIVATE_H
#define DATAPLANE_ENGINE_PRIVATE_H

#include "base/rcu.h"

#include "dataplane/dispatcher.h"
#include "dataplane/engine_settings.h"
#include "dataplane/link.h"
#include "dataplane/loop_guard.h"
#include "dataplane/mailbox.h"
#include "dataplane/quiet_links.h"
#include "dataplane/self.h"
#include "dataplane/work.h"

/*   [I] set before threads start   [U] RCU pointer   [C] control   [A] any thread
 *   [H] who reads the handshake sockets
 */
struct engine {
	struct engine_settings set;       /* [I] */
	struct dp_tables tables;          /* see self.h */
	struct link link[LINK_PAIRS_MAX]; /* see link.h */
	struct loop_guard loop_guard;     /* see loop_guard.h */
	struct work work;                 /* [I] the workers */
	struct dispatcher *dispatcher;    /* [I] one for each queue of the device */
	struct dp_thread control;         /* [C] the control thread when it sends */
	struct dp_thread
		handshakes;  /* [H] who reads the handshake sockets, when data comes there */
	uint32_t slot_bytes; /* [I] of every pool */

	struct quiet_links quiet; /* see quiet_links.h */
	struct mailbox mailbox;   /* see mailbox.h */
};

#endif
