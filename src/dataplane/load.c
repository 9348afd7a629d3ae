/* SPDX-License-Identifier: MIT */
#include "dataplane/load.h"

#include "vtrunkd/limits.h"

/* Datagrams in a span of LOAD_SPAN_MS: with 500 per second at most a link is quiet, and stays so up
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
