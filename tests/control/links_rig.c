/* SPDX-License-Identifier: MIT */
#include "links_rig.h"

void make_links(struct control *control, const struct desired *wanted)
{
	control_make_links(control);
	for (size_t i = 0; i < wanted->link_count; i++)
		links_add(&control->links, wanted, &wanted->links[i]);
}

int make_peer(struct control *control, const struct desired *wanted,
              const struct desired_peer *config, struct peer **ret)
{
	uint32_t next_id = control->changes.shared.next_id;

	control_make_changes(control);
	control->changes.shared.now_ns = control->loop.now_ns;
	control->changes.shared.next_id = next_id;
	return peer_create(&control->changes.shared, wanted, config, ret);
}
