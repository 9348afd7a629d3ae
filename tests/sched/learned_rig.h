/* SPDX-License-Identifier: MIT */
/* learned_rig.h - a sender with two paths of known rates and delays, for tests of what it does by
 * what it has learned.
 *
 * rig_begin() and rig_end() around each test. One thread.
 */
#ifndef TESTS_SCHED_LEARNED_RIG_H
#define TESTS_SCHED_LEARNED_RIG_H

#include "sched/sender.h"

#define RIG_START_NS (1000 * NS_PER_S)
#define PACKET       1400u
#define FAST         2u /* 100 Mbit/s, 10 ms */
#define SLOW         3u /* 30 Mbit/s, 60 ms */
#define KEY          9u
#define RIG_TICKETS  4096u /* that may wait at once */

extern struct sender sender;
extern struct path_table table; /* aggregate, of both */
extern struct sender_facts facts;
extern uint64_t now_ns;

void rig_begin(void);
void rig_end(void);

/* The path has this rate and delay, as is known well. */
void rig_know(uint8_t path_id, uint64_t mbps, int64_t delay_ms);

/* Packets of PACKET bytes. The ticket is the rig's. */
struct send_ticket *rig_offer_one(bool is_urgent);
void rig_offer(unsigned packets, bool is_urgent);

/* Sends the next run; false: there is none now. */
bool rig_send(struct send_run *run);

/* How many packets go over @path_id until nothing may go now. */
unsigned rig_send_all(uint8_t path_id);

#endif
