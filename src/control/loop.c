/* SPDX-License-Identifier: MIT */
#include "control/loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rcu.h"

#define EVENTS_PER_TURN 32

int loop_init(struct loop *loop)
{
	*loop = (struct loop){.now_ns = clock_boot_ns()};
	deadline_heap_init(&loop->deadlines);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_fini(struct loop *loop)
{
	deadline_heap_fini(&loop->deadlines);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

static int change(struct loop *loop, int op, struct event_source *source, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = source};

	return epoll_ctl(loop->epoll_fd, op, source->fd, &ev) < 0 ? -errno : 0;
}

int loop_watch(struct loop *loop, struct event_source *source, uint32_t events)
{
	return change(loop, EPOLL_CTL_ADD, source, events);
}

int loop_watch_again(struct loop *loop, struct event_source *source, uint32_t events)
{
	return change(loop, EPOLL_CTL_MOD, source, events);
}

void loop_unwatch(struct loop *loop, struct event_source *source)
{
	/* It may sit in the events of this turn, behind the one being handled. */
	for (int i = 0; i < loop->ready_count; i++) {
		if (loop->ready[i].data.ptr == source)
			loop->ready[i].data.ptr = NULL;
	}
	change(loop, EPOLL_CTL_DEL, source, 0);
}

static int wait_for_events(struct loop *loop, struct epoll_event *events)
{
	uint64_t next_ns = deadline_next_ns(&loop->deadlines), now_ns = clock_boot_ns();
	uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
	struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_PER_S),
	                        .tv_nsec = (long)(wait_ns % NS_PER_S)};
	int n;

	rcu_thread_offline();
	n = epoll_pwait2(loop->epoll_fd, events, EVENTS_PER_TURN,
	                 next_ns == NEVER_NS ? NULL : &wait, NULL);
	rcu_thread_online();
	return n;
}

void loop_turn(struct loop *loop)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = wait_for_events(loop, events);

	loop->now_ns = clock_boot_ns();
	loop->ready = events;
	loop->ready_count = n > 0 ? n : 0;
	for (int i = 0; i < loop->ready_count; i++) {
		struct event_source *source = events[i].data.ptr;

		if (source)
			source->ready(source, events[i].events, loop->now_ns);
	}
	loop->ready_count = 0;
	deadline_run(&loop->deadlines, loop->now_ns);
}
