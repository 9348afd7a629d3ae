/* SPDX-License-Identifier: MIT */
#include "control/peer_link_state.h"

#include "base/bytes.h"
#include "control/peer_paths.h"
#include "control/peer_table.h"
#include "control/verdict.h"

/* ---- what we say ---- */

static struct link_state_path state_of(const struct peer *peer, const struct path *path,
                                       uint64_t now_ns)
{
	const struct uplink *uplink = uplink_of(peer->uplinks, path->route.link);
	enum link_state_word state = uplink_link_state(uplink, path->route.link);

	if (state == LINK_STATE_CARRIES && path->rest_until_ns > now_ns)
		state = LINK_STATE_REFUSED;
	return (struct link_state_path){.state = (uint8_t)state,
	                                .role = (uint8_t)uplink->wishes.role,
	                                .link = (uint8_t)uplink->id,
	                                .weight = uplink->wishes.weight,
	                                .receive_kbps = uplink->limits.down_kbps};
}

static void look_at_paths(struct peer *peer, uint64_t now_ns)
{
	struct link_state now = {0};

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->paths.slot[i];

		if (!path_has_target(path))
			continue;
		now.paths |= (uint16_t)(1u << i);
		now.path[i] = state_of(peer, path, now_ns);
	}
	link_state_out_update(&peer->link_state_out, &now, now_ns);
}

/* The paths that it goes over: all that are up, or where one speaks to the peer at all. */
static uint16_t paths_to_tell(const struct peer *peer, uint64_t now_ns)
{
	unsigned spoken = peer_path_to_speak(peer);
	uint16_t mask = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->paths.slot[i];

		if (path_has_target(path) && peer_path_can_leave(peer, path) &&
		    path->rest_until_ns <= now_ns && health_carries_data(&path->health))
			mask |= (uint16_t)(1u << i);
	}
	return mask || spoken == PATH_NONE ? mask : (uint16_t)(1u << spoken);
}

/* Without memory it is said a little later. False then, and when there is no path. */
static bool tell(struct peer *peer, uint64_t now_ns)
{
	uint8_t body[LINK_STATE_LEN_MAX];
	size_t len =
		link_state_write(&peer->link_state_out.said, peer->link_state_out.number, body);
	bool is_said = false;

	for (unsigned mask = paths_to_tell(peer, now_ns); mask; mask &= mask - 1)
		is_said |= frames_send_link_state(&peer->frames, peer->session.current,
		                                  (unsigned)__builtin_ctz(mask), body, len);
	return is_said;
}

uint64_t peer_link_state_service(struct peer *peer, uint64_t now_ns)
{
	struct link_state_out *out = &peer->link_state_out;

	if (!out->is_wanted || peer->verdict.is != VERDICT_BONDED ||
	    !session_is_alive(&peer->session, now_ns))
		return NEVER_NS;
	look_at_paths(peer, now_ns);
	if (out->due_ns > now_ns)
		return out->due_ns;
	if (!paths_to_tell(peer, now_ns))
		return NEVER_NS; /* whatever brings a path back comes by here */
	if (!tell(peer, now_ns))
		return now_ns + MEMORY_RETRY_NS;
	link_state_out_sent(out, now_ns);
	return out->due_ns;
}

/* All anew in each session: the peer may have taken us for plain, and forgotten what was said. */
void peer_exchange_link_state(struct peer *peer, bool is_wanted, bool is_first, uint64_t now_ns)
{
	if (!is_wanted || is_first)
		link_state_out_end(&peer->link_state_out);
	if (is_wanted)
		link_state_out_begin(&peer->link_state_out, now_ns);
	if (is_wanted && peer->link_state_out.due_ns <= now_ns)
		peer->fx->wake_at(peer->fx, &peer->deadline, now_ns);
}

void peer_take_link_state_ack(struct peer *peer, const struct frame *f)
{
	const struct frame_link_state_ack *ack = (const void *)f->body;

	link_state_out_acked(&peer->link_state_out, load_le32(ack->number));
}

/* ---- what the peer says ---- */

/* It comes back as every path does that has fallen: by probes, and after the hold-down. */
static void leave_path(struct peer *peer, struct path *path, uint64_t now_ns)
{
	const struct link_state_path *said = link_state_in_of(&peer->link_state_in, path);

	if (health_fail(&path->health, link_state_reason(said->state), now_ns))
		peer_hears(peer, NEWS_PATH_CHANGED, &(struct news){.now_ns = now_ns, .path = path});
}

static void follow(struct peer *peer, const struct link_state_in *before, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->paths.slot[i];
		bool was_leaving = link_state_in_is_leaving(before, path);
		bool is_leaving = link_state_in_is_leaving(&peer->link_state_in, path);

		if (!was_leaving && is_leaving)
			leave_path(peer, path, now_ns);
		else if (was_leaving && !is_leaving)
			health_hurry(&path->health, &peer->health_settings);
	}
	peer_publish_paths(peer, now_ns);
	peer->fx->wake_at(peer->fx, &peer->deadline, now_ns);
}

/* Before HELLO it may be of another life: what was acknowledged would be forgotten then. */
bool peer_take_link_state(struct peer *peer, const struct frame *f, uint64_t now_ns)
{
	const struct link_state_in before = peer->link_state_in;

	if (peer->verdict.is != VERDICT_BONDED || verdict_is_awaited(&peer->verdict))
		return false;
	switch (link_state_in_take(&peer->link_state_in, f->body, f->body_len)) {
	case LINK_STATE_BAD:
		peer->fx->count_drop(peer->fx, DROP_FRAME_MALFORMED);
		return false;
	case LINK_STATE_OLD:
		return false;
	case LINK_STATE_NEWS:
		follow(peer, &before, now_ns);
		break;
	case LINK_STATE_AGAIN:
		break;
	}
	return true;
}

STEP(forget_link_state)
{
	(void)n;
	link_state_out_end(&peer->link_state_out);
	link_state_in_forget(&peer->link_state_in);
}
