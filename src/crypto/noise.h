/* SPDX-License-Identifier: MIT */
/* noise.h - Noise_IKpsk2 as WireGuard speaks it: create and consume the two handshake messages.
 *
 *   initiator                                    responder
 *   noise_create_initiation()   -- 148 bytes -->  noise_open_initiation()     whose is it?
 *                                                 noise_accept_initiation()   with that peer's keys
 *   noise_consume_response()    <-- 92 bytes --   noise_create_response()
 *   noise_split()                                 noise_split()
 *
 * Pure computation: no socket, clock, random source or peer table; ephemeral keys, time stamps and
 * indices are arguments. MACs are cookie.h's. Whether a time stamp is new enough is the caller's
 * decision, made before it stores anything. Every function that fails leaves its outputs wiped or
 * untouched. Source: whitepaper 5.4.2 to 5.4.5, Noise revision 34.
 */
#ifndef CRYPTO_NOISE_H
#define CRYPTO_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "vtrunkd/wire.h"

/* Our static key. Lives in secret memory. */
struct noise_identity {
	uint8_t private_key[KEY_LEN]; /* clamped */
	uint8_t public_key[KEY_LEN];
};

/* What we know of one peer for ever. Lives in secret memory. */
struct noise_remote {
	uint8_t public_key[KEY_LEN];
	uint8_t preshared_key[KEY_LEN]; /* zero: none */
	uint8_t static_static[KEY_LEN]; /* DH of the two static keys */
	bool is_usable;                 /* false when that DH is zero: never speak to it */
};

/* One handshake on its way. Lives in secret memory; wiped by noise_split(). */
struct noise_handshake {
	uint8_t hash[HASH_LEN];
	uint8_t chain[HASH_LEN];
	uint8_t ephemeral_private[KEY_LEN]; /* ours; initiator only */
	uint8_t ephemeral_remote[KEY_LEN];  /* theirs; responder only */
	uint32_t local_index;
	uint32_t remote_index;
};

/* An initiation whose sender is known but not yet proved new. */
struct noise_initiation {
	struct noise_handshake handshake;
	uint8_t public_key[KEY_LEN]; /* who says to have sent it */
};

void noise_identity_init(struct noise_identity *self, const uint8_t private_key[static KEY_LEN]);

/* @preshared_key NULL: none. */
void noise_remote_init(struct noise_remote *remote, const struct noise_identity *self,
                       const uint8_t public_key[static KEY_LEN], const uint8_t *preshared_key);

/* For the messages that are created and consumed from now on. @preshared_key NULL: none. */
void noise_remote_set_preshared_key(struct noise_remote *remote, const uint8_t *preshared_key);

/* Fills @msg but for its MACs. @ephemeral is a fresh random private key. Returns 0, or
 * -EKEYREJECTED when the peer's key is of low order.
 */
int noise_create_initiation(struct noise_handshake *hs, const struct noise_identity *self,
                            const struct noise_remote *remote,
                            const uint8_t ephemeral[static KEY_LEN],
                            const uint8_t timestamp[static TAI64N_LEN], uint32_t local_index,
                            struct message_initiation *msg);

/* First half: decrypts the sender's static key. Costs one DH. Returns 0, -EKEYREJECTED (low order)
 * or -EBADMSG (not for us, or forged).
 */
int noise_open_initiation(struct noise_initiation *ret, const struct noise_identity *self,
                          const struct message_initiation *msg);

/* Second half, with the keys of the peer that the first half named: proves the sender and gives the
 * time stamp. Returns 0, -EKEYREJECTED or -EBADMSG.
 */
int noise_accept_initiation(struct noise_initiation *init, const struct noise_remote *remote,
                            const struct message_initiation *msg,
                            uint8_t ret_timestamp[static TAI64N_LEN]);

/* @hs as accepted; fills @msg but for its MACs. Returns 0 or -EKEYREJECTED. */
int noise_create_response(struct noise_handshake *hs, const struct noise_remote *remote,
                          const uint8_t ephemeral[static KEY_LEN], uint32_t local_index,
                          struct message_response *msg);

/* @hs as created; unchanged unless 0 is returned, so that a forged response harms nothing. Returns
 * 0, -EKEYREJECTED or -EBADMSG.
 */
int noise_consume_response(struct noise_handshake *hs, const struct noise_identity *self,
                           const struct noise_remote *remote, const struct message_response *msg);

/* The two transport keys; wipes @hs. Whitepaper 5.4.5. */
void noise_split(struct noise_handshake *hs, bool is_initiator, uint8_t ret_send[static KEY_LEN],
                 uint8_t ret_receive[static KEY_LEN]);

/* TAI64N of a wall time (seconds and nanoseconds), the nanoseconds rounded down to a multiple of
 * 2^24 as the kernel does, then @low24 put into the bits that are free.
 */
void noise_timestamp(uint8_t out[static TAI64N_LEN], uint64_t unix_s, uint32_t ns, uint32_t low24);

/* The low 24 bits of the nanoseconds: BONDING_MARKER from another vtrunkd. */
uint32_t noise_timestamp_low24(const uint8_t timestamp[static TAI64N_LEN]);

#endif
