/* SPDX-License-Identifier: MIT */
/* Which paths carry data; see peer_rig.h. */
#include "control/peer_table.h"

#include "control/link_state_in.h"
#include "peer_case.h"

TestSuite(peer_table, .init = case_setup, .fini = case_teardown);

/* Links of another file stand in another order; paths know the id alone. */
Test(peer_table, data_is_shared_by_the_weights_of_the_uplinks)
{
	const struct path_table *table;

	rig.control.uplinks.uplink[0].wishes.weight = 9;
	rig.control.uplinks.uplink[1].wishes.weight = 7;
	bonded();
	bring_up(origin(1));
	bring_up(origin(0));
	peer_publish_paths(rig.peer, rig.now_ns);
	table = rcu_dereference(rig.peer->dp->path_table);
	cr_assert(ne(ptr, (void *)table, NULL));
	cr_assert(eq(uint, table->len, RIG_LINKS));
	for (unsigned i = 0; i < RIG_LINKS; i++) {
		const struct path *path = &rig.peer->paths.slot[table->slot[i].path_id];

		cr_expect(eq(u32, table->slot[i].weight, uplink_id_of(path->route.link) ? 7 : 9));
	}
}

static const struct path_table *published(void)
{
	return rcu_dereference(rig.peer->dp->path_table);
}

/* Of the path over @link, in the table that is published now. */
static const struct path_slot *slot_of(unsigned link)
{
	const struct path_table *table = published();

	for (unsigned i = 0; i < path_table_all(table); i++) {
		if (table->slot[i].path_id == path_id(&rig.peer->paths, origin(link)))
			return &table->slot[i];
	}
	cr_assert(false, "it is not in the table");
	return NULL;
}

static uint16_t bit(unsigned link)
{
	return (uint16_t)(1u << path_id(&rig.peer->paths, origin(link)));
}

/* The peer, which calls the path over link 0 number 8, wants @wishes of it. */
static void peer_wishes(struct link_wishes wishes)
{
	origin(0)->knows_remote_id = true;
	origin(0)->remote_id = 8;
	rig.peer->link_state_in = (struct link_state_in){
		.has_any = true,
		.said = {.paths = 1u << 8,
	                 .path[8] = {.role = (uint8_t)wishes.role, .weight = wishes.weight}}};
	peer_publish_paths(rig.peer, rig.now_ns);
}

Test(peer_table, wishes_of_both_ends_decide)
{
	bonded_and_up();
	rig.control.uplinks.uplink[0].wishes.weight = 7;
	peer_wishes((struct link_wishes){.role = LINK_ROLE_BACKUP, .weight = 3});
	cr_expect(eq(uint, rig.peer->paths.published_mask, bit(1)));
	cr_expect(not(origin(0)->is_in_table), "it is probed as one that stands by");
	cr_expect(eq(u8, slot_of(0)->role, LINK_ROLE_BACKUP));
	cr_expect(eq(u32, slot_of(0)->weight, 7));
	cr_expect(eq(u32, slot_of(1)->weight, 1));
	rig.control.uplinks.uplink[1].wishes.role = LINK_ROLE_BACKUP;
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(eq(uint, rig.peer->paths.published_mask, bit(0) | bit(1)), "the lowest there is");
}

Test(peer_table, of_a_peer_that_says_nothing_ours_decide)
{
	bonded_and_up();
	rig.control.uplinks.uplink[0].wishes.role = LINK_ROLE_OVERFLOW;
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(eq(uint, rig.peer->paths.published_mask, bit(1)));
	cr_expect(eq(uint, published()->spare, 1));
}

Test(peer_table, is_published_only_if_it_says_something_else)
{
	const struct path_table *before;

	bonded_and_up();
	peer_publish_paths(rig.peer, rig.now_ns);
	before = published();
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(eq(ptr, (void *)published(), (void *)before));
	rig.control.uplinks.uplink[0].wishes.weight = 5;
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(eq(u32, slot_of(0)->weight, 5), "the paths are the same");
}

Test(peer_table, limits_of_both_ends_are_in_it)
{
	bonded_and_up();
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(not(published()->is_limited));
	rig.control.uplinks.uplink[0].limits.up_kbps = 5000;
	peer_wishes((struct link_wishes){.weight = 1});
	cr_expect(published()->is_limited);
	cr_expect(eq(u32, slot_of(0)->limit[LIMIT_OURS].kbps, 5000));
	cr_expect(eq(u32, slot_of(0)->limit[LIMIT_THEIRS].kbps, 0));
	cr_expect(eq(u32, slot_of(1)->limit[LIMIT_OURS].kbps, 0));
	rig.peer->link_state_in.said.path[8].receive_kbps = 3000;
	rig.peer->link_state_in.said.path[8].link = 4;
	peer_publish_paths(rig.peer, rig.now_ns);
	cr_expect(eq(u32, slot_of(0)->limit[LIMIT_THEIRS].kbps, 3000));
	cr_expect(eq(u8, slot_of(0)->limit[LIMIT_THEIRS].link, 4));
}
