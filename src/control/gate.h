/* SPDX-License-Identifier: MIT */
/* gate.h - the thread that meets strangers: it reads handshake messages and does what must be done
 * before it is known whose they are (strangers.h), so that control, which keeps the state, has
 * nothing to do with those that prove nothing.
 *
 *      handshake sockets --\                          /--> cookie replies
 *                           >-- gate: strangers.h ---<
 *      messages among data-/                          \--> visitors.h --> control: admission.h
 *
 * What it may cost is bounded by a budget of processor time (budget.h), to which control adds what
 * those that came through cost there. When it is used up the gate is shut: sockets are not read and
 * messages among data not taken, they wait there, up to what the sockets' buffers and the engine's
 * queue hold, and the kernel drops the rest at no cost of ours. The same while control is behind
 * and the way to it full: so it is here that the queue is known, and decided when senders are asked
 * for cookies.
 *
 * It knows our static key and the engine, and no peer. Neither side waits for the other, but for
 * the end.
 */
#ifndef CONTROL_GATE_H
#define CONTROL_GATE_H

#include <stdint.h>

#include "control/doors.h"
#include "control/visitors.h"

struct engine;
struct gate;

/* With a copy of @identity. Returns 0 or a negative errno. Control, like all below. */
int gate_create(struct engine *engine, const struct noise_identity *identity, struct gate **ret);

/* Starts the thread. Returns 0 or a negative errno. */
int gate_start(struct gate *gate);

/* Our static key is this one from now on, of which it takes a copy. Returns 0 or -ENOMEM: then the
 * one before stays. Messages that were let in before were opened with that.
 */
int gate_renew(struct gate *gate, const struct noise_identity *identity);

/* Where it reads. */
struct doors *gate_doors(struct gate *gate);

/* Those that passed. */
struct visitors *gate_visitors(struct gate *gate);

/* They took @cpu_ns of control's processor time. */
void gate_charge(struct gate *gate, uint64_t cpu_ns);

/* How often it was shut for want of budget. Any thread. */
uint64_t gate_shut_count(const struct gate *gate);

/* Ends the thread and wipes what it knows. NULL is allowed, as is one never started. */
void gate_destroy(struct gate *gate);

#endif
