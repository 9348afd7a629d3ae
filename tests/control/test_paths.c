/* SPDX-License-Identifier: MIT */
#include "control/paths.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define NOW (1000 * NS_PER_S)

static struct link link_[2] = {{.id = 0}, {.id = 2}};
static struct paths paths;

static void setup(void)
{
	paths_init(&paths);
}

TestSuite(paths, .init = setup);

static struct route route(unsigned link, unsigned port)
{
	struct route r = {.link = &link_[link]};

	cr_assert(eq(int, endpoint_parse("192.0.2.1:1", 0, &r.remote), 0));
	endpoint_set_port(&r.remote, (uint16_t)port);
	return r;
}

static struct path *put(unsigned id, unsigned link, enum path_proof proof, uint64_t now_ns)
{
	static const struct path_counts before;
	struct route r = route(link, 1000 + id);
	struct path *path = &paths.slot[id];

	path_take(path, &r, &before, 0, now_ns);
	path->proof = proof;
	return path;
}

static void fill(enum path_proof proof)
{
	for (unsigned i = 0; i < PATHS_MAX; i++)
		put(i, 0, proof, NOW + i);
}

Test(paths, are_found_by_route_by_the_peers_number_and_by_link)
{
	struct route there = route(1, 1003), nowhere = route(0, 1003);
	struct path *a = put(3, 1, PATH_PROVED, NOW), *b = put(4, 0, PATH_PROVED, NOW);

	cr_expect(eq(ptr, paths_find(&paths, &there), a));
	cr_expect(eq(ptr, paths_find(&paths, &nowhere), NULL));
	cr_expect(eq(ptr, paths_find_by_remote_id(&paths, &link_[1], 0), NULL), "not known yet");
	a->knows_remote_id = b->knows_remote_id = true;
	cr_expect(eq(ptr, paths_find_by_remote_id(&paths, &link_[1], 0), a));
	cr_expect(eq(ptr, paths_find_by_remote_id(&paths, &link_[0], 0), b));
	cr_expect(eq(ptr, paths_find_proved(&paths, &link_[0]), b));
	a->proof = PATH_FREE;
	cr_expect(eq(ptr, paths_find(&paths, &there), NULL));
	cr_expect(eq(ptr, paths_find_proved(&paths, &link_[1]), b), "any");
	b->proof = PATH_ORIGIN;
	cr_expect(eq(ptr, paths_find_proved(&paths, &link_[0]), NULL));
	cr_expect(not(paths_is_any_known(&paths)));
}

Test(paths, peer_is_spoken_to_where_its_data_goes)
{
	put(3, 0, PATH_PROVED, NOW);
	put(5, 1, PATH_PROVED, NOW);
	cr_expect(eq(uint, paths_to_speak(&paths, true), PATH_NONE));
	paths.followed = 5;
	cr_expect(eq(uint, paths_to_speak(&paths, true), 5));
	cr_expect(eq(ptr, paths_followed(&paths), &paths.slot[5]));
	paths_set_table(&paths, 1u << 3 | 1u << 5);
	cr_expect(eq(uint, paths_to_speak(&paths, true), 3));
	cr_expect(eq(uint, paths_to_speak(&paths, false), 5));
	paths_set_table(&paths, 1u << 5);
	cr_expect(not(paths.slot[3].is_in_table));
}

/* ---- who gives way ---- */

Test(paths, free_place_comes_first_then_the_one_that_was_down_for_longest)
{
	fill(PATH_PROVED);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		health_fail(&paths.slot[i].health, "for the test", NOW + 100 - i);
	cr_expect(eq(ptr, paths_place(&paths, false, 0), &paths.slot[PATHS_MAX - 1]));
	paths.slot[7].proof = PATH_FREE;
	cr_expect(eq(ptr, paths_place(&paths, false, 0), &paths.slot[7]));
}

Test(paths, configured_ones_those_with_data_and_the_one_followed_do_not_give_way)
{
	fill(PATH_PROVED);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		paths.slot[i].endpoint = 0;
	cr_expect(eq(ptr, paths_place(&paths, false, 0), NULL));
	paths.slot[2].endpoint = -1;
	cr_expect(eq(ptr, paths_place(&paths, false, 0), &paths.slot[2]));
	paths.followed = 2;
	cr_expect(eq(ptr, paths_place(&paths, false, 0), NULL));
	paths.followed = PATH_NONE;
	health_assume_up(&paths.slot[2].health, "for the test", NOW);
	cr_expect(eq(ptr, paths_place(&paths, false, 0), NULL));
}

Test(paths, copies_push_out_neither_the_origin_nor_what_has_yet_to_answer)
{
	fill(PATH_PROVED);
	cr_expect(eq(ptr, paths_place(&paths, true, NOW), NULL), "none was down");
	paths.slot[6].proof = PATH_ORIGIN;
	cr_expect(eq(ptr, paths_place(&paths, true, NOW), NULL), "as new as the initiation");
	cr_expect(eq(ptr, paths_place(&paths, true, NOW + 7), &paths.slot[6]));
	health_fail(&paths.slot[4].health, "for the test", NOW + 4);
	cr_expect(eq(ptr, paths_place(&paths, true, NOW), &paths.slot[4]));
}

/* ---- who is greeted, asked, forgotten ---- */

Test(paths, greetings_go_to_paths_and_origins_and_late_ones_to_who_was_not_asked)
{
	put(0, 0, PATH_PROVED, NOW);
	put(1, 0, PATH_ADDED_ASKED, NOW);
	put(2, 0, PATH_COPY, NOW);
	put(3, 0, PATH_ORIGIN_ASKED, NOW);
	put(4, 0, PATH_MOVING, NOW);
	put(5, 0, PATH_ORIGIN, NOW);
	cr_expect(
		eq(uint, paths_to_greet(&paths), 1u << 0 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5));
	cr_expect(eq(uint, paths_late_origins(&paths), 1u << 2 | 1u << 5));
}

Test(paths, newest_origin_is_of_an_initiation_and_leads_nowhere_yet)
{
	put(0, 0, PATH_ORIGIN, NOW);
	put(1, 0, PATH_ORIGIN_ASKED, NOW + 1);
	put(2, 0, PATH_COPY, NOW + 2);
	put(3, 0, PATH_PROVED, NOW + 3);
	cr_expect(eq(ptr, paths_newest_origin(&paths), &paths.slot[1]));
}

Test(paths, four_challenges_per_second)
{
	paths.asked_ns = NOW;
	cr_expect(not(paths_may_ask(&paths, NOW + NS_PER_S / 4 - 1)));
	cr_expect(paths_may_ask(&paths, NOW + NS_PER_S / 4));
}

Test(paths, challenge_is_open_for_ten_seconds)
{
	put(0, 0, PATH_MOVING, NOW);
	put(1, 0, PATH_ORIGIN_ASKED, NOW);
	paths.asked_ns = NOW;
	paths_stop_asking_late(&paths, NOW + 10 * NS_PER_S - 1);
	cr_expect(eq(int, paths.slot[0].proof, PATH_MOVING));
	paths_stop_asking_late(&paths, NOW + 10 * NS_PER_S);
	cr_expect(eq(int, paths.slot[0].proof, PATH_PROVED));
	cr_expect(eq(int, paths.slot[1].proof, PATH_ORIGIN_ASKED), "it ends with the candidate");
}

Test(paths, candidates_are_forgotten_after_ten_seconds_and_the_dead_after_thirty)
{
	struct path *path = put(0, 0, PATH_COPY, NOW);

	cr_expect(eq(u64, paths_forget_at(&paths, path, true), NOW + 10 * NS_PER_S));
	path->proof = PATH_PROVED;
	cr_expect(eq(u64, paths_forget_at(&paths, path, true), NEVER_NS));
	health_fail(&path->health, "for the test", NOW);
	cr_expect(eq(u64, paths_forget_at(&paths, path, true), NOW + 30 * NS_PER_S));
	cr_expect(eq(u64, paths_forget_at(&paths, path, false), NEVER_NS));
	path->endpoint = 0;
	cr_expect(eq(u64, paths_forget_at(&paths, path, true), NEVER_NS), "configured");
	path->endpoint = -1;
	paths.followed = 0;
	cr_expect(eq(u64, paths_forget_at(&paths, path, true), NEVER_NS), "followed");
}

/* Another host with the same key was there, say. */
Test(paths, dead_one_that_is_followed_is_forgotten_when_another_can_be)
{
	struct path *path = put(0, 0, PATH_PROVED, NOW), *other = put(1, 0, PATH_PROVED, NOW);

	paths.followed = 0;
	health_fail(&path->health, "for the test", NOW);
	health_fail(&other->health, "for the test", NOW);
	cr_expect(eq(uint, paths_heir(&paths, path), PATH_NONE));
	cr_expect(eq(u64, paths_forget_at(&paths, path, true), NEVER_NS));
	health_assume_up(&other->health, "for the test", NOW);
	cr_expect(eq(uint, paths_heir(&paths, path), 1));
	cr_expect(eq(u64, paths_forget_at(&paths, path, true), NOW + 30 * NS_PER_S));
	cr_expect(eq(u64, paths_forget_at(&paths, path, false), NEVER_NS));
}
