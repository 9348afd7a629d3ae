/* SPDX-License-Identifier: MIT */
#include "control/routing_loop.h"

#include "vtrunkd/limits.h"

bool routing_loop_note(struct routing_loop *loop, uint64_t drops, uint64_t now_ns,
                       uint64_t *ret_new)
{
	if (drops == loop->told)
		return false;
	if (loop->told_ns && now_ns < loop->told_ns + ROUTING_LOOP_AGAIN_S * NS_PER_S)
		return false;
	*ret_new = drops - loop->told;
	loop->told = drops;
	loop->told_ns = now_ns;
	return true;
}
