/* SPDX-License-Identifier: MIT */
/* engine_private.h - the engine as the files of this room see it. */
#ifndef DATAPLANE_ENGINE_PRIVATE_H
#define DATAPLANE_ENGINE_PRIVATE_H

#include "base/rcu.h"

#include "base/thread.h"
#include "dataplane/engine.h"
#include "dataplane/loop_guard.h"
#include "dataplane/mailbox.h"
#include "dataplane/outbound.h"
#include "dataplane/self.h"
#include "dataplane/work.h"

/* The longest packet that the kernel makes of several unless an administrator asks for more. */
#define SUPER_PACKET_BYTES_MAX 65536u

/* A dispatcher: reads one queue of the TUN device, self.id. [T] unless said otherwise. */
struct dispatcher {
	struct dp_thread self;
	struct thread thread;     /* [C] */
	struct engine *engine;    /* [I] whose links the first one watches */
	struct loop_guard *loop_guard; /* [I] */
	uint32_t slot_bytes;           /* [I] of every pool */
	unsigned busy_poll_us;         /* [I] how long it looks for work before it sleeps */
	int kick_fd;              /* [I] eventfd: kicks wait, or the end */
	_Atomic bool is_stopping; /* [A] */
	struct round round;       /* peers with packets not yet submitted */
	unsigned failed_reads;    /* of the device, without one between that did not fail */
	uint8_t *packet;          /* SUPER_PACKET_BYTES_MAX: what is read lands here */
	uint8_t *segment;         /* slot_bytes: one packet of it, on its way to be staged */
	struct staging staging;   /* of all peers */

	_Alignas(CACHE_LINE) struct cds_wfcq_tail kick_tail; /* [A] control pushes */
	struct __cds_wfcq_head kick_head;                    /* [T] */
};

/*   [I] set before threads start   [U] RCU pointer   [C] control   [A] any thread */
struct engine {
	struct engine_settings set;    /* [I] */
	struct dp_tables tables;       /* see self.h */
	struct link link[LINK_PAIRS_MAX]; /* see link.h */
	struct loop_guard loop_guard;     /* see loop_guard.h */
	struct work work;                 /* [I] the workers */
	struct dispatcher *dispatcher; /* [I] one for each queue of the device */
	struct dp_thread control;      /* [C] the control thread when it sends */
	uint32_t slot_bytes;           /* [I] of every pool */

	_Atomic bool has_watch;   /* [A] there is a dispatcher that polls links, see watch.h */
	_Atomic uint32_t watched; /* [A] one bit for each link that it has at present */
	struct mailbox mailbox;   /* see mailbox.h */
};

/* link_rx.c: what a link needs to receive, beside its struct dp_thread. Returns 0 or -ENOMEM. */
int link_rx_init(struct link *link);
void link_rx_fini(struct link *link);

/* link_rx.c: receives from a link that the watch has, which may give it back to its RX thread. */
void link_rx_stand_in(struct link *link);

/* Threads' main functions; @arg is the object. */
void dispatcher_main(void *arg);

#endif
