/* SPDX-License-Identifier: MIT */
#include "dataplane/watch.h"

#include <sys/eventfd.h>

#include "base/clock.h"
#include "dataplane/engine_private.h"

/* Datagrams in a span of LOAD_SPAN_MS: 500 per second at most are left to the watch, which keeps a link up
 * to 2000. In between it stays with whoever has it.
 */
#define LOW_DATAGRAMS  50u
#define HIGH_DATAGRAMS 200u

static void begin_span(struct load *load, uint64_t now_ns)
{
	*load = (struct load){.begin_ns = now_ns, .before = load->datagrams};
}

static bool is_over(const struct load *load, uint64_t now_ns)
{
	return now_ns - load->begin_ns >= LOAD_SPAN_MS * NS_PER_MS;
}

void load_add(struct load *load, uint64_t datagrams, uint64_t now_ns)
{
	if (is_over(load, now_ns))
		begin_span(load, now_ns);
	load->datagrams += datagrams;
}

bool load_is_low(struct load *load, uint64_t now_ns)
{
	if (is_over(load, now_ns))
		begin_span(load, now_ns);
	return load->before <= LOW_DATAGRAMS && load->datagrams <= LOW_DATAGRAMS;
}

bool load_is_high(const struct load *load)
{
	return load->datagrams >= HIGH_DATAGRAMS;
}

_Static_assert(LINK_PAIRS_MAX <= 32, "a bit each");

static uint32_t bit_of(const struct link *link)
{
	return 1u << link->id;
}

bool watch_exists(const struct engine *engine)
{
	return atomic_load_explicit(&engine->has_watch, memory_order_relaxed);
}

bool watch_has(const struct link *link)
{
	return atomic_load_explicit(&link->engine->watched, memory_order_acquire) & bit_of(link);
}

void watch_give(struct link *link)
{
	atomic_fetch_or_explicit(&link->engine->watched, bit_of(link), memory_order_release);
	watch_look_again(link);
}

void watch_look_again(struct link *link)
{
	eventfd_write(link->engine->dispatcher[0].kick_fd, 1);
}

void watch_return(struct link *link)
{
	link->load.before = UINT64_MAX; /* it has to prove itself quiet for a whole span */
	atomic_fetch_and_explicit(&link->engine->watched, ~bit_of(link), memory_order_release);
	eventfd_write(link->wake_fd, 1);
}

unsigned watch_list(struct engine *engine, struct link *ret[])
{
	uint32_t mask = atomic_load_explicit(&engine->watched, memory_order_acquire);
	unsigned len = 0;

	for (; mask; mask &= mask - 1)
		ret[len++] = &engine->link[__builtin_ctz(mask)];
	return len;
}

void watch_return_all(struct engine *engine)
{
	struct link *link[LINK_PAIRS_MAX];
	unsigned len = watch_list(engine, link);

	for (unsigned i = 0; i < len; i++)
		watch_return(link[i]);
}
