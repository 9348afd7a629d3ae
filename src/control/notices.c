/* SPDX-License-Identifier: MIT */
#include "control/notices.h"

#include <sys/epoll.h>

#include "control/conductor.h"
#include "control/peer_frames.h"
#include "control/peer_handshake.h"
#include "control/peer_links.h"
#include "dataplane/engine.h"

#define EVENTS_PER_TURN 64u

/* A round of the dispatcher may have asked with the keypair before in hand. */
static void answer_want(struct peer *peer, uint64_t now_ns)
{
	if (session_is_young(&peer->session, now_ns))
		atomic_store(&peer->dp->session_wanted, false);
	else if (!peer->handshake.is_pending)
		peer_initiate(peer, false, now_ns);
}

/* The place may be another path's by now. */
static void take_refusal(struct peer *peer, struct path *path, struct dp_path *dp, uint64_t now_ns)
{
	uint32_t refusal = atomic_exchange(&dp->refusal, 0);

	if (refusal && path_is_used(path) && path->route.link->id == dp_refusal_link(refusal))
		peer_path_refused(peer, path, dp_refusal_error(refusal), now_ns);
}

static void take_event(struct dp_peer *dp, unsigned events, uint64_t now_ns)
{
	struct peer *peer = dp->control;

	if (!peer)
		return; /* it went meanwhile */
	if (events & PEER_EVENT_WANT_SESSION)
		answer_want(peer, now_ns);
	for (unsigned i = 0; events & PEER_EVENT_SEND_ERROR && i < PATHS_MAX; i++)
		take_refusal(peer, &peer->paths.slot[i], &dp->path[i], now_ns);
	peer_service(peer, now_ns); /* which takes the life signs */
}

static void take_notice(const struct batch *notice, uint64_t now_ns)
{
	struct peer *peer = notice->peer->control;

	if (!peer || !uplinks_know(peer->uplinks, notice->route.link, notice->time_ns))
		return; /* it went meanwhile, or the link did over which that came */
	peer_take_notice(peer, notice, now_ns);
	peer_service(peer, now_ns);
}

void notices_take(struct notices *notices, uint64_t now_ns)
{
	struct engine *engine = notices->engine;
	struct dp_peer *dp;
	struct batch *notice;
	unsigned events, events_taken = 0, notices_taken = 0;

	engine_events_begin(engine);
	if (engine_tun_error(engine)) {
		notices->tun_gone(notices->arg, engine_tun_error(engine));
		return;
	}
	/* Each with a bound of its own: whoever makes one of them without end must not starve the
	 * other.
	 */
	while (events_taken < EVENTS_PER_TURN && (dp = engine_take_event(engine, &events))) {
		events_taken++;
		take_event(dp, events, now_ns);
		dp_peer_put(dp);
	}
	while (notices_taken < EVENTS_PER_TURN && (notice = engine_take_notice(engine))) {
		notices_taken++;
		take_notice(notice, now_ns);
		batch_free(notice);
	}
	if (events_taken == EVENTS_PER_TURN || notices_taken == EVENTS_PER_TURN)
		engine_wake_control(engine); /* handshakes and deadlines get their turn */
}

static void on_engine(struct event_source *source, uint32_t ready, uint64_t now_ns)
{
	(void)ready;
	notices_take(caa_container_of(source, struct notices, source), now_ns);
}

int notices_init(struct notices *notices, struct loop *loop)
{
	notices->source = (struct event_source){engine_event_fd(notices->engine), on_engine};
	return loop_watch(loop, &notices->source, EPOLLIN);
}
