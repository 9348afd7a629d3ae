/* SPDX-License-Identifier: MIT */
/* limits.h - protocol constants and our own maxima, agreed on by every room.
 *
 * WireGuard's constants keep the whitepaper's spelling (section 6.1); times are in nanoseconds of
 * CLOCK_BOOTTIME. Ours follow below with the reason for each figure.
 */
#ifndef VTRUNKD_LIMITS_H
#define VTRUNKD_LIMITS_H

#include <stdint.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull
#define NEVER_NS  UINT64_MAX /* a deadline that is not set */

#define REKEY_AFTER_TIME        (120 * NS_PER_S) /* the initiator makes a new session, on sending */
#define REJECT_AFTER_TIME       (180 * NS_PER_S) /* a keypair neither sends nor receives any more */
#define REKEY_TIMEOUT           (5 * NS_PER_S)   /* distance between two initiations to one peer */
#define KEEPALIVE_TIMEOUT       (10 * NS_PER_S)  /* data heard, nothing sent since: say so */
#define REKEY_ATTEMPT_TIME      (90 * NS_PER_S)  /* give up initiating, drop what was staged */
#define MAX_TIMER_HANDSHAKES    (REKEY_ATTEMPT_TIME / REKEY_TIMEOUT)
#define TIMER_JITTER_NS         (333 * NS_PER_MS) /* the most that is added to a retry, at random */
#define COOKIE_SECRET_TIME      (120 * NS_PER_S)  /* life of the secret behind our cookies */
#define COOKIE_LATENCY          (5 * NS_PER_S)  /* so much shorter than it lives a cookie is used */
#define INITIATIONS_PER_PEER_NS (NS_PER_S / 50) /* least distance of two accepted initiations */

/* A lane's counter is 56 bits wide, so the whitepaper's 2^60 and 2^64 - 2^13 - 1 become these. A
 * stock peer has lane 0 alone and sees limits that are merely stricter than its own.
 */
#define LANE_SHIFT            56
#define REKEY_AFTER_MESSAGES  (1ull << 48)
#define REJECT_AFTER_MESSAGES ((1ull << LANE_SHIFT) - (1ull << 17))

#define REPLAY_BITS_STOCK   (1u << 13) /* the kernel's window: enough for one path */
#define REPLAY_BITS_BONDED  (1u << 17) /* 1.5 s of 1 Gbit/s in full packets */
#define REPLAY_BITS_CONTROL (1u << 8)  /* control frames of one path hardly overtake each other */

#define LINKS_MAX       16u /* control lanes 16 .. 31 and the link mask of HELLO */
#define LINK_FAMILIES   2u  /* a link has a pair of sockets for IPv4 and one for IPv6 */
#define LINK_PAIRS_MAX  (LINKS_MAX * LINK_FAMILIES)
#define PATHS_MAX       16u /* per peer; a path id has four bits */
#define PEERS_MAX       4096u
#define ALLOWED_IPS_MAX 131072u /* prefixes in one configuration */
#define BATCH_MAX       64u     /* packets in a batch: UDP_SEGMENT takes no more segments */
#define STAGED_MAX      128u    /* packets kept per peer until a session exists, as in the kernel */
#define NAME_LEN        32u     /* of a link or a peer, with the terminating zero */
#define INNER_MTU_MAX   65535u
#define CLASSES_MAX     64u /* of traffic, in one configuration */
#define CLASS_PORTS_MAX 16u /* of one of them */
#define UDP_PAYLOAD_MAX 65507u

#endif
