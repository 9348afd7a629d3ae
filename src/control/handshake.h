/* SPDX-License-Identifier: MIT */
/* handshake.h - our attempt to make a session: the initiation that waits for its answer, and when
 * there is to be another (whitepaper 5.4.2, 6.4).
 *
 * An initiation goes over every path that may work, the same bytes but for its MACs; which were
 * tried is kept here, so that one that opens later gets it too. Unless the peer is known to be a
 * vtrunkd, copies leave INITIATION_COPY_NS apart and none after the answer: WireGuard
 * implementations that work on handshakes in several threads check for replays before they write
 * down the newest time, so of copies that come together they answer two, and what is sent under the
 * first answer is lost until silence is noticed. Spaced copies can still come together, so a second
 * answer has the session made anew.
 *
 * A series of attempts grows slower up to REKEY_TIMEOUT, with a little chance in it so that many
 * that lost the same peer do not all come back at once, and each attempt begins with another path
 * than the one before: a responder that answers only the first copy to come shall not answer into
 * the same dead link each time.
 *
 * Whoever asks sends the messages and knows what follows. Control thread.
 */
#ifndef CONTROL_HANDSHAKE_H
#define CONTROL_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/effects.h"
#include "crypto/noise.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

/* Longer than a message is worked on, shorter than a round trip over most lines. */
#define INITIATION_COPY_NS (3 * NS_PER_MS)

struct handshake {
	struct effects *fx;
	void *owner;                   /* of the indices that are reserved */
	struct noise_handshake *noise; /* secret memory */
	bool is_pending;               /* an initiation of ours waits for its response */
	unsigned attempts;             /* initiations in this series */
	uint64_t sent_ns;              /* newest initiation or response of ours; 0 never */
	uint64_t retry_ns;             /* when the next one is due; NEVER_NS none */
	uint64_t pause_ns; /* least time between two of them: REKEY_TIMEOUT, less after a goodbye */
	uint64_t copy_ns;  /* the next copy of the pending one does not leave before */
	uint64_t doubted_ns; /* when handshake_doubt() planned an attempt; 0 never */
	unsigned first_path; /* where the next series of copies begins: ids from this one on */

	/* Mask of those where the pending one was tried at the present address; the last one, if it
	 * could not be sent at all.
	 */
	uint16_t tried_paths;
	uint8_t newest_timestamp[TAI64N_LEN]; /* of ours: never goes back in this run */
	struct message_initiation initiation; /* the pending one, but for its MACs */
};

/* Returns 0 or -ENOMEM. */
int handshake_init(struct handshake *hs, struct effects *fx, void *owner);

/* Forgets the attempt and wipes it. All zero is allowed. */
void handshake_fini(struct handshake *hs);

/* Whether it is too early for another initiation at @now_ns; then it is put off until it is time.
 */
bool handshake_is_too_early(struct handshake *hs, uint64_t now_ns);

/* A new initiation in place of the pending one: retries are never copies of the one before. 0 or a
 * negative errno; then none is pending.
 */
int handshake_create(struct handshake *hs, const struct noise_identity *identity,
                     const struct noise_remote *remote, bool with_marker);

/* The path to try as the @k-th, 0 .. PATHS_MAX - 1. */
unsigned handshake_path(const struct handshake *hs, unsigned k);

/* True when the pending initiation was not tried on path @id: now it was. */
bool handshake_try(struct handshake *hs, unsigned id);

/* A copy has left just now: the next one is to wait. */
void handshake_space_copies(struct handshake *hs);

/* An answer came that is another than the one that made the session: the peer, see above, may know
 * that session no more. Plans an attempt, in a moment and at most once in REKEY_TIMEOUT, whatever
 * comes. True when it did.
 */
bool handshake_doubt(struct handshake *hs, uint64_t now_ns);

/* Path @id leads elsewhere now. */
void handshake_forget_try(struct handshake *hs, unsigned id);

/* The initiation is out: rotates the paths and sets the next retry. */
void handshake_went_out(struct handshake *hs, uint64_t now_ns);

/* It could not be made or sent: @retry_ns is when to try again. Which paths refused it stays known.
 */
void handshake_put_off(struct handshake *hs, uint64_t retry_ns);

/* The response to the pending one: on 0 its keys are in hs->noise, and its index is the caller's.
 * Otherwise a negative errno, and it goes on to wait.
 */
int handshake_consume(struct handshake *hs, const struct noise_identity *identity,
                      const struct noise_remote *remote, const struct message_response *msg);

/* Forgets the pending initiation, if any, and ends the series. */
void handshake_abandon(struct handshake *hs);

/* The peer has said goodbye and, we hope, is back soon: tries it in a moment, then in growing
 * intervals.
 */
void handshake_expect_return(struct handshake *hs, uint64_t now_ns);

#endif
