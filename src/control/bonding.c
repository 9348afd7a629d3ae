/* SPDX-License-Identifier: MIT */
/* bonding.c - finding out whether the peer is vtrunkd, and the frames that bonded peers exchange.
 *
 *   our role     marker                 first frame            verdict
 *   responder    seen in initiation     HELLO, by us           bonded at HELLO_ACK
 *   responder    not seen               -                      plain, at once
 *   both at once, seen in the other's   HELLO, by both         bonded at either
 *   initiator    sent by us             -                      bonded at HELLO; plain after 3 s
 *
 * So a plain peer never gets a frame. A peer that was bonded in the session before is trusted to be
 * bonded still until the verdict is due: data goes on without a pause at each new session.
 */
#include <string.h>

#include "base/bytes.h"
#include "control/control.h"
#include "control/peer_session.h"
#include "crypto/aead.h"

#define HELLO_INTERVAL_NS (NS_PER_S / 2) /* until it is acknowledged */
#define HELLO_MAX         6u             /* then the verdict stands as it is */
#define VERDICT_MIN_NS    (3 * NS_PER_S)

/* How long a goodbye waits for memory. Workers that take longer are not going to send it either. */
#define GOODBYE_PATIENCE_MS 100u

const char *verdict_name(enum bonding_verdict verdict)
{
	static const char *const names[] = {[VERDICT_UNKNOWN] = "unknown",
	                                    [VERDICT_STOCK] = "stock",
	                                    [VERDICT_BONDED] = "bonded"};

	return names[verdict];
}

/* ---- sending ---- */

/* False without a session or without memory. */
static bool send_payload(struct peer *peer, unsigned path_id, unsigned lane, const void *payload,
                         size_t len, const struct route *to)
{
	return peer->session.current &&
	       peer->fx->send_payload(peer->fx, peer->dp, peer->session.current, path_id, lane,
	                              payload, len, to);
}

bool bonding_send_frame(struct peer *peer, unsigned path_id, enum frame_type type, const void *body,
                        size_t body_len, const struct route *to)
{
	uint8_t payload[LATE_LEN_MAX];
	size_t len = frame_append(payload, 0, sizeof payload, type, body, body_len);

	return send_payload(peer, path_id, LANE_CONTROL + path_id, payload, len, to);
}

void bonding_send_keepalive(struct peer *peer)
{
	unsigned id = path_to_speak(peer);

	peer->owes_keepalive = peer->session.current && id != PATH_NONE &&
	                       !send_payload(peer, id, LANE_ORDERED, NULL, 0, NULL);
}

bool bonding_owes(const struct peer *peer)
{
	return peer->owes_keepalive || peer->owed_hellos || peer->owed_acks;
}

static size_t append_hello(const struct peer *peer, enum frame_type type, uint8_t *payload,
                           size_t size)
{
	struct frame_hello hello = {.version = 1,
	                            .path_limit = PATHS_MAX,
	                            .replay_log2 = (uint8_t)__builtin_ctz(REPLAY_BITS_BONDED)};

	memcpy(hello.boot_id, peer->control->boot_id, sizeof hello.boot_id);
	return frame_append(payload, 0, size, type, &hello, sizeof hello);
}

/* HELLO and its answer travel in lane 0: the other lanes are agreed on by them. A candidate gets a
 * challenge with it, so that its answer proves the address. False: without memory.
 */
static bool send_hello(struct peer *peer, enum frame_type type, struct path *path)
{
	uint8_t payload[2 * FRAME_HEADER_LEN + sizeof(struct frame_hello) +
	                sizeof(struct frame_path_challenge)];
	struct frame_path_challenge challenge = {.path_id = (uint8_t)path_id(peer, path)};
	const uint32_t told = sizeof payload + PADDING_MULTIPLE + TRANSPORT_OVERHEAD;
	size_t len;

	if (!peer->session.current)
		return true; /* memory would not help */
	len = append_hello(peer, type, payload, sizeof payload);
	if (path->has_target)
		return send_payload(peer, path_id(peer, path), LANE_ORDERED, payload, len, NULL);
	if (!path_may_tell(path, told))
		return true;
	memcpy(challenge.token, path_challenge(peer, path, &path->route), sizeof challenge.token);
	len = frame_append(payload, len, sizeof payload, FRAME_PATH_CHALLENGE, &challenge,
	                   sizeof challenge);
	if (send_payload(peer, path_id(peer, path), LANE_ORDERED, payload, len, &path->route))
		return true;
	path->told_bytes -= told;
	return false;
}

/* Over the paths in @mask; returns those for which there was no memory. */
static uint16_t send_hellos(struct peer *peer, enum frame_type type, uint16_t mask)
{
	uint16_t owed = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		struct path *path = &peer->path[i];

		if (mask & 1u << i && path->is_used && path_can_leave(peer, path) &&
		    !send_hello(peer, type, path))
			owed |= (uint16_t)(1u << i);
	}
	return owed;
}

/* Over every path, since any may be dead in our direction, and to where handshakes came from. */
static uint16_t paths_to_greet(const struct peer *peer)
{
	uint16_t mask = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->path[i];

		if (path->is_used && (path->has_target || path->is_origin))
			mask |= (uint16_t)(1u << i);
	}
	return mask;
}

/* The last that is said: other threads work still, and memory comes home from them. */
static void send_goodbye(struct peer *peer, unsigned id, const struct frame_goodbye *body)
{
	while (!bonding_send_frame(peer, id, FRAME_GOODBYE, body, sizeof *body, NULL)) {
		if (!peer->session.current ||
		    !peer->fx->await_memory(peer->fx, GOODBYE_PATIENCE_MS))
			return;
	}
}

void bonding_say_goodbye(struct peer *peer)
{
	struct frame_goodbye body = {.reason = GOODBYE_STOPPING};

	if (peer->verdict != VERDICT_BONDED)
		return;
	memcpy(body.boot_id, peer->control->boot_id, sizeof body.boot_id);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (peer->path[i].is_used && peer->path[i].has_target &&
		    path_can_leave(peer, &peer->path[i]))
			send_goodbye(peer, i, &body);
	}
}

/* ---- the verdict ---- */

static void refuse_data(struct peer *peer)
{
	bool refused = peer->control->config->bonding == BONDING_POLICY_REQUIRE &&
	               peer->verdict != VERDICT_BONDED;

	atomic_store(&peer->dp->data_refused, refused);
}

static void be_bonded(struct peer *peer, uint64_t now_ns)
{
	peer->verdict_ns = NEVER_NS;
	if (peer->session.current)
		atomic_store(&peer->session.current->send_lanes, true);
	if (peer->verdict == VERDICT_BONDED)
		return;
	peer->verdict = VERDICT_BONDED;
	if (peer->fx->enable_reorder(peer->fx, peer->dp))
		effects_log(peer->fx, LOG_LEVEL_WARNING,
		            "peer=%s: no memory to put packets in order", peer->name);
	atomic_store(&peer->dp->followed_path, (uint8_t)PATH_ANY);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (peer->path[i].is_used)
			health_reset(&peer->path[i].health, now_ns);
	}
	peer_log(peer, now_ns, "peer=%s: is a vtrunkd, bonding in mode %s", peer->name,
	         bonding_mode_name(peer->config->mode));
}

static void be_stock(struct peer *peer, uint64_t now_ns)
{
	enum bonding_verdict before = peer->verdict;

	peer->verdict_ns = peer->hello_ns = NEVER_NS;
	if (peer->session.current)
		atomic_store(&peer->session.current->send_lanes, false);
	path_settle(peer, now_ns);
	peer->verdict = VERDICT_STOCK;
	atomic_store(&peer->dp->followed_path, (uint8_t)peer->active);
	if (peer->active != PATH_NONE)
		health_assume_up(&peer->path[peer->active].health, "carries the session", now_ns);
	if (before != VERDICT_STOCK)
		peer_log(peer, now_ns, "peer=%s: is plain WireGuard, one link at a time%s",
		         peer->name,
		         peer->control->config->bonding == BONDING_POLICY_REQUIRE
		                 ? "; bonding is required, its data is refused"
		                 : "");
}

/* Until the verdict: as in the session before. */
static void go_on(struct peer *peer, uint64_t now_ns)
{
	uint64_t wait = 3 * peer->control->config->health_interval_ns;

	if (peer->verdict == VERDICT_BONDED)
		be_bonded(peer, now_ns);
	peer->verdict_ns = now_ns + (wait > VERDICT_MIN_NS ? wait : VERDICT_MIN_NS);
	if (peer->verdict == VERDICT_STOCK && peer->active != PATH_NONE)
		health_assume_up(&peer->path[peer->active].health, "carries the session", now_ns);
}

void bonding_session_began(struct peer *peer, bool is_initiator, uint64_t now_ns)
{
	char remote[ENDPOINT_TEXT_LEN] = "to-be-proved";

	if (peer->active != PATH_NONE)
		endpoint_format(&peer->path[peer->active].route.remote, remote);
	if (peer->session.count == 1 || peer->is_unreachable)
		peer_log(peer, now_ns, "peer=%s remote=%s: session established, we are the %s",
		         peer->name, remote, is_initiator ? "initiator" : "responder");
	else
		effects_log(peer->fx, LOG_LEVEL_DEBUG,
		            "peer=%s remote=%s: new session, we are the %s", peer->name, remote,
		            is_initiator ? "initiator" : "responder");
	peer->is_unreachable = false;
	peer->hellos = 0;
	peer->hello_ns = NEVER_NS;
	if (!(is_initiator ? peer->sent_marker : peer->saw_marker)) {
		be_stock(peer, now_ns);
	} else {
		go_on(peer, now_ns);
		if (!is_initiator || peer->session.has_crossed)
			peer->hello_ns = now_ns;
	}
	refuse_data(peer);
	path_publish(peer, now_ns);
	if (is_initiator && peer->active != PATH_NONE)
		/* Whatever comes first proves to the responder that we have the key. */
		bonding_send_keepalive(peer);
}

/* What memory was lacking for the last time. */
static void pay_owed(struct peer *peer)
{
	if (peer->owes_keepalive)
		bonding_send_keepalive(peer);
	peer->owed_acks = send_hellos(peer, FRAME_HELLO_ACK, peer->owed_acks);
	peer->owed_hellos = send_hellos(peer, FRAME_HELLO, peer->owed_hellos);
}

static void greet(struct peer *peer, uint64_t now_ns)
{
	peer->hello_ns = ++peer->hellos < HELLO_MAX ? now_ns + HELLO_INTERVAL_NS : NEVER_NS;
	peer->owed_hellos = send_hellos(peer, FRAME_HELLO, paths_to_greet(peer));
}

/* Origins of copies of the initiation that came after the greeting. */
static uint16_t origins_to_greet(const struct peer *peer)
{
	uint16_t mask = 0;

	if (!peer->session.current || !peer->session.current->accepts_lanes ||
	    peer->session.current->is_initiator || peer->session.next ||
	    peer->verdict == VERDICT_STOCK)
		return 0;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &peer->path[i];

		if (path->is_used && path->is_origin && !path->has_challenge)
			mask |= (uint16_t)(1u << i);
	}
	return mask;
}

uint64_t bonding_service(struct peer *peer, uint64_t now_ns)
{
	pay_owed(peer);
	if (peer->hello_ns <= now_ns)
		greet(peer, now_ns);
	else
		peer->owed_hellos |= send_hellos(peer, FRAME_HELLO, origins_to_greet(peer));
	if (peer->verdict_ns <= now_ns) {
		be_stock(peer, now_ns);
		refuse_data(peer);
		path_publish(peer, now_ns);
	}
	return peer->hello_ns < peer->verdict_ns ? peer->hello_ns : peer->verdict_ns;
}

/* ---- receiving ---- */

/* Another boot id: the peer was restarted and numbers its paths anew. Which of them still lead to it has to
 * be seen.
 */
static void note_boot_id(struct peer *peer, const uint8_t boot_id[8], uint64_t now_ns)
{
	if (peer->knows_boot_id && memcmp(peer->remote_boot_id, boot_id, 8)) {
		peer_log(peer, now_ns, "peer=%s: was restarted", peer->name);
		for (unsigned i = 0; i < PATHS_MAX; i++) {
			peer->path[i].knows_remote_id = false;
			if (peer->path[i].is_used && peer->verdict == VERDICT_BONDED)
				health_reset(&peer->path[i].health, now_ns);
		}
	}
	memcpy(peer->remote_boot_id, boot_id, 8);
	peer->knows_boot_id = true;
}

/* A datagram being taken: what it may still cause to be sent. */
struct cause {
	const struct batch *report;
	unsigned answer_bytes; /* UDP payload of all that is sent because of it */
	uint32_t answered;     /* a bit for each type of frame of which one was answered */
	unsigned ack_path; /* a HELLO_ACK leaves over it when all frames are read; or PATH_NONE */
	bool has_response; /* and this with it */
	struct frame_path_challenge response;
};

/* Frames that honest peers cause: HELLO over each of their paths, and four PATH_CHALLENGE per second. */
#define ANSWER_NS     (NS_PER_S / 40)
#define ANSWERS_BURST 40u

/* A datagram with one frame of @type, or what the frame adds to one with a HELLO_ACK. */
#define ACK_BYTES      frames_datagram_len(FRAME_HEADER_LEN + sizeof(struct frame_hello))
#define RESPONSE_BYTES frames_datagram_len(FRAME_HEADER_LEN + sizeof(struct frame_path_challenge))
#define BOTH_BYTES                                                              \
	frames_datagram_len(2 * FRAME_HEADER_LEN + sizeof(struct frame_hello) + \
	                    sizeof(struct frame_path_challenge))

/* One answer to each type per datagram, all of them no longer than it, and so many per second and peer. */
static bool may_answer(struct peer *peer, struct cause *cause, enum frame_type type, unsigned bytes,
                       uint64_t now_ns)
{
	if (cause->answered & 1u << type || bytes > cause->answer_bytes ||
	    !bucket_take(&peer->answers, ANSWER_NS, ANSWERS_BURST * ANSWER_NS, now_ns)) {
		peer->fx->count_drop(peer->fx, DROP_ANSWER_LIMITED);
		return false;
	}
	cause->answered |= 1u << type;
	cause->answer_bytes -= bytes;
	return true;
}

/* It is answered on the path where it came in, which works in one direction at least; others of its
 * copies find those that work in the other.
 */
static void take_hello(struct peer *peer, struct cause *cause, const struct frame *f,
                       uint64_t now_ns)
{
	const struct batch *r = cause->report;
	unsigned id = r->path_id == PATH_NONE ? path_to_speak(peer) : r->path_id;
	const struct frame_hello *hello = (const void *)f->body;

	if (hello->version == 0)
		return;
	note_boot_id(peer, hello->boot_id, now_ns);
	be_bonded(peer, now_ns);
	refuse_data(peer);
	if (f->type == FRAME_HELLO_ACK) {
		peer->hello_ns = NEVER_NS;
		peer->owed_hellos = 0;
	} else if (id != PATH_NONE &&
	           may_answer(peer, cause, FRAME_HELLO,
	                      peer->path[id].has_target ? ACK_BYTES : BOTH_BYTES, now_ns)) {
		cause->ack_path = id;
	}
}

/* From where no path is, or to an address of ours that the path did not use; the others come as life signs. A
 * path that carries data stays as it is: the peer may well speak to two of our addresses.
 */
static void take_stray_probe(struct peer *peer, struct cause *cause, const struct frame *f,
                             uint64_t now_ns)
{
	const struct frame_probe *probe = (const void *)f->body;
	const struct batch *r = cause->report;
	struct path *path = r->path_id == PATH_NONE ? NULL : &peer->path[r->path_id];

	if (path && path->is_used && !health_carries_data(&path->health))
		path_set_route(peer, path, &r->route, now_ns);
	if (peer->verdict == VERDICT_BONDED && probe->path_id < PATHS_MAX &&
	    r->path_id == PATH_NONE && path_may_challenge(peer, now_ns) &&
	    may_answer(peer, cause, FRAME_PROBE, RESPONSE_BYTES, now_ns))
		path_heard_of(peer, &r->route, probe->path_id, r, now_ns);
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
	estimate_loss_tx(&path->health.estimate, sign->sent, sign->heard);
	if (health_answered(&path->health, &peer->health_settings, (uint16_t)sign->number,
	                    sign->rtt_us * NS_PER_US, now_ns))
		peer_log(peer, now_ns, "peer=%s path=%u link=%s: %s, %s, round trip %.1f ms",
		         peer->name, path_id(peer, path), path->uplink->config->name,
		         path_state_name(path->health.state), path->health.reason,
		         sign->rtt_us / 1000.0);
}

/* Where no path is: the candidate there may be, or the lane of another. */
static unsigned lane_for(struct peer *peer, const struct route *route)
{
	const struct path *candidate = path_find(peer, route);

	return candidate ? path_id(peer, candidate) : peer->active;
}

/* Also to where no path is: the cause weighs as much. A greeting is HELLO and PATH_CHALLENGE in one datagram,
 * and so is the answer to it.
 */
static void take_challenge(struct peer *peer, struct cause *cause, const struct frame *f,
                           uint64_t now_ns)
{
	const struct batch *r = cause->report;
	unsigned id = r->path_id == PATH_NONE ? lane_for(peer, &r->route) : r->path_id;
	bool is_joined = r->path_id != PATH_NONE && cause->ack_path == id;
	unsigned bytes = is_joined ? BOTH_BYTES - ACK_BYTES : RESPONSE_BYTES;

	if (id == PATH_NONE || !may_answer(peer, cause, FRAME_PATH_CHALLENGE, bytes, now_ns))
		return;
	if (is_joined) {
		memcpy(&cause->response, f->body, sizeof cause->response);
		cause->has_response = true;
	} else {
		bonding_send_frame(peer, id, FRAME_PATH_RESPONSE, f->body,
		                   sizeof(struct frame_path_challenge), &r->route);
	}
}

static void send_answers(struct peer *peer, const struct cause *cause)
{
	uint16_t mask = (uint16_t)(1u << cause->ack_path % PATHS_MAX);
	uint8_t payload[LATE_LEN_MAX];
	size_t len;

	if (cause->ack_path == PATH_NONE)
		return;
	if (!cause->has_response) {
		peer->owed_acks |= send_hellos(peer, FRAME_HELLO_ACK, mask);
		return;
	}
	len = append_hello(peer, FRAME_HELLO_ACK, payload, sizeof payload);
	len = frame_append(payload, len, sizeof payload, FRAME_PATH_RESPONSE, &cause->response,
	                   sizeof cause->response);
	if (!send_payload(peer, cause->ack_path, LANE_ORDERED, payload, len, NULL))
		peer->owed_acks |= mask;
}

static void take_goodbye(struct peer *peer, const struct frame *f, uint64_t now_ns)
{
	const struct frame_goodbye *bye = (const void *)f->body;

	if (peer->knows_boot_id && memcmp(bye->boot_id, peer->remote_boot_id, 8))
		return; /* of an earlier life of the peer */
	peer_log(peer, now_ns, "peer=%s: says goodbye, %s", peer->name,
	         peer->config->endpoint_count ? "trying to reach it again" : "waiting for it");
	peer_end_session(peer);
	handshake_abandon(peer);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (peer->path[i].is_used)
			health_fail(&peer->path[i].health, "the peer has stopped", now_ns);
	}
	peer->is_unreachable = true;
	if (peer->config->endpoint_count)
		handshake_expect_return(peer, now_ns);
}

static void take_frame(struct peer *peer, struct cause *cause, const struct frame *f,
                       uint64_t now_ns)
{
	switch (f->type) {
	case FRAME_HELLO:
	case FRAME_HELLO_ACK:
		if (session_is_newest(&peer->session, cause->report->keypair))
			take_hello(peer, cause, f, now_ns);
		break;
	case FRAME_PROBE:
		take_stray_probe(peer, cause, f, now_ns);
		break;
	case FRAME_PATH_CHALLENGE:
		take_challenge(peer, cause, f, now_ns);
		break;
	case FRAME_PATH_RESPONSE:
		path_proved(peer, &cause->report->route, (const void *)f->body, now_ns);
		break;
	case FRAME_GOODBYE:
		if (session_is_newest(&peer->session, cause->report->keypair))
			take_goodbye(peer, f, now_ns);
		break;
	default:
		break; /* a life sign, or of a later version: counted where it came in */
	}
}

/* A plain peer is where its newest packet came from; one that may be a vtrunkd only if that is proved. */
static void take_origin(struct peer *peer, const struct batch *r, uint64_t now_ns)
{
	struct path *path;

	if (peer->verdict == VERDICT_BONDED)
		return;
	path = path_find(peer, &r->route);
	if (peer->verdict != VERDICT_STOCK && session_maybe_bonded(&peer->session) &&
	    !(path && path->has_target))
		return;
	if (!path && peer->active != PATH_NONE &&
	    peer->path[peer->active].route.link == r->route.link)
		path = &peer->path[peer->active];
	if (!path)
		path = path_add(peer, uplink_of(peer->control, r->route.link), &r->route, -1,
		                now_ns);
	if (!path)
		return;
	path_set_route(peer, path, &r->route, now_ns);
	path_set_active(peer, path, now_ns);
	if (peer->verdict == VERDICT_STOCK)
		health_assume_up(&path->health, "the peer has moved here", now_ns);
}

static void take_signs_of(struct peer *peer, struct path *path, uint64_t now_ns)
{
	struct dp_path *dp = &peer->dp->path[path_id(peer, path)];
	bool is_bonded = peer->verdict == VERDICT_BONDED;
	struct life_sign sign;

	while (signs_take(&dp->probes, &path->probes_taken, &sign)) {
		if (is_bonded && session_has_key(&peer->session, sign.key))
			take_probe(peer, path, &sign);
	}
	while (signs_take(&dp->answers, &path->answers_taken, &sign)) {
		if (is_bonded && session_has_key(&peer->session, sign.key))
			take_answer(peer, path, &sign, now_ns);
	}
}

void bonding_take_signs(struct peer *peer, uint64_t now_ns)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (peer->path[i].is_used)
			take_signs_of(peer, &peer->path[i], now_ns);
	}
}

void bonding_take_report(struct peer *peer, const struct batch *r, uint64_t now_ns)
{
	struct cause cause = {.report = r, .answer_bytes = r->answer_bytes, .ack_path = PATH_NONE};
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
