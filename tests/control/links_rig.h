/* SPDX-License-Identifier: MIT */
/* links_rig.h - the links of a test's configuration, as a start adds them. */
#ifndef TESTS_CONTROL_LINKS_RIG_H
#define TESTS_CONTROL_LINKS_RIG_H

#include "control/control.h"
#include "control/gate.h"

static inline void make_links(struct control *control, const struct desired *wanted)
{
	control_make_links(control);
	for (size_t i = 0; i < wanted->link_count; i++)
		links_add(&control->links, wanted, &wanted->links[i]);
}

static inline int make_peer(struct control *control, const struct desired *wanted,
                            const struct desired_peer *config, struct peer **ret)
{
	control->shared = (struct peer_shared){.fx = control->fx,
	                                       .uplinks = &control->uplinks,
	                                       .engine = control->engine,
	                                       .identity = control->identity,
	                                       .boot_id = control->boot_id,
	                                       .now_ns = control->loop.now_ns,
	                                       .next_id = control->shared.next_id};
	return peer_create(&control->shared, wanted, config, ret);
}

#endif
