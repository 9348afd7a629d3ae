/* SPDX-License-Identifier: MIT */
/* Frames that no honest peer sends, in any order and from anywhere: control neither spins nor gives
 * data to paths that there are not; see peer_rig.h.
 */
#include "control/link_state.h"
#include "peer_case.h"

#include "../bytes_rig.h"

#define STEPS    20000u
#define BODY_MAX 250u

TestSuite(peer_lies, .init = case_setup, .fini = case_teardown, .timeout = 120);

static struct test_random rng;
static struct keypair *kp;
static uint32_t number;

static uint32_t below(uint32_t limit)
{
	return (uint32_t)(test_random_next(&rng) % limit);
}

/* An extreme, something small, or anything. */
static uint32_t any(void)
{
	static const uint32_t extremes[] = {0, 1, 63, 64, 1000000, 1000001, INT32_MAX, UINT32_MAX};

	return below(2)   ? extremes[below(8)]
	       : below(2) ? below(20)
	                  : (uint32_t)test_random_next(&rng);
}

/* Most are well made, and say anything. */
static size_t link_state(uint8_t body[static BODY_MAX])
{
	struct link_state all = {0};
	uint8_t whole[LINK_STATE_LEN_MAX];
	size_t len;

	for (unsigned n = below(14); n > 0; n--) {
		unsigned id = below(PATHS_MAX);

		all.paths |= (uint16_t)(1u << id);
		all.path[id] = (struct link_state_path){.state = (uint8_t)below(LINK_STATE_WORDS),
		                                        .role = (uint8_t)below(LINK_ROLES),
		                                        .link = (uint8_t)below(LINKS_MAX),
		                                        .weight = 1 + any() % LINK_WEIGHT_MAX,
		                                        .receive_kbps = any()};
	}
	number += below(3);
	len = link_state_write(&all, below(10) ? number : any(), whole);
	len = len < BODY_MAX ? len : BODY_MAX;
	memcpy(body, whole, len);
	return len;
}

static size_t hello(uint8_t body[static BODY_MAX])
{
	struct frame_hello h = {.version = (uint8_t)below(3), .path_limit = (uint8_t)any()};

	store_le32(h.features, below(2) ? FEATURE_LINK_STATE | FEATURE_MTU : any());
	memcpy(h.boot_id, boot_id, sizeof h.boot_id);
	h.boot_id[7] = (uint8_t)(below(50) == 0);
	memcpy(body, &h, sizeof h);
	return sizeof h;
}

static size_t noise(uint8_t body[static BODY_MAX], enum frame_type type)
{
	size_t len = 24 + below(BODY_MAX - 24);

	test_random_fill(&rng, body, len);
	body[0] = below(4) ? body[0] % PATHS_MAX : body[0];
	if (type == FRAME_LINK_STATE_ACK && below(2))
		store_le32(body, rig.peer->link_state_out.number);
	return len;
}

static void take_one(void)
{
	static const enum frame_type types[] = {
		FRAME_HELLO,         FRAME_HELLO_ACK,  FRAME_PROBE,          FRAME_PATH_CHALLENGE,
		FRAME_PATH_RESPONSE, FRAME_LINK_STATE, FRAME_LINK_STATE_ACK, FRAME_LINK_STATE};
	enum frame_type type = types[below(8)];
	bool is_hello = type == FRAME_HELLO || type == FRAME_HELLO_ACK;
	uint8_t body[BODY_MAX];
	size_t len = below(8) == 0              ? noise(body, type)
	             : type == FRAME_LINK_STATE ? link_state(body)
	             : is_hello                 ? hello(body)
	                                        : noise(body, type);
	struct batch *r = rig_notice(&rig, kp, below(RIG_LINKS),
	                             below(3) ? below(PATHS_MAX) : PATH_NONE, type, body, len);

	if (below(4) == 0)
		endpoint_set_port(&r->route.remote, (uint16_t)(7000 + below(40)));
	r->first_counter = test_random_next(&rng) >> 8;
	peer_take_notice(rig.peer, r, rig.now_ns);
	batch_free(r);
}

static void check_table(void)
{
	const struct path_table *table = rcu_dereference(rig.peer->dp->path_table);

	for (unsigned i = 0; table && i < path_table_all(table); i++) {
		const struct path *path = &rig.peer->paths.slot[table->slot[i].path_id];

		cr_assert(path_is_used(path));
		cr_assert(path_has_target(path));
		cr_assert(le(u32, table->slot[i].weight, LINK_WEIGHT_MAX));
	}
}

Test(peer_lies, control_neither_spins_nor_leads_data_astray)
{
	rng = test_random_seeded("peer_lies");
	kp = bonded();
	for (unsigned i = 0; i < RIG_LINKS; i++)
		bring_up(origin(i));
	for (unsigned i = 0; i < STEPS; i++) {
		if (below(20) == 0)
			rig.now_ns += below(10 * NS_PER_MS);
		take_one();
		peer_service(rig.peer, rig.now_ns);
		cr_assert(lt(u64, rig.now_ns, rig.peer->deadline.at_ns), "step %u", i);
		check_table();
	}
}
