/* SPDX-License-Identifier: MIT */
/* loop.h - what the control thread sleeps in: file descriptors that become ready, deadlines that
 * come.
 *
 * One epoll set and one heap of deadlines. All functions belong to the thread that runs it, which
 * is registered with RCU and offline while it sleeps.
 */
#ifndef CONTROL_LOOP_H
#define CONTROL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline.h"

/* Something the loop waits for; embedded by its owner. @ready runs when @fd is ready for @events
 * (EPOLLIN, ...).
 */
struct event_source {
	int fd;
	void (*ready)(struct event_source *source, uint32_t events, uint64_t now_ns);
};

struct epoll_event;

struct loop {
	int epoll_fd;
	bool is_rough; /* the system has no wait with a limit in nanoseconds: milliseconds */
	struct deadline_heap deadlines;
	uint64_t now_ns;           /* boot time, read once per turn */
	struct epoll_event *ready; /* of the turn being taken */
	int ready_count;
};

/* Returns 0 or a negative errno; then loop_fini() may still be called. */
int loop_init(struct loop *loop);
void loop_fini(struct loop *loop);

/* Registers the source, level-triggered; changes what it waits for. Return 0 or a negative errno.
 */
int loop_watch(struct loop *loop, struct event_source *source, uint32_t events);
int loop_watch_again(struct loop *loop, struct event_source *source, uint32_t events);

/* Its @ready is not called any more, also not in this turn. Before its descriptor is closed. */
void loop_unwatch(struct loop *loop, struct event_source *source);

/* Sleeps until something is ready or due, then calls everybody concerned. Returns 0, or a negative
 * errno when the system refuses to wait: at once, nobody was called, and it would refuse the next
 * time too.
 */
int loop_turn(struct loop *loop);

#endif
