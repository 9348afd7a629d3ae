/* SPDX-License-Identifier: MIT */
/* path_watch.h - looks after the paths of one peer: hears what became of what was sent, sends
 * probes that measure them (sched/measure.h), finds which are dead, and lets go of what nobody can
 * miss any more. Trains that no connection waits for leave one after the other, whichever peers
 * they are for.
 *
 * One thread at a time, in the role of the peer's outflow, RCU online.
 */
#ifndef DATAPLANE_PATH_WATCH_H
#define DATAPLANE_PATH_WATCH_H

#include <stdint.h>

struct dp_thread;
struct runs;

/* Takes in what the peer told of what was sent before. */
void path_watch_hear(struct dp_thread *self, struct runs *runs);

/* Does what is due, at path_watch_due_ns() at the latest, which is NEVER_NS while there is nothing
 * to be seen. Behind runs_begin().
 */
void path_watch_tick(struct dp_thread *self, struct runs *runs);
uint64_t path_watch_due_ns(const struct runs *runs, uint64_t now_ns);

#endif
