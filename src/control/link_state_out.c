/* SPDX-License-Identifier: MIT */
#include "control/link_state_out.h"

#define FIRST_PAUSE_NS   (50 * NS_PER_MS)
#define LONGEST_PAUSE_NS (3200 * NS_PER_MS)

void link_state_out_init(struct link_state_out *out)
{
	*out = (struct link_state_out){.due_ns = NEVER_NS};
}

static void say_now(struct link_state_out *out, uint64_t now_ns)
{
	out->number++;
	out->due_ns = now_ns;
	out->pause_ns = FIRST_PAUSE_NS;
}

void link_state_out_begin(struct link_state_out *out, uint64_t now_ns)
{
	if (!out->is_wanted)
		say_now(out, now_ns);
	out->is_wanted = true;
}

void link_state_out_end(struct link_state_out *out)
{
	out->is_wanted = false;
	out->due_ns = NEVER_NS;
}

void link_state_out_update(struct link_state_out *out, const struct link_state *now,
                           uint64_t now_ns)
{
	struct link_state next = *now;

	for (unsigned gone = out->said.paths & ~now->paths; gone; gone &= gone - 1) {
		unsigned i = (unsigned)__builtin_ctz(gone);

		next.paths |= (uint16_t)(1u << i);
		next.path[i] = out->said.path[i];
		next.path[i].state = LINK_STATE_REMOVED;
	}
	if (link_state_is_same(&next, &out->said))
		return;
	out->said = next;
	if (out->is_wanted)
		say_now(out, now_ns);
}

void link_state_out_sent(struct link_state_out *out, uint64_t now_ns)
{
	out->due_ns = now_ns + out->pause_ns;
	if (out->pause_ns < LONGEST_PAUSE_NS)
		out->pause_ns *= 2;
}

void link_state_out_acked(struct link_state_out *out, uint32_t number)
{
	if (number != out->number)
		return;
	out->due_ns = NEVER_NS;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (out->said.path[i].state != LINK_STATE_REMOVED)
			continue;
		out->said.paths &= (uint16_t) ~(1u << i);
		out->said.path[i] = (struct link_state_path){0};
	}
}
