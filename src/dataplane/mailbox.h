/* SPDX-License-Identifier: MIT */
/* mailbox.h - what the threads of the data plane tell control: two bells, three queues, three
 * words.
 *
 *   events      a peer has news: bits in dp_peer.events; it is queued once whatever happens
 *   notices     frames that came in, or an address that moved: batches, bounded per peer and in all
 *   handshakes  messages that came among data: batches, bounded, since strangers can send them at
 *               will; with a bell of their own, for the thread that reads the handshake sockets
 *
 * and what became of the TUN device. Nobody waits: what is beyond a bound is dropped and counted.
 *
 *   [I] set by mailbox_init()   [A] any thread   [C] control   [H] who reads the handshake sockets
 */
#ifndef DATAPLANE_MAILBOX_H
#define DATAPLANE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <urcu/wfcqueue.h>

#include "base/align.h"
#include "base/bell.h"
#include "dataplane/batch.h"
#include "dataplane/self.h"

/* Notices that wait for control; more are dropped and counted. Well below what the pool of an RX
 * thread or worker holds, so that a control thread that is busy (or joining threads) never stops
 * reception or answers.
 */
#define NOTICES_MAX 64u

/* Of them at most so many are of one peer: HELLO and its answer, a challenge, a response, or where
 * a plain peer is. Life signs take no notice (signs.h), so an honest peer rarely has two waiting.
 */
#define NOTICES_PER_PEER 4u

/* Handshake messages that came among data and wait for their reader: strangers can send them at
 * will.
 */
#define HANDSHAKES_MAX 16u

struct mailbox {
	_Atomic int tun_error;      /* [A] with which the TUN device failed for good; 0: it works */
	_Atomic int tun_read_error; /* [A] of a read that may not fail the next time; 0: none */
	_Atomic bool has_refused_joined; /* [A] the TUN device refused packets joined for it */
	bool is_refusal_told;            /* [C] of has_refused_joined */

	_Alignas(CACHE_LINE) struct bell bell;                    /* [A] wakes control */
	struct cds_wfcq_tail peer_tail;                           /* [A] */
	struct __cds_wfcq_head peer_head;                         /* [C] */
	_Alignas(CACHE_LINE) struct cds_wfcq_tail notice_tail;    /* [A] */
	struct __cds_wfcq_head notice_head;                       /* [C] */
	_Atomic unsigned notices;                                 /* [A] waiting */
	_Alignas(CACHE_LINE) struct cds_wfcq_tail handshake_tail; /* [A] */
	struct __cds_wfcq_head handshake_head;                    /* [H] */
	_Atomic unsigned handshakes;                              /* [A] waiting */
	struct bell handshake_bell;                               /* [A] wakes [H] */
};

/* Returns 0 or a negative errno; mailbox_fini() is for both, and for one that has but
 * @bell.fd -1.
 */
int mailbox_init(struct mailbox *box);

/* Puts what was told and nobody came to. When no thread tells any more. */
void mailbox_fini(struct mailbox *box);

/* ---- any thread, RCU registered ---- */

/* Adds to what control is to know of @peer (enum peer_event). */
void mailbox_tell(struct dp_peer *peer, unsigned events);

/* Take over @b; drop it, counted for @self, when control is too far behind. */
void mailbox_post_notice(struct dp_thread *self, struct batch *b);
void mailbox_post_handshake(struct dp_thread *self, struct batch *b);

/* Wakes control. */
void mailbox_wake(struct mailbox *box);

/* The TUN device: it failed for good with errno @error; a read of it failed; it refused joined
 * packets.
 */
void mailbox_tun_failed(struct mailbox *box, int error);
void mailbox_tun_read_failed(struct mailbox *box, int error);
void mailbox_joined_refused(struct mailbox *box);

/* The errno of mailbox_tun_failed(), or 0. */
int mailbox_tun_error(const struct mailbox *box);

/* ---- control; see engine.h for what each gives ---- */

void mailbox_begin(struct mailbox *box);
struct dp_peer *mailbox_take_event(struct mailbox *box, unsigned *ret_events);
struct batch *mailbox_take_notice(struct mailbox *box);
int mailbox_take_tun_read_error(struct mailbox *box);
bool mailbox_take_refused_joined(struct mailbox *box);

/* ---- who reads the handshake sockets; see handshake_reader.h ---- */

void mailbox_begin_handshakes(struct mailbox *box);
struct batch *mailbox_take_handshake(struct mailbox *box);
void mailbox_wake_handshakes(struct mailbox *box);

#endif
