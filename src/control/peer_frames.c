/* SPDX-License-Identifier: MIT */
#include "control/peer_frames.h"

#include <string.h>

#include "base/bytes.h"
#include "control/peer_link_state.h"
#include "control/peer_mtu.h"
#include "control/peer_paths.h"
#include "control/peer_session.h"
#include "control/peer_verdict.h"
#include "control/reply_budget.h"

/* HELLO of a peer that says something else than the one before: of each life one or two do. */
#define GREETING_NS     NS_PER_S
#define GREETINGS_BURST 8u

/* A datagram being taken. */
struct cause {
	const struct batch *notice;
	unsigned path_id;           /* where it came in; PATH_NONE: on none that there is now */
	struct reply_budget budget; /* of what may be sent because of it */
	unsigned ack_path; /* a HELLO_ACK leaves over it when all frames are read; or PATH_NONE */
	bool has_response; /* and this with it */
	struct frame_path_challenge response;
};

static bool may_answer(struct peer *peer, struct cause *cause, enum frame_type type, unsigned bytes,
                       uint64_t now_ns)
{
	if (reply_budget_take(&cause->budget, &peer->replies, type, bytes, now_ns))
		return true;
	peer->fx->count_drop(peer->fx, DROP_ANSWER_LIMITED);
	return false;
}

/* Without memory for reports there are none, and data goes as to a peer that does not know them. */
static void heed_features(struct peer *peer, uint32_t features, bool is_first, uint64_t now_ns)
{
	peer_heed_mtu(peer, features & FEATURE_MTU, now_ns);
	peer->fx->exchange_reports(peer->fx, peer->dp, features & FEATURE_REPORTS);
	peer_exchange_link_state(peer, features & FEATURE_LINK_STATE, is_first, now_ns);
}

/* What it says of the peer has everything told and searched anew, over all paths. */
static bool may_say(struct peer *peer, const struct frame_hello *hello, uint64_t now_ns)
{
	if (verdict_is_known(&peer->verdict, hello->boot_id, load_le32(hello->features)) ||
	    bucket_take(&peer->greetings, GREETING_NS, GREETINGS_BURST * GREETING_NS, now_ns))
		return true;
	peer->fx->count_drop(peer->fx, DROP_ANSWER_LIMITED);
	return false;
}

/* It is answered on the path where it came in, which works in one direction at least; others of its
 * copies find those that work in the other.
 */
static void take_hello(struct peer *peer, struct cause *cause, const struct frame *f,
                       uint64_t now_ns)
{
	unsigned id = cause->path_id == PATH_NONE ? peer_path_to_speak(peer) : cause->path_id;
	const struct frame_hello *hello = (const void *)f->body;
	uint32_t features = load_le32(hello->features);
	bool is_first = verdict_is_awaited(&peer->verdict);

	if (hello->version == 0 || !may_say(peer, hello, now_ns))
		return;
	if (verdict_note_hello(&peer->verdict, hello->boot_id, features))
		peer_hears(peer, NEWS_RESTARTED, &(struct news){.now_ns = now_ns});
	peer_be_bonded(peer, now_ns);
	peer_refuse_data(peer);
	heed_features(peer, features, is_first, now_ns);
	if (f->type == FRAME_HELLO_ACK) {
		verdict_acknowledged(&peer->verdict);
		peer->frames.owed_hellos = 0;
	} else if (id != PATH_NONE &&
	           may_answer(peer, cause, FRAME_HELLO,
	                      path_has_target(&peer->paths.slot[id]) ? HELLO_BYTES : GREETING_BYTES,
	                      now_ns)) {
		cause->ack_path = id;
	}
}

/* Probes are sent to whom one takes for a vtrunkd: the peer has our HELLO, though its answer may be
 * lost, on a path that is dead in our direction say. Left alone it would take us for bonded, and we
 * it for plain.
 */
static void heed_probe(struct peer *peer, uint32_t key, uint64_t now_ns)
{
	const struct keypair *kp = peer->session.current;

	if (peer->verdict.is != VERDICT_STOCK || !kp || kp->local_index != key ||
	    !kp->accepts_lanes)
		return;
	peer_be_bonded(peer, now_ns);
	peer_refuse_data(peer);
}

/* From where no path is, or to an address of ours that the path did not use; the others come as
 * life signs. A path that carries data stays as it is: the peer may well speak to two of our
 * addresses.
 */
static void take_stray_probe(struct peer *peer, struct cause *cause, const struct frame *f,
                             uint64_t now_ns)
{
	const struct frame_probe *probe = (const void *)f->body;
	const struct batch *r = cause->notice;
	struct path *path = cause->path_id == PATH_NONE ? NULL : &peer->paths.slot[cause->path_id];

	heed_probe(peer, r->keypair->local_index, now_ns);
	if (path && path_is_used(path) && !health_carries_data(&path->health))
		peer_set_route(peer, path, &r->route, now_ns);
	if (peer->verdict.is == VERDICT_BONDED && probe->path_id < PATHS_MAX &&
	    cause->path_id == PATH_NONE && paths_may_ask(&peer->paths, now_ns) &&
	    may_answer(peer, cause, FRAME_PROBE, CHALLENGE_BYTES, now_ns))
		peer_heard_of(peer, &r->route, probe->path_id, r, now_ns);
}

static void take_probe(struct peer *peer, struct path *path, const struct life_sign *sign)
{
	if (sign->number >= PATHS_MAX)
		return;
	path->knows_remote_id = true;
	path->remote_id = (uint8_t)sign->number;
	estimate_loss_rx(&path->health.estimate, sign->sent, sign->heard);
	if (path->health.state == PATH_DOWN || path->health.state == PATH_UNPROVEN)
		/* The peer is heard there again: find out at once whether we are. */
		health_hurry(&path->health, &peer->health_settings);
}

static void take_answer(struct peer *peer, struct path *path, const struct life_sign *sign,
                        uint64_t now_ns)
{
	if (sign->number & SIGN_WHOLE) {
		peer_take_mtu_answer(peer, path, (uint16_t)sign->number, now_ns);
		return;
	}
	estimate_loss_tx(&path->health.estimate, sign->sent, sign->heard);
	if (health_answered(&path->health, &peer->health_settings, (uint16_t)sign->number,
	                    sign->rtt_us * NS_PER_US, now_ns))
		peer_hears(peer, NEWS_PATH_ANSWERS,
		           &(struct news){.now_ns = now_ns, .path = path, .rtt_us = sign->rtt_us});
}

/* Where no path is: the candidate there may be, or the lane of another. */
static unsigned lane_for(struct peer *peer, const struct route *route)
{
	const struct path *candidate = paths_find(&peer->paths, route);

	return candidate ? path_id(&peer->paths, candidate) : peer->paths.followed;
}

/* Also to where no path is: the cause weighs as much. A greeting is HELLO and PATH_CHALLENGE in one
 * datagram, and so is the answer to it.
 */
static void take_challenge(struct peer *peer, struct cause *cause, const struct frame *f,
                           uint64_t now_ns)
{
	const struct batch *r = cause->notice;
	unsigned id = cause->path_id == PATH_NONE ? lane_for(peer, &r->route) : cause->path_id;
	bool is_joined = cause->path_id != PATH_NONE && cause->ack_path == id;
	unsigned bytes = is_joined ? GREETING_BYTES - HELLO_BYTES : CHALLENGE_BYTES;

	if (id == PATH_NONE || !may_answer(peer, cause, FRAME_PATH_CHALLENGE, bytes, now_ns))
		return;
	if (is_joined) {
		memcpy(&cause->response, f->body, sizeof cause->response);
		cause->has_response = true;
	} else if (peer->session.current) {
		frames_send_response(&peer->frames, peer->session.current, id,
		                     (const void *)f->body, &r->route);
	}
}

static void send_answers(struct peer *peer, const struct cause *cause)
{
	uint16_t mask = (uint16_t)(1u << cause->ack_path % PATHS_MAX);

	if (cause->ack_path == PATH_NONE)
		return;
	if (!cause->has_response)
		peer->frames.owed_acks |= peer_send_hellos(peer, FRAME_HELLO_ACK, mask);
	else if (!peer->session.current ||
	         !frames_send_greeting_answer(&peer->frames, peer->session.current, cause->ack_path,
	                                      &cause->response))
		peer->frames.owed_acks |= mask;
}

/* Without memory there is no answer, and it comes again. */
static void take_link_state(struct peer *peer, struct cause *cause, const struct frame *f,
                            uint64_t now_ns)
{
	const struct frame_link_state *said = (const void *)f->body;
	unsigned id;

	if (!peer_take_link_state(peer, f, now_ns))
		return;
	id = cause->path_id == PATH_NONE ? peer_path_to_speak(peer) : cause->path_id;
	if (id != PATH_NONE && peer->session.current &&
	    may_answer(peer, cause, FRAME_LINK_STATE, LINK_STATE_ACK_BYTES, now_ns))
		frames_send_link_state_ack(&peer->frames, peer->session.current, id, said->number);
}

static void take_goodbye(struct peer *peer, const struct frame *f, uint64_t now_ns)
{
	const struct frame_goodbye *bye = (const void *)f->body;

	if (!verdict_is_other_life(&peer->verdict, bye->boot_id))
		peer_hears(peer, NEWS_GOODBYE, &(struct news){.now_ns = now_ns});
}

static void take_frame(struct peer *peer, struct cause *cause, const struct frame *f,
                       uint64_t now_ns)
{
	switch (f->type) {
	case FRAME_HELLO:
	case FRAME_HELLO_ACK:
		if (session_is_newest(&peer->session, cause->notice->keypair))
			take_hello(peer, cause, f, now_ns);
		break;
	case FRAME_PROBE:
		take_stray_probe(peer, cause, f, now_ns);
		break;
	case FRAME_PATH_CHALLENGE:
		take_challenge(peer, cause, f, now_ns);
		break;
	case FRAME_PATH_RESPONSE:
		peer_take_path_response(peer, &cause->notice->route, (const void *)f->body, now_ns);
		break;
	case FRAME_LINK_STATE:
		if (session_is_newest(&peer->session, cause->notice->keypair))
			take_link_state(peer, cause, f, now_ns);
		break;
	case FRAME_LINK_STATE_ACK:
		peer_take_link_state_ack(peer, f);
		break;
	case FRAME_GOODBYE:
		if (session_is_newest(&peer->session, cause->notice->keypair))
			take_goodbye(peer, f, now_ns);
		break;
	default:
		break; /* a life sign, or of a later version: counted where it came in */
	}
}

/* A plain peer is where its newest packet came from; one that may be a vtrunkd only if that is
 * proved.
 */
static void take_origin(struct peer *peer, const struct batch *r, uint64_t now_ns)
{
	struct path *path;

	if (peer->verdict.is == VERDICT_BONDED)
		return;
	path = paths_find(&peer->paths, &r->route);
	if (peer->verdict.is != VERDICT_STOCK && session_maybe_bonded(&peer->session) &&
	    !(path && path_has_target(path)))
		return;
	if (!path && peer->paths.followed != PATH_NONE &&
	    peer->paths.slot[peer->paths.followed].route.link == r->route.link)
		path = &peer->paths.slot[peer->paths.followed];
	if (!path)
		path = peer_add_path(peer, &r->route, -1, now_ns);
	if (!path)
		return;
	peer_set_route(peer, path, &r->route, now_ns);
	peer_follow(peer, path, now_ns);
	if (peer->verdict.is == VERDICT_STOCK)
		health_assume_up(&path->health, "the peer has moved here", now_ns);
}

/* Whether what it says is of a session that we have. */
static bool sign_counts(const struct peer *peer, const struct life_sign *sign)
{
	return peer->verdict.is == VERDICT_BONDED && session_has_key(&peer->session, sign->key);
}

static void take_signs_of(struct peer *peer, struct path *path, uint64_t now_ns)
{
	struct dp_path *dp = &peer->dp->path[path_id(&peer->paths, path)];
	struct life_sign sign;

	while (signs_take(&dp->probes, &path->probes_taken, &sign)) {
		heed_probe(peer, sign.key, now_ns);
		if (sign_counts(peer, &sign))
			take_probe(peer, path, &sign);
	}
	peer_take_mtu_refusal(peer, path, now_ns);
	while (signs_take(&dp->answers, &path->answers_taken, &sign)) {
		if (sign_counts(peer, &sign))
			take_answer(peer, path, &sign, now_ns);
	}
}

void peer_take_signs(struct peer *peer, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (path_is_used(&peer->paths.slot[i]))
			take_signs_of(peer, &peer->paths.slot[i], now_ns);
	}
}

/* The data plane's word for it may be older than the path that has the place. */
static unsigned path_of(const struct peer *peer, const struct batch *r)
{
	const struct path *path = r->path_id < PATHS_MAX ? &peer->paths.slot[r->path_id] : NULL;

	return path && path_is_used(path) && path->route.link == r->route.link ? r->path_id
	                                                                       : PATH_NONE;
}

void peer_take_notice(struct peer *peer, const struct batch *r, uint64_t now_ns)
{
	struct cause cause = {.notice = r,
	                      .path_id = path_of(peer, r),
	                      .budget.bytes = r->answer_bytes,
	                      .ack_path = PATH_NONE};
	const uint8_t *payload;
	struct frame frame;
	size_t offset = 0;

	if (r->len == 0) {
		take_origin(peer, r, now_ns);
		return;
	}
	if (r->keypair && !session_has_key(&peer->session, r->keypair->local_index))
		return;
	if (!r->keypair || !keypair_is_fresh(r->keypair, now_ns))
		return;
	peer_session_confirmed(peer, now_ns);
	payload = segment_payload(r, &r->segment[0]);
	while (frame_next(payload, r->segment[0].len, &offset, &frame) == FRAME_FOUND)
		take_frame(peer, &cause, &frame, now_ns);
	send_answers(peer, &cause);
}
