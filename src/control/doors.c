/* SPDX-License-Identifier: MIT */
#include "control/doors.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dataplane/link.h"

int doors_init(struct doors *doors)
{
	doors->fd = epoll_create1(EPOLL_CLOEXEC);
	return doors->fd < 0 ? -errno : 0;
}

void doors_fini(struct doors *doors)
{
	if (doors->fd >= 0)
		close(doors->fd);
	doors->fd = -1;
}

static int change(struct doors *doors, int how, struct link *link, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = link};

	return epoll_ctl(doors->fd, how, link->handshake_fd, &event) < 0 ? -errno : 0;
}

int doors_reserve(struct doors *doors, struct link *link)
{
	return change(doors, EPOLL_CTL_ADD, link, 0);
}

int doors_open(struct doors *doors, struct link *link)
{
	int r = change(doors, EPOLL_CTL_MOD, link, EPOLLIN);

	return r == -ENOENT ? change(doors, EPOLL_CTL_ADD, link, EPOLLIN) : r;
}

void doors_close(struct doors *doors, struct link *link)
{
	change(doors, EPOLL_CTL_DEL, link, 0);
}

unsigned doors_ready(struct doors *doors, struct link *ret[static DOORS_READY_MAX])
{
	struct epoll_event ready[DOORS_READY_MAX];
	int n = epoll_wait(doors->fd, ready, DOORS_READY_MAX, 0);

	for (int i = 0; i < n; i++)
		ret[i] = ready[i].data.ptr;
	return n > 0 ? (unsigned)n : 0;
}
