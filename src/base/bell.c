/* SPDX-License-Identifier: MIT */
#include "base/bell.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int bell_init(struct bell *bell)
{
	atomic_init(&bell->is_rung, false);
	bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return bell->fd < 0 ? -errno : 0;
}

void bell_fini(struct bell *bell)
{
	if (bell->fd >= 0)
		close(bell->fd);
	bell->fd = -1;
}

void bell_ring(struct bell *bell)
{
	/* One system call for all that comes before it is heard. */
	if (!atomic_exchange(&bell->is_rung, true))
		eventfd_write(bell->fd, 1);
}

void bell_heard(struct bell *bell)
{
	eventfd_t count;

	if (eventfd_read(bell->fd, &count) < 0 && errno != EAGAIN)
		return;
	/* After the reading: who rings in between writes nothing, and is seen by who looks now. */
	atomic_exchange(&bell->is_rung, false);
}

bool bell_is_rung(const struct bell *bell)
{
	return atomic_load(&bell->is_rung);
}
