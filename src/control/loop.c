/* SPDX-License-Identifier: MIT */
#include "control/loop.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rcu.h"

#define EVENTS_PER_TURN 32
#define WAIT_MS_MAX     (1 << 30) /* what an int holds; the turn that it ends finds nothing due */

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

/* Its call number came with Linux 5.11; older kernels do not know it, and container profiles that
 * are older refuse it. By number, since the C library may be older than the kernel too. The kernel
 * takes 64 bits for each member on every machine.
 */
static int wait_precisely(const struct loop *loop, struct epoll_event *events, uint64_t wait_ns)
{
#ifdef SYS_epoll_pwait2
	const int64_t wait[2] = {(int64_t)(wait_ns / NS_PER_S), (int64_t)(wait_ns % NS_PER_S)};
	const int64_t *limit = wait_ns == NEVER_NS ? NULL : wait;

	return (int)syscall(SYS_epoll_pwait2, (long)loop->epoll_fd, events, (long)EVENTS_PER_TURN,
	                    limit, NULL, 0l);
#else
	(void)loop, (void)events, (void)wait_ns;
	errno = ENOSYS;
	return -1;
#endif
}

/* Rounded up: a millisecond too late at most, and no turn after turn until the time has come. */
static int wait_roughly(const struct loop *loop, struct epoll_event *events, uint64_t wait_ns)
{
	uint64_t wait_ms = wait_ns / NS_PER_MS + (wait_ns % NS_PER_MS > 0);

	if (wait_ns == NEVER_NS)
		return epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, -1);
	return epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN,
	                  wait_ms < WAIT_MS_MAX ? (int)wait_ms : WAIT_MS_MAX);
}

/* How many are ready, or a negative errno. */
static int wait_for_events(struct loop *loop, struct epoll_event *events)
{
	uint64_t next_ns = deadline_next_ns(&loop->deadlines), now_ns = clock_boot_ns();
	uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
	int n = -1;

	if (next_ns == NEVER_NS)
		wait_ns = NEVER_NS;
	errno = ENOSYS;
	rcu_thread_offline();
	if (!loop->is_rough)
		n = wait_precisely(loop, events, wait_ns);
	if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
		loop->is_rough = true;
		n = wait_roughly(loop, events, wait_ns);
	}
	if (n < 0)
		n = -errno;
	rcu_thread_online();
	return n;
}

int loop_turn(struct loop *loop)
{
	struct epoll_event events[EVENTS_PER_TURN];
	int n = wait_for_events(loop, events);

	if (n < 0 && n != -EINTR)
		return n;
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
	return 0;
}
