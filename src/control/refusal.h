/* SPDX-License-Identifier: MIT */
/* refusal.h - what it means when the system refuses to send or to bind, for people.
 *
 * Pure text: who rests for how long is decided in path.c and uplink.c.
 */
#ifndef CONTROL_REFUSAL_H
#define CONTROL_REFUSAL_H

#define REFUSAL_HINT_LEN 640u

/* Why a path is down on which sending failed with @error, a positive errno: a constant string, as
 * the reasons of sched/health.h are, with the system's word for it and the usual cause.
 */
const char *refusal_reason(int error);

/* What to do about a link that cannot be bound with @error, a positive errno; for an address or a
 * device that is not there, the devices and addresses that are. "" or text that begins with "; ".
 * Returns @buf.
 */
const char *refusal_hint(int error, char buf[static REFUSAL_HINT_LEN]);

#endif
