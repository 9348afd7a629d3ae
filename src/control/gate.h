/* SPDX-License-Identifier: MIT */
/* gate.h - the way in for handshake messages, which is shut while their budget is used up.
 *
 * Shut, their sockets are not watched and those that came among data are not taken: they wait there, up
 * to what the sockets' buffers and the engine's queue hold, and the kernel drops the rest at no cost of
 * ours. Probes, timers and people have the thread to themselves meanwhile.
 *
 * Whoever takes messages does it so, and goes on with gate_may_go_on() every few of them:
 *
 *      if (gate_enter(control, now_ns)) {
 *              ...
 *              gate_leave(control, now_ns);
 *      }
 *
 * Control thread.
 */
#ifndef CONTROL_GATE_H
#define CONTROL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline.h"
#include "control/budget.h"

struct control;

struct gate {
	struct budget budget;
	struct deadline reopen; /* set while shut */
	uint64_t cpu_ns;        /* the thread's processor time when it was charged last */
	uint64_t shut_count;    /* how often it was shut */
};

void gate_init(struct gate *gate);

/* Whether messages may be taken now; then their cost is counted from here on. */
bool gate_enter(struct control *control, uint64_t now_ns);

/* Charges what was used since; whether there is more. */
bool gate_may_go_on(struct control *control, uint64_t now_ns);

/* The end of what gate_enter() began: charges, and shuts the gate where the budget is used up. */
void gate_leave(struct control *control, uint64_t now_ns);

bool gate_is_shut(const struct gate *gate);

#endif
