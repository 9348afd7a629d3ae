/* SPDX-License-Identifier: MIT */
#include "dataplane/quiet_links.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "dataplane/link.h"

_Static_assert(LINK_PAIRS_MAX <= 32, "a bit each");

static uint32_t bit_of(const struct link *link)
{
	return 1u << link->id;
}

bool quiet_links_are_taken(const struct quiet_links *quiet)
{
	return atomic_load_explicit(&quiet->are_taken, memory_order_relaxed);
}

bool quiet_links_has(const struct link *link)
{
	return atomic_load_explicit(&link->quiet->links, memory_order_acquire) & bit_of(link);
}

void quiet_links_give(struct link *link)
{
	atomic_fetch_or_explicit(&link->quiet->links, bit_of(link), memory_order_release);
	quiet_links_look_again(link);
}

void quiet_links_look_again(struct link *link)
{
	eventfd_write(link->quiet->wake_fd, 1);
}

void quiet_links_return(struct link *link)
{
	link->load.before = UINT64_MAX; /* it has to prove itself quiet for a whole span */
	atomic_fetch_and_explicit(&link->quiet->links, ~bit_of(link), memory_order_release);
	eventfd_write(link->wake_fd, 1);
}

unsigned quiet_links_list(struct quiet_links *quiet, struct link *ret[])
{
	uint32_t mask = atomic_load_explicit(&quiet->links, memory_order_acquire);
	unsigned len = 0;

	for (; mask; mask &= mask - 1) {
		struct link *link = &quiet->link[__builtin_ctz(mask)];

		if (link_is_stopping(link))
			quiet_links_return(link);
		else
			ret[len++] = link;
	}
	return len;
}

void quiet_links_return_all(struct quiet_links *quiet)
{
	struct link *link[LINK_PAIRS_MAX];
	unsigned len = quiet_links_list(quiet, link);

	for (unsigned i = 0; i < len; i++)
		quiet_links_return(link[i]);
}

void quiet_links_end(struct quiet_links *quiet)
{
	atomic_store(&quiet->are_taken, false);
	quiet_links_return_all(quiet);
}

/* To give a link back is to write to its wake_fd. The link may have been given to a dispatcher that
 * was about to end; then nobody has it.
 */
void quiet_links_await_return(struct link *link)
{
	struct pollfd woken = {.fd = link->wake_fd, .events = POLLIN};
	eventfd_t count;

	while (quiet_links_has(link) && atomic_load(&link->quiet->are_taken)) {
		quiet_links_look_again(link);
		poll(&woken, 1, -1);
		eventfd_read(link->wake_fd, &count);
	}
	atomic_fetch_and(&link->quiet->links, ~bit_of(link));
}
