/* SPDX-License-Identifier: MIT */
#include "control/conductor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/peer_endpoints.h"
#include "control/peer_frames.h"
#include "control/peer_handshake.h"
#include "control/peer_link_state.h"
#include "control/peer_links.h"
#include "control/peer_mtu.h"
#include "control/peer_paths.h"
#include "control/peer_probes.h"
#include "control/peer_session.h"
#include "control/peer_table.h"
#include "control/peer_timers.h"
#include "control/peer_told.h"
#include "control/peer_verdict.h"
#include "control/stamps.h"
#include "crypto/secret.h"
#include "dataplane/publish.h"

/* What news mean: which steps are taken, in which order. */
typedef void step(struct peer *peer, const struct news *n);

#define STEPS_MAX 8u

static step *const table[NEWS_COUNT][STEPS_MAX] = {
	[NEWS_SESSION_MADE] = {want_no_session, note_heard, tell_session, be_reachable,
                               weigh_marker, refuse_data, publish_paths, prove_key},
	[NEWS_SESSION_CONFIRMED] = {publish_key, want_no_session, abandon_attempt, tell_session,
                                    be_reachable, weigh_marker, refuse_data, publish_paths},
	[NEWS_SESSION_FAILED] = {tell_no_session},
	[NEWS_KEYS_OLD] = {tell_keys_old, end_session},
	[NEWS_PLAIN] = {send_no_lanes, settle, decide_plain, forget_mtus, forget_link_state,
                        assume_up, tell_plain},
	[NEWS_BONDED] = {order_packets, follow_nobody, doubt_paths, tell_bonded},
	[NEWS_RESTARTED] = {tell_restarted, forget_remote_ids, forget_link_state, doubt_paths},
	[NEWS_GOODBYE] = {tell_goodbye, leave_session, abandon_attempt, fail_paths, be_unreachable,
                          expect_return},
	[NEWS_VERDICT_DUE] = {be_plain, refuse_data, publish_paths},

	[NEWS_SENT] = {tell_sent},
	[NEWS_EXTENDED] = {tell_extended},
	[NEWS_ANSWERED] = {tell_answered},
	[NEWS_ANSWERED_COPY] = {tell_answered_copy},
	[NEWS_STALE] = {tell_stale},
	[NEWS_ANSWERED_TWICE] = {tell_answered_twice},

	[NEWS_SILENT] = {break_silence},
	[NEWS_SPOKEN_TO] = {keep_alive},
	[NEWS_QUIET] = {keep_alive_or_begin},
	[NEWS_KEY_AGED] = {renew_key},
	[NEWS_SECRET_NEW] = {forget_answer, abandon_attempt, begin_anew},
	[NEWS_RETRY_DUE] = {retry},
	[NEWS_UNANSWERED] = {tell_unanswered},
	[NEWS_GAVE_UP] = {tell_gave_up, be_unreachable, abandon_attempt, drop_what_waits,
                          want_no_session, try_later},
	[NEWS_NO_ORDER] = {tell_no_order},

	[NEWS_PATH_MOVED] = {lead_anew, forget_mtu, tell_path_moved},
	[NEWS_PATH_PROVED] = {tell_path_proved, follow_proved},
	[NEWS_PATH_CHANGED] = {tell_path_state, check_source},
	[NEWS_PATH_ANSWERS] = {tell_path_answers},
	[NEWS_PATH_FORGOTTEN] = {tell_path_forgotten, free_path},
	[NEWS_PATH_REFUSED] = {tell_path_refused},
	[NEWS_PATH_RESTS] = {rest_path, tell_path_rests, publish_paths},
	[NEWS_PATH_DOUBTED] = {suspect_path, tell_path_doubted},
	[NEWS_PATH_MTU] = {tell_path_mtu, keep_to_mtu},
	[NEWS_PATH_SHARES] = {tell_path_shares},
	[NEWS_SOURCE_STALE] = {tell_source, forget_source},
	[NEWS_ENDPOINTS_GONE] = {forget_orphans, follow_endpoint, publish_paths, look_elsewhere},
	[NEWS_ADDRESS_FOUND] = {follow_endpoint, look_there},
	[NEWS_NO_ADDRESS] = {tell_no_address},
	[NEWS_NAME_FAILED] = {tell_addresses_kept},
	[NEWS_NO_PATH] = {tell_no_path},
	[NEWS_TRAINS_REFUSED] = {tell_trains},
	[NEWS_LINK_FAILED] = {fail_paths_of_link, publish_paths, look_elsewhere},
	[NEWS_LINK_CLOSED] = {forget_cookie, fail_paths_of_link, withdraw_paths_of_link,
                              publish_paths, look_elsewhere},
	[NEWS_LINK_BACK] = {keep_ways, lead_again, use_link_again, follow_endpoint,
                            assume_up_on_link},
	[NEWS_LINK_GONE] = {forget_cookie, forget_paths_of_link, publish_paths, look_elsewhere},
};

void peer_conduct(struct peer *peer, enum peer_news news, const struct news *n)
{
	for (unsigned i = 0; i < STEPS_MAX && table[news][i]; i++)
		table[news][i](peer, n);
}

/* Probes while data flows: ten per second find a dead path in about half a second, at 16 kbit/s. */
#define BUSY_PROBE_NS (100 * NS_PER_MS)

/* What an answer may be late beyond the estimate: a scheduler's slice on a loaded machine. */
#define PROBE_SLACK_NS (150 * NS_PER_MS)

/* Lines one peer can cause by what it sends. */
#define PEER_LOG_LINES  20u
#define REPEATED_LOG_NS (60 * NS_PER_S) /* one that says the same again and again */
#define PEER_LOG_NS     NS_PER_S

static void expired(struct deadline *d, uint64_t now_ns)
{
	peer_service(caa_container_of(d, struct peer, deadline), now_ns);
}

static void set_health(struct peer *peer, const struct desired *config)
{
	peer->health_settings = (struct health_settings){
		.interval_ns = config->health_interval_ns,
		.timeout_ns = config->health_timeout_ns,
		.busy_ns = config->health_interval_ns < BUSY_PROBE_NS ? config->health_interval_ns
	                                                              : BUSY_PROBE_NS,
		.slack_ns = PROBE_SLACK_NS,
	};
}

int peer_create(struct peer_shared *shared, const struct desired *wanted,
                const struct desired_peer *config, struct peer **ret)
{
	struct peer *peer = calloc(1, sizeof *peer);

	if (!peer)
		return -ENOMEM;
	peer->conduct = peer_conduct;
	peer->id = shared->next_id++;
	peer->fx = shared->fx;
	peer->uplinks = shared->uplinks;
	peer->identity = shared->identity;
	peer->stamps = shared->stamps;
	snprintf(peer->name, sizeof peer->name, "%s", config->name);
	peer->deadline.expired = expired;
	peer->log_limit = (struct log_limit){.interval_ns = PEER_LOG_NS, .burst = PEER_LOG_LINES};
	peer->stale_limit = peer->refusal_limit =
		(struct log_limit){.interval_ns = REPEATED_LOG_NS, .burst = 1};
	paths_init(&peer->paths);
	peer->sampled_ns = shared->now_ns;
	verdict_init(&peer->verdict);
	link_state_out_init(&peer->link_state_out);
	set_health(peer, wanted);
	cookie_keys_init(&peer->cookie_keys, config->public_key);
	peer->dp = engine_create_peer(shared->engine, peer);
	frames_init(&peer->frames, peer->fx, peer->dp, shared->boot_id);
	peer->remote = secret_alloc(sizeof *peer->remote);
	if (handshake_init(&peer->handshake, peer->fx, peer) || !peer->dp || !peer->remote ||
	    peer_settings_init(&peer->set, wanted, config) ||
	    endpoints_init(&peer->endpoints, config->endpoints, config->endpoint_count)) {
		peer_destroy(peer);
		return -ENOMEM;
	}
	stamps_take(peer->stamps, config->public_key, peer->handshake.newest_timestamp);
	noise_remote_init(peer->remote, shared->identity, config->public_key,
	                  config->preshared_key);
	atomic_store(&peer->dp->data_refused, peer->set.requires_bonding);
	*ret = peer;
	return 0;
}

/* Once. */
static void keep_stamp(struct peer *peer)
{
	stamps_keep(peer->stamps, peer->set.public_key, peer->handshake.newest_timestamp);
	memset(peer->handshake.newest_timestamp, 0, TAI64N_LEN);
}

void peer_leave(struct peer *peer)
{
	peer->fx->wake_at(peer->fx, &peer->deadline, NEVER_NS);
	peer_end_session(peer);
	peer->fx->publish_paths(peer->fx, peer->dp, NULL);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		peer->fx->publish_target(peer->fx, peer->dp, i, NULL);
	peer->fx->drop_staged(peer->fx, peer->dp);
	keep_stamp(peer);
	handshake_abandon(&peer->handshake);
	peer->dp->control = NULL; /* of which news may be on its way */
}

void peer_destroy(struct peer *peer)
{
	if (!peer)
		return;
	if (peer->dp) {
		peer_leave(peer);
		dp_peer_put(peer->dp);
	}
	handshake_fini(&peer->handshake);
	secret_free(peer->remote);
	endpoints_fini(&peer->endpoints);
	peer_settings_fini(&peer->set);
	last_second_free(peer->second);
	free(peer);
}

void peer_service(struct peer *peer, uint64_t now_ns)
{
	uint64_t next, due;

	peer_session_confirmed(peer, now_ns);
	/* Before the paths are looked at: after a pause of this process answers that are here would
	 * look overdue.
	 */
	peer_take_signs(peer, now_ns);
	/* First: it may begin a handshake, with deadlines of its own. */
	next = peer_endpoints_service(peer, now_ns);
	peer_extend_initiation(peer, now_ns);
	due = peer_verdict_service(peer, now_ns);
	next = due < next ? due : next;
	due = peer_paths_service(peer, now_ns);
	next = due < next ? due : next;
	due = peer_link_state_service(peer, now_ns);
	next = due < next ? due : next;
	due = peer_timers_service(peer, now_ns);
	next = due < next ? due : next;
	due = peer_next_copy_ns(peer, now_ns);
	next = due < next ? due : next;
	if (frames_owe(&peer->frames) && now_ns + MEMORY_RETRY_NS < next)
		next = now_ns + MEMORY_RETRY_NS;
	peer->fx->wake_at(peer->fx, &peer->deadline, next);
}
