/* SPDX-License-Identifier: MIT */
/* events.h - what is to happen, in the order of time; of one time, in the order of its planning. */
#ifndef BOND_EVENTS_H
#define BOND_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

typedef void (*event_run)(void *what, uint64_t number);

/* The present. */
extern uint64_t sim_now_ns;

/* Forgets everything and begins at @now_ns. */
void events_begin(uint64_t now_ns);

/* @run is called with @what and @number at @at_ns, or now if that is past. */
void event_at(uint64_t at_ns, event_run run, void *what, uint64_t number);

/* Lets happen what is due until @end_ns. */
void events_run_until(uint64_t end_ns);

/* How many have happened since events_begin(). */
uint64_t events_run(void);

#endif
