/* SPDX-License-Identifier: MIT */
#include "control/changes_links.h"

#include "base/log.h"
#include "control/changer.h"
#include "control/links.h"
#include "control/loop.h"
#include "control/peer_table.h"
#include "control/peers.h"

RECONCILE_STEP(change_add_link)
{
	links_add(changes_of(by)->links, list->to, change->new_link);
}

RECONCILE_STEP(change_remove_link)
{
	links_remove(changes_of(by)->links, change->old_link->name);
	if (list->to)
		log_info("link=%s: removed", change->old_link->name);
}

RECONCILE_STEP(change_link_line)
{
	log_info("link=%s: has other settings, its sockets are opened anew",
	         change->new_link->name);
	links_change(changes_of(by)->links, list->to, change->new_link);
}

RECONCILE_STEP(change_link_wishes)
{
	struct changes *changes = changes_of(by);
	struct uplink *uplink = uplinks_find(changes->links->uplinks, change->new_link->name);

	(void)list;
	uplink->wishes = links_wishes_of(change->new_link);
	uplink->limits = change->new_link->limits;
	for (size_t i = 0; i < changes->peers->count; i++)
		peer_share_anew(changes->peers->at[i], changes->loop->now_ns);
}
