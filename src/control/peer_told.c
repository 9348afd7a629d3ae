/* SPDX-License-Identifier: MIT */
#include "control/peer_told.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/key_text.h"

#define CLOCK_TEXT_LEN 32u

#define WARN(peer, ...)  effects_log((peer)->fx, LOG_LEVEL_WARNING, __VA_ARGS__)
#define DEBUG(peer, ...) effects_log((peer)->fx, LOG_LEVEL_DEBUG, __VA_ARGS__)

void peer_log(struct peer *peer, uint64_t now_ns, const char *fmt, ...)
{
	char line[512], held_back[64] = "";
	uint64_t suppressed;
	va_list args;

	if (!log_limit_pass(&peer->log_limit, now_ns, &suppressed))
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof line, fmt, args);
	va_end(args);
	if (suppressed)
		snprintf(held_back, sizeof held_back, " (%llu lines held back before)",
		         (unsigned long long)suppressed);
	effects_log(peer->fx, LOG_LEVEL_INFO, "%s%s", line, held_back);
}

/* ---- sessions ---- */

static const char *role(const struct news *n)
{
	return n->is_initiator ? "initiator" : "responder";
}

STEP(tell_session)
{
	const struct path *path = paths_followed(&peer->paths);
	char remote[ENDPOINT_TEXT_LEN] = "to-be-proved";

	if (path)
		endpoint_format(&path->route.remote, remote);
	if (peer->session.count == 1 || peer->is_unreachable)
		peer_log(peer, n->now_ns, "peer=%s remote=%s: session established, we are the %s",
		         peer->name, remote, role(n));
	else
		DEBUG(peer, "peer=%s remote=%s: new session, we are the %s", peer->name, remote,
		      role(n));
}

STEP(tell_no_session)
{
	effects_log(peer->fx, LOG_LEVEL_ERROR, "peer=%s: no session, %s", peer->name,
	            strerror(n->error));
}

STEP(tell_keys_old)
{
	(void)n;
	effects_log(peer->fx, LOG_LEVEL_INFO, "peer=%s: session ended, its keys were too old",
	            peer->name);
}

STEP(tell_silent)
{
	peer_log(peer, n->now_ns, "peer=%s: silent for %.1f s, making a new session", peer->name,
	         (double)(n->now_ns - n->since_ns) / NS_PER_S);
}

/* ---- who the peer is ---- */

STEP(tell_bonded)
{
	peer_log(peer, n->now_ns, "peer=%s: is a vtrunkd, bonding in mode %s", peer->name,
	         bonding_mode_name(peer->set.mode));
}

STEP(tell_plain)
{
	if (n->is_new)
		peer_log(peer, n->now_ns, "peer=%s: is plain WireGuard, one link at a time%s",
		         peer->name,
		         peer->set.requires_bonding ? "; bonding is required, its data is refused"
		                                    : "");
}

STEP(tell_no_order)
{
	(void)n;
	WARN(peer, "peer=%s: no memory to put packets in order", peer->name);
}

STEP(tell_restarted)
{
	peer_log(peer, n->now_ns, "peer=%s: was restarted", peer->name);
}

STEP(tell_goodbye)
{
	peer_log(peer, n->now_ns, "peer=%s: says goodbye, %s", peer->name,
	         peer->endpoints.count ? "trying to reach it again" : "waiting for it");
}

/* ---- handshakes ---- */

STEP(tell_sent)
{
	(void)n;
	DEBUG(peer, "peer=%s: sent handshake initiation %u", peer->name, peer->handshake.attempts);
}

STEP(tell_extended)
{
	(void)n;
	DEBUG(peer, "peer=%s: sent the handshake initiation over another path", peer->name);
}

STEP(tell_answered)
{
	DEBUG(peer, "peer=%s link=%s: answered a handshake initiation%s", peer->name, n->link->name,
	      peer->verdict.saw_marker ? " of a vtrunkd" : "");
}

STEP(tell_answered_copy)
{
	DEBUG(peer, "peer=%s link=%s: answered a copy of the handshake initiation", peer->name,
	      n->link->name);
}

/* New enough or not, and what is too old may be so because of a clock, which people have to be
 * told.
 */
STEP(tell_stale)
{
	uint64_t suppressed;

	if (log_limit_pass(&peer->stale_limit, n->now_ns, &suppressed))
		WARN(peer,
		     "peer=%s: refused a handshake initiation of a time %lld s before that of "
		     "the newest: the peer's clock was set back, or somebody replays old "
		     "ones; it gets in when its clock has passed that time, or when this "
		     "daemon is restarted",
		     peer->name, (long long)peer->answered.stale_by_s);
}

STEP(tell_answered_twice)
{
	peer_log(peer, n->now_ns,
	         "peer=%s: has answered one initiation twice, making a new session", peer->name);
}

/* What this machine takes for the time: an end whose clock was set back is refused without a word,
 * as the protocol has it, and only the other end knows.
 */
static const char *clock_text(struct effects *fx, char buf[static CLOCK_TEXT_LEN])
{
	struct timespec now = fx->wall_clock(fx);
	struct tm tm;

	gmtime_r(&now.tv_sec, &tm);
	strftime(buf, CLOCK_TEXT_LEN, "%Y-%m-%d %H:%M:%S UTC", &tm);
	return buf;
}

/* Nobody tells us what is wrong at the other end, so all that can be compared is said here. */
STEP(tell_unanswered)
{
	const char *at = peer->endpoints.count ? peer->endpoints.known[0].text : "its last address";
	char ours[KEY_TEXT_LEN], theirs[KEY_TEXT_LEN], now[CLOCK_TEXT_LEN];

	(void)n;
	clock_text(peer->fx, now);
	if (peer->session.count) {
		WARN(peer,
		     "peer=%s: no answer to %u handshake initiations, trying on; it "
		     "answered before: look at its links, its address and its log, and "
		     "whether this clock (%s) was set back",
		     peer->name, peer->handshake.attempts, now);
		return;
	}
	key_to_base64(ours, peer->identity->public_key);
	key_to_base64(theirs, peer->set.public_key);
	WARN(peer,
	     "peer=%s: no answer to %u handshake initiations, trying on; compare: the other "
	     "end has to know our public key %s, its own must be %s (vtrunkd pubkey -c FILE "
	     "prints it there), UDP has to reach it at %s%s, and this clock (%s) must not "
	     "be behind a time at which the key was used before",
	     peer->name, peer->handshake.attempts, ours, theirs, at,
	     peer->endpoints.count > 1 ? " or its other endpoints" : "", now);
}

STEP(tell_gave_up)
{
	(void)n;
	if (!peer->is_unreachable)
		WARN(peer, "peer=%s: no answer to %u handshake initiations, %s", peer->name,
		     peer->handshake.attempts,
		     peer->endpoints.count ? "trying again every 30 s"
		                           : "waiting for data or the peer");
}

/* ---- endpoints ---- */

STEP(tell_no_address)
{
	WARN(peer, "peer=%s: no address of %s, %s; asking again every %llu s", peer->name, n->what,
	     n->why, ENDPOINT_ASK_SOON_NS / NS_PER_S);
}

STEP(tell_addresses_kept)
{
	WARN(peer,
	     "peer=%s: no address of %s, %s; keeping those known before and asking again every "
	     "%llu s",
	     peer->name, n->what, n->why, ENDPOINT_ASK_AGAIN_NS / NS_PER_S);
}

/* ---- paths ---- */

/* "peer=NAME path=ID link=LINK remote=ENDPOINT: ..." */
static void tell_path(struct peer *peer, const struct news *n, const char *what, const char *why)
{
	const struct path *path = n->path;
	char remote[ENDPOINT_TEXT_LEN];

	peer_log(peer, n->now_ns, "peer=%s path=%u link=%s remote=%s: %s, %s", peer->name,
	         path_id(&peer->paths, path), path->route.link->name,
	         endpoint_format(&path->route.remote, remote), what, why);
}

STEP(tell_path_state)
{
	const struct path *path = n->path;

	if (path->health.state == PATH_SUSPECT)
		DEBUG(peer, "peer=%s path=%u link=%s: suspect, %s", peer->name,
		      path_id(&peer->paths, path), path->route.link->name, path->health.reason);
	else
		tell_path(peer, n, path_state_name(path->health.state), path->health.reason);
}

STEP(tell_path_answers)
{
	const struct path *path = n->path;

	peer_log(peer, n->now_ns, "peer=%s path=%u link=%s: %s, %s, round trip %.1f ms", peer->name,
	         path_id(&peer->paths, path), path->route.link->name,
	         path_state_name(path->health.state), path->health.reason, n->rtt_us / 1000.0);
}

STEP(tell_path_moved)
{
	if (n->why)
		tell_path(peer, n, "new address", n->why);
}

STEP(tell_path_proved)
{
	if (n->is_new)
		tell_path(peer, n, "new path", "address proved");
}

STEP(tell_path_forgotten)
{
	if (path_has_target(n->path))
		tell_path(peer, n, "forgotten", "dead for 30 s");
}

STEP(tell_path_refused)
{
	uint64_t suppressed;

	if (log_limit_pass(&peer->refusal_limit, n->now_ns, &suppressed))
		tell_path(peer, n, strerror(n->error), "refused by the system, trying on");
}

STEP(tell_path_rests)
{
	tell_path(peer, n, strerror(n->error), "resting");
}

STEP(tell_path_doubted)
{
	DEBUG(peer, "peer=%s path=%u link=%s: suspect, %s", peer->name,
	      path_id(&peer->paths, n->path), n->path->route.link->name, n->why);
}

STEP(tell_no_path)
{
	(void)n;
	WARN(peer, "peer=%s: no path left, packets wait for one", peer->name);
}

STEP(tell_path_mtu)
{
	const struct path *path = n->path;
	unsigned limit = pmtu_limit(&path->mtu), known = pmtu_known(&path->mtu);
	char what[96];

	if (!limit)
		snprintf(what, sizeof what, "carries packets of %u bytes", known);
	else if (path->mtu.state == PMTU_SEARCHING)
		snprintf(what, sizeof what, "swallows long packets, at most %u bytes for now",
		         limit);
	else if (!known)
		snprintf(what, sizeof what, "carries packets of %u bytes in fragments only", limit);
	else
		snprintf(what, sizeof what, "carries packets of up to %u bytes only", limit);
	peer_log(peer, n->now_ns, "peer=%s path=%u link=%s: %s", peer->name,
	         path_id(&peer->paths, path), path->route.link->name, what);
}

STEP(tell_path_shares)
{
	peer_log(peer, n->now_ns, "peer=%s path=%u link=%s: %s", peer->name,
	         path_id(&peer->paths, n->path), n->path->route.link->name, n->why);
}

STEP(tell_source)
{
	const struct path *path = n->path;
	char local[ENDPOINT_TEXT_LEN];

	DEBUG(peer, "peer=%s path=%u link=%s: no longer sends from %s", peer->name,
	      path_id(&peer->paths, path), path->route.link->name,
	      endpoint_format(&path->route.local, local));
}

STEP(tell_trains)
{
	effects_log(peer->fx, LOG_LEVEL_INFO,
	            "peer=%s path=%u link=%s: trains of datagrams are refused, %s; "
	            "those above %u bytes leave one by one",
	            peer->name, path_id(&peer->paths, n->path), n->path->route.link->name,
	            strerror(n->error), n->bytes);
}
