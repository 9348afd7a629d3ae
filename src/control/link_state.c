/* SPDX-License-Identifier: MIT */
#include "control/link_state.h"

#include <string.h>

#include "base/bytes.h"

static bool is_same_path(const struct link_state_path *a, const struct link_state_path *b)
{
	return a->state == b->state && a->role == b->role && a->link == b->link &&
	       a->weight == b->weight && a->receive_kbps == b->receive_kbps;
}

bool link_state_is_same(const struct link_state *a, const struct link_state *b)
{
	if (a->paths != b->paths)
		return false;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (!is_same_path(&a->path[i], &b->path[i]))
			return false;
	}
	return true;
}

static void write_path(struct frame_link_state_path *to, unsigned id,
                       const struct link_state_path *path)
{
	*to = (struct frame_link_state_path){.path_id = (uint8_t)id,
	                                     .state = path->state,
	                                     .role = path->role,
	                                     .link = path->link};
	store_le32(to->weight, path->weight);
	store_le32(to->receive_kbps, path->receive_kbps);
}

size_t link_state_write(const struct link_state *all, uint32_t number,
                        uint8_t body[static LINK_STATE_LEN_MAX])
{
	struct frame_link_state *head = (void *)body;
	struct frame_link_state_path *path = (void *)(body + sizeof *head);

	*head = (struct frame_link_state){0};
	store_le32(head->number, number);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (all->paths >> i & 1)
			write_path(&path[head->paths++], i, &all->path[i]);
	}
	return sizeof *head + head->paths * sizeof *path;
}

/* False: nobody honest says so. */
static bool read_path(const struct frame_link_state_path *from, struct link_state *ret)
{
	uint32_t weight = load_le32(from->weight), kbps = load_le32(from->receive_kbps);

	if (from->path_id >= PATHS_MAX || ret->paths >> from->path_id & 1 ||
	    from->state >= LINK_STATE_WORDS || from->role >= LINK_ROLES ||
	    from->link >= LINKS_MAX || !weight || weight > LINK_WEIGHT_MAX ||
	    (kbps && kbps < LINK_KBPS_MIN))
		return false;
	ret->paths |= (uint16_t)(1u << from->path_id);
	ret->path[from->path_id] = (struct link_state_path){.state = from->state,
	                                                    .role = from->role,
	                                                    .link = from->link,
	                                                    .weight = weight,
	                                                    .receive_kbps = kbps};
	return true;
}

bool link_state_read(const uint8_t *body, size_t len, uint32_t *ret_number, struct link_state *ret)
{
	const struct frame_link_state *head = (const void *)body;
	const struct frame_link_state_path *path = (const void *)(body + sizeof *head);

	*ret = (struct link_state){0};
	if (len < sizeof *head || head->paths > PATHS_MAX ||
	    len < sizeof *head + head->paths * sizeof *path)
		return false;
	for (unsigned i = 0; i < head->paths; i++) {
		if (!read_path(&path[i], ret))
			return false;
	}
	*ret_number = load_le32(head->number);
	return true;
}

const char *link_state_reason(uint8_t state)
{
	static const char *const reasons[LINK_STATE_WORDS] = {
		[LINK_STATE_CARRIES] = "the peer says that it works",
		[LINK_STATE_NO_DEVICE] = "the peer says that its device is down or gone",
		[LINK_STATE_NO_ADDRESS] = "the peer says that its address is gone",
		[LINK_STATE_REMOVED] = "the peer says that its link was removed",
		[LINK_STATE_REFUSED] = "the peer says that its system refuses to send",
		[LINK_STATE_DRAINING] = "the peer says that its link is bound anew",
	};

	return reasons[state];
}
