/* SPDX-License-Identifier: MIT */
/* What news lead to, by the table of conductor.c; what single steps do is in the tests of their
 * files.
 */
#include <errno.h>

#include "peer_case.h"

TestSuite(conductor, .init = case_setup, .fini = case_teardown);

static unsigned lines;

static void count_line(struct effects *fx, enum log_level level, const char *line)
{
	(void)fx, (void)level, (void)line;
	lines++;
}

static void hear(enum peer_news news)
{
	rig.control.fx->log = count_line;
	peer_hears(rig.peer, news, &(struct news){.now_ns = rig.now_ns});
}

Test(conductor, goodbye_ends_all_that_there_was_and_expects_it_back)
{
	bonded();
	hear(NEWS_GOODBYE);
	cr_expect(not(session_has_keys(&rig.peer->session)));
	cr_expect(eq(ptr, rcu_dereference(rig.peer->dp->current), NULL));
	for (unsigned i = 0; i < RIG_LINKS; i++)
		cr_expect(eq(int, origin(i)->health.state, PATH_DOWN));
	cr_expect(rig.peer->is_unreachable);
	cr_expect(ne(u64, rig.peer->handshake.retry_ns, NEVER_NS));
	cr_expect(eq(uint, lines, 1));
}

Test(conductor, one_that_comes_to_us_is_waited_for)
{
	bonded();
	endpoints_fini(&rig.peer->endpoints);
	hear(NEWS_GOODBYE);
	cr_expect(eq(u64, rig.peer->handshake.retry_ns, NEVER_NS));
	hear(NEWS_GAVE_UP);
	cr_expect(eq(u64, rig.peer->handshake.retry_ns, NEVER_NS));
}

Test(conductor, giving_up_drops_what_waits_and_comes_back_in_half_a_minute)
{
	rig_path(&rig, 0);
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	atomic_store(&rig.peer->dp->session_wanted, true);
	atomic_store(&rig.peer->dp->data_tx_since_ns, rig.now_ns);
	hear(NEWS_GAVE_UP);
	cr_expect(not(rig.peer->handshake.is_pending));
	cr_expect(not(atomic_load(&rig.peer->dp->session_wanted)));
	cr_expect(eq(u64, counter_read(&rig.peer->dp->data_tx_since_ns), 0));
	cr_expect(eq(u64, rig.peer->handshake.retry_ns, rig.now_ns + 30 * NS_PER_S));
	cr_expect(rig.peer->is_unreachable);
	hear(NEWS_GAVE_UP);
	cr_expect(eq(uint, lines, 1), "told once");
}

Test(conductor, restart_makes_the_paths_of_a_bonded_peer_doubtful_and_nameless)
{
	bonded();
	bring_up(origin(0));
	origin(0)->knows_remote_id = true;
	hear(NEWS_RESTARTED);
	cr_expect(eq(int, origin(0)->health.state, PATH_UNPROVEN));
	cr_expect(not(origin(0)->knows_remote_id));
	cr_expect(ne(ptr, rig.peer->session.current, NULL), "the session is its new life's");
}

Test(conductor, dead_path_learnt_from_a_bonded_peer_is_forgotten_also_while_it_is_followed)
{
	struct path *dead, *other;

	bonded();
	dead = paths_followed(&rig.peer->paths);
	other = dead == origin(0) ? origin(1) : origin(0);
	dead->endpoint = -1;
	bring_up(other);
	health_fail(&dead->health, "for the test", rig.now_ns);
	peer_service(rig.peer, rig.now_ns + 30 * NS_PER_S - 1);
	cr_expect(path_is_used(dead));
	bring_up(other);
	peer_service(rig.peer, rig.now_ns + 30 * NS_PER_S);
	cr_expect(not(path_is_used(dead)));
	cr_expect(eq(ptr, paths_followed(&rig.peer->paths), other));
}

Test(conductor, old_keys_are_wiped)
{
	bonded();
	hear(NEWS_KEYS_OLD);
	cr_expect(not(session_has_keys(&rig.peer->session)));
}

Test(conductor, session_takes_away_the_wish_for_one)
{
	rig_path(&rig, 0);
	rig.peer->is_unreachable = true;
	atomic_store(&rig.peer->dp->session_wanted, true);
	rig_session(&rig, true, false, 0);
	cr_expect(not(atomic_load(&rig.peer->dp->session_wanted)));
	cr_expect(not(rig.peer->is_unreachable));
	cr_expect(eq(int, rig.peer->verdict.is, VERDICT_STOCK), "no marker was sent");
	cr_expect(eq(uint, rig.peer->paths.published_mask, 1u << rig.peer->paths.followed));
}

Test(conductor, uses_copies_of_its_settings)
{
	struct path *path = bonded_and_up();

	rig.config.error_backoff_ns = 77 * NS_PER_S;
	rig.config_peer.endpoint_count = 0;
	for (unsigned i = 0; i < 3; i++)
		peer_path_refused(rig.peer, path, EPERM, rig.now_ns);
	cr_expect(eq(u64, path->rest_until_ns, rig.now_ns + 5 * NS_PER_S));
	hear(NEWS_GAVE_UP);
	cr_expect(ne(u64, rig.peer->handshake.retry_ns, NEVER_NS));
	rig.config_peer.endpoint_count = RIG_LINKS;
}

/* Its answer to the challenge of @path, from the peer's address @from over link 0. */
static void prove(struct keypair *kp, const struct path *path, unsigned from)
{
	struct frame_path_challenge body = {.path_id = (uint8_t)path_id(&rig.peer->paths, path)};
	struct batch *r;

	memcpy(body.token, path->challenge, sizeof body.token);
	r = rig_notice(&rig, kp, 0, PATH_NONE, FRAME_PATH_RESPONSE, &body, sizeof body);
	r->route.remote = rig.remote[from];
	peer_take_notice(rig.peer, r, rig.now_ns);
	batch_free(r);
}

static unsigned paths_to(const struct route *route)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *path = &rig.peer->paths.slot[i];

		n += path_is_used(path) && route_is_same_way(&path->route, route);
	}
	return n;
}

/* A path moves to where a handshake came from as well; which of them proves it first? */
static void move_to_origin(bool origin_first)
{
	struct keypair *kp = bonded();
	struct path *path = origin(0), *candidate;
	struct route elsewhere = rig_route(&rig, 0);

	elsewhere.remote = rig.remote[1];
	candidate = peer_add_origin(rig.peer, &elsewhere, 148, rig.now_ns);
	peer_ask_path(rig.peer, candidate, &elsewhere);
	peer_ask_path(rig.peer, path, &elsewhere);
	prove(kp, origin_first ? candidate : path, 1);
	cr_expect(eq(uint, paths_to(&elsewhere), 1));
	prove(kp, origin_first ? path : candidate, 1);
	cr_expect(eq(uint, paths_to(&elsewhere), 1));
}

Test(conductor, origin_that_a_path_has_moved_to_is_no_second_path)
{
	move_to_origin(false);
}

Test(conductor, path_does_not_move_to_where_another_one_is)
{
	move_to_origin(true);
}

/* ---- a peer that is removed and added again ---- */

static struct timespec wall = {.tv_sec = 1800000000};

static struct timespec wall_clock(struct effects *fx)
{
	(void)fx;
	return wall;
}

/* Begins an attempt; its time stamp. */
static void stamp_of_attempt(uint8_t ret[static TAI64N_LEN])
{
	rig_path(&rig, 0);
	cr_assert(peer_initiate(rig.peer, false, rig.now_ns));
	memcpy(ret, rig.peer->handshake.newest_timestamp, TAI64N_LEN);
}

Test(conductor, time_stamps_to_a_peer_that_comes_back_do_not_go_back)
{
	uint8_t before[TAI64N_LEN], after[TAI64N_LEN];

	rig.control.fx->wall_clock = wall_clock;
	stamp_of_attempt(before);
	peer_destroy(rig.peer);
	wall.tv_sec -= 3600;
	cr_assert(eq(int, make_peer(&rig.control, &rig.config, &rig.config_peer, &rig.peer), 0));
	rig.peers[0] = rig.peer;
	stamp_of_attempt(after);
	cr_expect(lt(int, 0, memcmp(after, before, TAI64N_LEN)));
}
