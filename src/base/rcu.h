/* SPDX-License-Identifier: MIT */
/* rcu.h - the one choice of liburcu flavour: QSBR.
 *
 * Readers cost nothing. In return every registered thread must say "quiescent" often: a worker once
 * per batch, and it goes offline before any call that may sleep. thread_start() registers
 * new threads and thread_adopt() the control thread. Objects are retired with call_rcu() and an
 * embedded rcu_head.
 */
#ifndef BASE_RCU_H
#define BASE_RCU_H

#include <urcu-qsbr.h> /* with the rcu_ names; must come before any other liburcu header */

#include <urcu/compiler.h>
#include <urcu/rculfhash.h>

#endif
