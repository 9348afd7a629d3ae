/* SPDX-License-Identifier: MIT */
/* reorder_rig.h - one peer's packets that are put in order again: what was put in by hand, under
 * one of three keypairs, and what came out, whose bytes are looked at until they are flushed.
 */
#ifndef TEST_REORDER_RIG_H
#define TEST_REORDER_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "crypto/keypair.h"
#include "dataplane/batch.h"
#include "dataplane/reorder.h"
#include "sched/reseq.h"

#define PACKET_BYTES 1024u
#define NOW_NS       (1000 * NS_PER_S)
#define TAGS_MAX     (11 * REORDER_HELD_MAX)

extern struct keypair first_kp, second_kp, twin_kp; /* the last two were born at the same time */

extern struct reorder *reorder;
extern const struct reorder_sink reorder_sink;

extern uint32_t delivered[TAGS_MAX]; /* tags, in the order of delivery */
extern unsigned delivered_len;
extern unsigned kept_len; /* delivered and not yet flushed: the bytes must stay as they are */
extern unsigned flushes;

/* For the .init and .fini of a suite. */
void reorder_setup(void);
void reorder_teardown(void);

/* A packet's length and bytes follow from its tag, which it begins with. */
size_t len_of(uint32_t tag);
void make_packet(uint8_t *packet, uint32_t tag, size_t len);

/* The packet of @tag comes as number @seq over @path, at NOW_NS where no time is given. Over no
 * path that is known a gap waits for 5 ms, and no time passes here.
 */
void put_at(uint64_t now_ns, unsigned path, const struct keypair *kp, uint64_t seq, uint32_t tag);
void put_over(unsigned path, const struct keypair *kp, uint64_t seq, uint32_t tag);
void put(const struct keypair *kp, uint64_t seq, uint32_t tag);

/* Number @seq has no packet. */
void put_empty(const struct keypair *kp, uint64_t seq);

/* As reorder_run() does. */
uint64_t run_at(uint64_t now_ns);

/* What was delivered since it was asked last. */
void expect_delivered(unsigned len, const uint32_t *tags);

#define EXPECT_DELIVERED(...)                                                  \
	expect_delivered(sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
	                 (uint32_t[]){__VA_ARGS__})

#endif
