/* SPDX-License-Identifier: MIT */
#include "control/path.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "control/uplink.h"

#define NOW (1000 * NS_PER_S)

static struct link link_ = {.id = 5};
static struct path path;
static struct route here, there;
static const uint8_t token[CHALLENGE_LEN] = {1, 2, 3}, other_token[CHALLENGE_LEN] = {4};

static void setup(void)
{
	static const struct path_counts before = {
		.tx_packets = 1, .tx_bytes = 1000, .rx_bytes = 2000, .answers = 3, .probes = 4};

	here.link = there.link = &link_;
	cr_assert(eq(int, endpoint_parse("192.0.2.1:1000", 0, &here.remote), 0));
	cr_assert(eq(int, endpoint_parse("192.0.2.1:1001", 0, &there.remote), 0));
	path_take(&path, &here, &before, 0, NOW);
}

TestSuite(path, .init = setup);

Test(path, begins_as_a_candidate_that_counts_from_here)
{
	cr_expect(eq(int, path.proof, PATH_ADDED));
	cr_expect(path_is_used(&path));
	cr_expect(not(path_has_target(&path)));
	cr_expect(not(path_is_origin(&path)));
	cr_expect(not(path_is_configured(&path)));
	cr_expect(eq(u32, path.answers_taken, 3));
	cr_expect(eq(u32, path.probes_taken, 4));
	cr_expect(eq(uint, uplink_id_of(path.route.link), 5 / LINK_FAMILIES));
	path_sample(&path, 1000 + 125, 2000 + 250, NS_PER_S);
	cr_expect(eq(u64, path.tx_bps, 1000));
	cr_expect(eq(u64, path.rx_bps, 2000));
}

/* ---- proof, arrow by arrow ---- */

Test(path, origin_of_an_initiation_outranks_that_of_a_copy)
{
	path_note_origin(&path, &here, 148, true);
	cr_expect(eq(int, path.proof, PATH_COPY));
	cr_expect(not(path_is_first_origin(&path)));
	path_note_origin(&path, &here, 148, false);
	cr_expect(eq(int, path.proof, PATH_ORIGIN));
	path_note_origin(&path, &here, 148, true);
	cr_expect(eq(int, path.proof, PATH_ORIGIN));
	cr_expect(eq(u32, path.heard_bytes, 3 * 148));
}

Test(path, each_kind_of_candidate_is_asked_and_stays_what_it_is)
{
	static const enum path_proof kinds[] = {PATH_ADDED, PATH_COPY, PATH_ORIGIN};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		path.proof = kinds[i];
		cr_expect(not(path_is_asked(&path)));
		path_ask(&path, &here, token);
		cr_expect(eq(int, path.proof, kinds[i] + 1));
		cr_expect(path_is_asked(&path));
		cr_expect(not(path_has_target(&path)));
		cr_expect(eq(int, path_is_origin(&path), kinds[i] != PATH_ADDED));
	}
	path.proof = PATH_COPY_ASKED;
	path_note_origin(&path, &here, 148, false);
	cr_expect(eq(int, path.proof, PATH_ORIGIN_ASKED));
}

Test(path, answer_from_where_it_was_asked_proves_it)
{
	path_ask(&path, &here, token);
	cr_expect(not(path_is_answer(&path, &here, other_token)));
	cr_expect(not(path_is_answer(&path, &there, token)));
	cr_expect(path_is_answer(&path, &here, token));
	path_lead(&path, &here);
	path_stop_asking(&path);
	cr_expect(eq(int, path.proof, PATH_PROVED));
	cr_expect(not(path_is_answer(&path, &here, token)), "once");
}

Test(path, nothing_is_answered_where_nothing_was_asked)
{
	static const uint8_t zero[CHALLENGE_LEN];

	cr_expect(not(path_is_answer(&path, &(struct route){0}, zero)));
	cr_expect(not(path_is_answer(&path, &here, zero)));
}

Test(path, path_in_use_is_asked_elsewhere_and_leads_where_it_did)
{
	path_lead(&path, &here);
	cr_expect(eq(int, path.proof, PATH_PROVED));
	path_ask(&path, &there, token);
	cr_expect(eq(int, path.proof, PATH_MOVING));
	cr_expect(path_has_target(&path));
	cr_expect(route_is_same_way(&path.route, &here));
	path_stop_asking(&path);
	cr_expect(eq(int, path.proof, PATH_PROVED));
	path_ask(&path, &there, token);
	path_lead(&path, &there);
	cr_expect(eq(int, path.proof, PATH_MOVING), "the question is open still");
}

Test(path, one_that_leads_somewhere_is_no_origin_any_more)
{
	path_note_origin(&path, &here, 148, false);
	path_lead(&path, &here);
	path_note_origin(&path, &here, 148, false);
	cr_expect(eq(int, path.proof, PATH_PROVED));
	cr_expect(not(path_is_origin(&path)));
}

Test(path, free_from_everywhere)
{
	for (enum path_proof p = PATH_ADDED; p <= PATH_MOVING; p++) {
		path.proof = p;
		path.is_in_table = true;
		path_free(&path);
		cr_expect(not(path_is_used(&path)));
		cr_expect(not(path.is_in_table));
		cr_expect(not(path_is_asked(&path)));
	}
}

Test(path, one_token_goes_with_all_greetings_to_one_address)
{
	cr_expect(eq(int, memcmp(path_ask(&path, &here, token), token, CHALLENGE_LEN), 0));
	cr_expect(eq(int, memcmp(path_ask(&path, &here, other_token), token, CHALLENGE_LEN), 0));
	cr_expect(eq(int, memcmp(path_ask(&path, &there, other_token), other_token, CHALLENGE_LEN),
	             0));
	cr_expect(not(path_is_answer(&path, &here, token)), "the newest counts");
}

/* ---- the rest ---- */

Test(path, candidate_is_told_three_times_what_came_from_it)
{
	cr_expect(not(path_may_tell(&path, 1)));
	path_note_origin(&path, &here, 100, false);
	cr_expect(path_may_tell(&path, 300));
	cr_expect(not(path_may_tell(&path, 1)));
	path_take_back(&path, 50);
	cr_expect(path_may_tell(&path, 50));
	path_lead(&path, &here);
	cr_expect(path_may_tell(&path, 100000));
}

Test(path, late_frame_does_not_move_it_back)
{
	path_note_frame(&path, 100, 7);
	cr_expect(path_is_newer_frame(&path, 100, 8));
	cr_expect(not(path_is_newer_frame(&path, 100, 7)));
	cr_expect(not(path_is_newer_frame(&path, 99, 1000)));
	cr_expect(path_is_newer_frame(&path, 101, 0));
}

Test(path, third_refusal_without_a_success_means_something)
{
	cr_expect(not(path_count_refusal(&path, 5)));
	cr_expect(not(path_count_refusal(&path, 5)));
	cr_expect(not(path_count_refusal(&path, 6)), "one was sent");
	cr_expect(not(path_count_refusal(&path, 6)));
	cr_expect(path_count_refusal(&path, 6));
}

Test(path, refused_trains_are_told_once_per_cause_and_tried_again_later)
{
	const uint64_t later = NOW + 11 * 60 * NS_PER_S;

	cr_expect(eq(int, path_look_at_trains(&path, EMSGSIZE, true, NOW), PATH_TRAINS_TELL));
	cr_expect(eq(int, path_look_at_trains(&path, EMSGSIZE, true, NOW), PATH_TRAINS_AS_BEFORE));
	cr_expect(eq(int, path_look_at_trains(&path, EIO, true, NOW), PATH_TRAINS_TELL));
	cr_expect(eq(int, path_look_at_trains(&path, 0, true, later - 1), PATH_TRAINS_AS_BEFORE));
	cr_expect(eq(int, path_look_at_trains(&path, 0, true, later), PATH_TRAINS_RETRY));
	cr_expect(eq(int, path_look_at_trains(&path, 0, false, later), PATH_TRAINS_AS_BEFORE));
}
