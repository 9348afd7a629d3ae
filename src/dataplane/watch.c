/* SPDX-License-Identifier: MIT */
#include "dataplane/watch.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "dataplane/link.h"

_Static_assert(LINK_PAIRS_MAX <= 32, "a bit each");

static uint32_t bit_of(const struct link *link)
{
	return 1u << link->id;
}

bool watch_exists(const struct watch *watch)
{
	return atomic_load_explicit(&watch->exists, memory_order_relaxed);
}

bool watch_has(const struct link *link)
{
	return atomic_load_explicit(&link->watch->links, memory_order_acquire) & bit_of(link);
}

void watch_give(struct link *link)
{
	atomic_fetch_or_explicit(&link->watch->links, bit_of(link), memory_order_release);
	watch_look_again(link);
}

void watch_look_again(struct link *link)
{
	eventfd_write(link->watch->wake_fd, 1);
}

void watch_return(struct link *link)
{
	link->load.before = UINT64_MAX; /* it has to prove itself quiet for a whole span */
	atomic_fetch_and_explicit(&link->watch->links, ~bit_of(link), memory_order_release);
	eventfd_write(link->wake_fd, 1);
}

unsigned watch_list(struct watch *watch, struct link *ret[])
{
	uint32_t mask = atomic_load_explicit(&watch->links, memory_order_acquire);
	unsigned len = 0;

	for (; mask; mask &= mask - 1) {
		struct link *link = &watch->link[__builtin_ctz(mask)];

		if (link_is_stopping(link))
			watch_return(link);
		else
			ret[len++] = link;
	}
	return len;
}

void watch_return_all(struct watch *watch)
{
	struct link *link[LINK_PAIRS_MAX];
	unsigned len = watch_list(watch, link);

	for (unsigned i = 0; i < len; i++)
		watch_return(link[i]);
}

void watch_end(struct watch *watch)
{
	atomic_store(&watch->exists, false);
	watch_return_all(watch);
}

/* To give a link back is to write to its wake_fd. The link may have been given to a watch that was
 * about to end; then nobody has it.
 */
void watch_await_return(struct link *link)
{
	struct pollfd woken = {.fd = link->wake_fd, .events = POLLIN};
	eventfd_t count;

	while (watch_has(link) && atomic_load(&link->watch->exists)) {
		watch_look_again(link);
		poll(&woken, 1, -1);
		eventfd_read(link->wake_fd, &count);
	}
	atomic_fetch_and(&link->watch->links, ~bit_of(link));
}
