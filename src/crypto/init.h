/* SPDX-License-Identifier: MIT */
/* init.h - the one call that readies the room: random numbers, libsodium, and answers that are
 * known.
 *
 * Nothing else of the room may be used before it, nor after it failed.
 */
#ifndef CRYPTO_INIT_H
#define CRYPTO_INIT_H

/* Waits for the system's random numbers, starts libsodium and runs known answers (RFC 7693, 7748,
 * 8439, the XChaCha draft) through every primitive; a build that computes wrong must not run.
 * Returns 0, or -EIO when libsodium or an answer failed. Threads: before any other is started.
 */
int crypto_init(void);

#endif
