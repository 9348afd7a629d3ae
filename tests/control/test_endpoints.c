/* SPDX-License-Identifier: MIT */
/* Endpoints without a peer: two links, and places of paths that the test fills. Each test runs in a
 * network namespace of its own, where 127.0.0.0/8 is all that can be reached.
 */
#include "control/endpoints.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "../expect_text.h"
#include "../namespace_rig.h"

#define NOW        (1000 * NS_PER_S)
#define TIMEOUT_NS (5 * NS_PER_S)

static char first[] = "first.test:7", second[] = "second.test:8", numeric[] = "127.0.0.9:9",
	    no_name[] = "no-port";
static struct desired_endpoint wanted[] = {{.link = -1, .address = first},
                                           {.link = 1, .address = second},
                                           {.link = 0, .address = numeric},
                                           {.link = 0, .address = no_name}};
static struct endpoints endpoints;
static struct link sockets[2 * LINK_FAMILIES];
static struct uplinks uplinks;
static struct uplink_effects no_effects;
static struct endpoint_facts facts;
static struct route routes[PATHS_MAX];

static void add_link(const char *name)
{
	struct uplink_settings set = {.wishes = {.weight = 1}};
	struct link *pair[LINK_FAMILIES];

	strcpy(set.name, name);
	for (unsigned i = 0; i < LINK_FAMILIES; i++) {
		pair[i] = &sockets[uplinks.count * LINK_FAMILIES + i];
		pair[i]->id = uplinks.count * LINK_FAMILIES + i;
	}
	uplinks_add(&uplinks, &set, pair, NOW);
}

static void start(void)
{
	enter_namespace();
	configure_device("lo", NULL, 0);
	uplinks_init(&uplinks, &no_effects);
	add_link("dsl");
	add_link("lte");
	for (unsigned i = 0; i < PATHS_MAX; i++)
		facts.path[i].endpoint = -1;
	cr_assert(eq(int, endpoints_init(&endpoints, wanted, 4), 0));
}

static void stop(void)
{
	endpoints_fini(&endpoints);
}

TestSuite(endpoints, .init = start, .fini = stop);

static struct endpoint address(const char *text)
{
	struct endpoint ep;

	cr_assert(eq(int, endpoint_parse(text, 0, &ep), 0), "%s", text);
	return ep;
}

/* The addresses of endpoint @e, up to NULL. */
static void learn(unsigned e, ...)
{
	struct resolve_answer a = {0};
	const char *text;
	va_list args;

	va_start(args, e);
	while ((text = va_arg(args, const char *)))
		a.endpoints[a.count++] = address(text);
	va_end(args);
	cr_assert(eq(int, endpoints_take(&endpoints, e, &a), ENDPOINTS_LEARNT));
}

static enum endpoints_learnt fail(unsigned e)
{
	struct resolve_answer a = {.error = -EAGAIN, .text = "test"};

	return endpoints_take(&endpoints, e, &a);
}

/* A path of endpoint @e, -1 for one learnt from the peer, over link @uplink. */
static struct endpoint_path *path_in(unsigned place, int e, unsigned uplink, const char *to)
{
	struct endpoint remote = address(to);

	routes[place] = (struct route){
		.link = uplinks.uplink[uplink].pair[endpoint_family(&remote) == AF_INET6].link,
		.remote = remote};
	facts.path[place] = (struct endpoint_path){
		.route = &routes[place], .endpoint = e, .has_target = true, .can_leave = true};
	return &facts.path[place];
}

static const char *text_of(const struct endpoint *ep)
{
	static char text[ENDPOINT_TEXT_LEN];

	return ep ? endpoint_format(ep, text) : "none";
}

static int chosen_place;

static const char *choice(unsigned e, unsigned uplink)
{
	return text_of(
		endpoints_choose(&endpoints, e, &uplinks.uplink[uplink], &facts, &chosen_place));
}

static const char *next(unsigned place)
{
	return text_of(
		endpoints_next(&endpoints, place, uplink_of(&uplinks, routes[place].link), &facts));
}

static uint64_t ask_at(unsigned e)
{
	return endpoints_ask_at(&endpoints, e, &uplinks, &facts);
}

/* ---- which address ---- */

Test(endpoints, new_path_takes_the_first_address_within_reach)
{
	learn(0, "192.0.2.1:7", "[2001:db8::1]:7", "127.0.0.2:7", "127.0.0.3:7", NULL);
	EXPECT_TEXT(choice(0, 0), "127.0.0.2:7");
	cr_expect(eq(int, chosen_place, ENDPOINT_NEW_PATH));
}

Test(endpoints, nothing_within_reach_is_waited_for)
{
	learn(0, "192.0.2.1:7", "192.0.2.2:7", NULL);
	EXPECT_TEXT(choice(0, 0), "192.0.2.1:7");
}

Test(endpoints, family_that_the_link_is_not_bound_to_is_left_out)
{
	uplinks.uplink[0].line.bind = address("127.0.0.1:1");
	learn(0, "[::1]:7", "127.0.0.2:7", NULL);
	EXPECT_TEXT(choice(0, 0), "127.0.0.2:7");
	EXPECT_TEXT(choice(0, 1), "[::1]:7");
}

Test(endpoints, link_that_it_is_not_meant_for_gets_no_path)
{
	learn(1, "127.0.0.2:7", NULL);
	EXPECT_TEXT(choice(1, 0), "none");
	EXPECT_TEXT(choice(1, 1), "127.0.0.2:7");
}

Test(endpoints, way_of_another_path_is_taken)
{
	path_in(3, 2, 0, "127.0.0.2:7");
	learn(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	EXPECT_TEXT(choice(0, 0), "127.0.0.3:7");
	EXPECT_TEXT(choice(0, 1), "127.0.0.2:7");
}

/* It becomes the endpoint's own: its place is found by the way that it goes. */
Test(endpoints, path_learnt_from_the_peer_is_in_no_new_ones_way)
{
	path_in(3, -1, 0, "127.0.0.2:7");
	learn(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	EXPECT_TEXT(choice(0, 0), "127.0.0.2:7");
}

Test(endpoints, path_that_is_answered_stays_wherever_it_leads)
{
	path_in(3, 0, 0, "127.0.0.8:7")->is_answered = true;
	learn(0, "127.0.0.2:7", NULL);
	EXPECT_TEXT(choice(0, 0), "none");
	facts.path[3].is_answered = false;
	EXPECT_TEXT(choice(0, 0), "127.0.0.2:7");
	cr_expect(eq(int, chosen_place, 3));
}

Test(endpoints, path_without_answers_stays_at_an_address_within_reach)
{
	learn(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	path_in(3, 0, 0, "127.0.0.3:7");
	EXPECT_TEXT(choice(0, 0), "none");
	path_in(3, 0, 0, "192.0.2.1:7");
	EXPECT_TEXT(choice(0, 0), "127.0.0.2:7");
	learn(0, "192.0.2.1:7", "127.0.0.3:7", NULL);
	EXPECT_TEXT(choice(0, 0), "127.0.0.3:7");
}

Test(endpoints, only_address_is_kept_though_it_cannot_be_reached)
{
	learn(0, "192.0.2.1:7", NULL);
	path_in(3, 0, 0, "192.0.2.1:7");
	EXPECT_TEXT(choice(0, 0), "none");
}

Test(endpoints, candidate_is_led_to_an_address)
{
	learn(0, "127.0.0.2:7", NULL);
	path_in(3, 0, 0, "127.0.0.2:7")->has_target = false;
	EXPECT_TEXT(choice(0, 0), "127.0.0.2:7");
	cr_expect(eq(int, chosen_place, 3));
}

Test(endpoints, next_address_is_the_one_behind_and_goes_round)
{
	static const char *const at[] = {"127.0.0.2:7", "127.0.0.3:7", "127.0.0.4:7"};

	learn(0, at[0], "192.0.2.1:7", at[1], at[2], NULL);
	for (unsigned i = 0; i < 3; i++) {
		path_in(3, 0, 0, at[i]);
		EXPECT_TEXT(next(3), at[(i + 1) % 3]);
	}
}

Test(endpoints, there_may_be_no_next_address)
{
	learn(0, "127.0.0.2:7", "192.0.2.1:7", NULL);
	path_in(3, 0, 0, "127.0.0.2:7");
	EXPECT_TEXT(next(3), "none");
	learn(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	path_in(4, 2, 0, "127.0.0.3:7");
	EXPECT_TEXT(next(3), "none");
	path_in(3, -1, 0, "127.0.0.2:7");
	EXPECT_TEXT(next(3), "none");
}

/* ---- when a path leaves its address ---- */

Test(endpoints, address_that_is_the_only_one_is_never_left)
{
	struct path_health health = {.state = PATH_DOWN, .since_ns = NOW};

	learn(0, "127.0.0.2:7", NULL);
	cr_expect(eq(u64, endpoints_leave_at(&endpoints, 0, &health, TIMEOUT_NS), NEVER_NS));
	cr_expect(eq(u64, endpoints_leave_at(&endpoints, -1, &health, TIMEOUT_NS), NEVER_NS));
}

Test(endpoints, address_is_left_when_it_falls_or_is_not_proved_in_time)
{
	struct path_health health = {.state = PATH_UNPROVEN, .since_ns = NOW};

	learn(0, "127.0.0.2:7", "127.0.0.3:7", NULL);
	cr_expect(
		eq(u64, endpoints_leave_at(&endpoints, 0, &health, TIMEOUT_NS), NOW + TIMEOUT_NS));
	health.state = PATH_UP;
	cr_expect(eq(u64, endpoints_leave_at(&endpoints, 0, &health, TIMEOUT_NS), NEVER_NS));
	health.state = PATH_DOWN;
	cr_expect(le(u64, endpoints_leave_at(&endpoints, 0, &health, TIMEOUT_NS), NOW));
}

/* ---- names ---- */

Test(endpoints, name_is_asked_for_at_first_and_once)
{
	struct endpoint_question q;

	cr_expect(le(u64, ask_at(0), NOW));
	cr_assert(eq(int, endpoints_ask(&endpoints, 0, NOW, &q), ENDPOINTS_LOOK_UP));
	EXPECT_TEXT(q.host, "first.test");
	cr_expect(eq(uint, q.port, 7));
	cr_expect(eq(u64, ask_at(0), NEVER_NS));
}

Test(endpoints, question_that_was_not_put_is_due_five_seconds_later)
{
	struct endpoint_question q;

	endpoints_ask(&endpoints, 0, NOW, &q);
	endpoints_not_asked(&endpoints, 0);
	cr_expect(eq(u64, ask_at(0), NOW + 5 * NS_PER_S));
}

Test(endpoints, numeric_address_is_its_own_answer)
{
	struct endpoint_question q;

	cr_assert(eq(int, endpoints_ask(&endpoints, 2, NOW, &q), ENDPOINTS_KNOWN));
	EXPECT_TEXT(choice(2, 0), "127.0.0.9:9");
}

Test(endpoints, what_is_no_name_is_not_asked_for)
{
	struct endpoint_question q;

	cr_assert(eq(int, endpoints_ask(&endpoints, 3, NOW, &q), ENDPOINTS_NO_NAME));
	cr_expect(eq(u64, ask_at(3), NOW + 5 * NS_PER_S));
}

Test(endpoints, first_of_failures_in_a_row_is_told)
{
	cr_expect(eq(int, fail(0), ENDPOINTS_FAILED));
	cr_expect(eq(int, fail(0), ENDPOINTS_FAILED_AGAIN));
	learn(0, "127.0.0.2:7", NULL);
	cr_expect(eq(int, fail(0), ENDPOINTS_KEPT));
	cr_expect(eq(int, fail(0), ENDPOINTS_FAILED_AGAIN));
	cr_expect(eq(uint, endpoints_addresses(&endpoints, 0), 1));
}

Test(endpoints, name_is_asked_for_again_while_a_link_has_no_answer_there)
{
	struct endpoint_question q;

	endpoints_ask(&endpoints, 0, NOW, &q);
	learn(0, "127.0.0.2:7", NULL);
	cr_expect(eq(u64, ask_at(0), NOW + 30 * NS_PER_S), "no path at all");
	path_in(0, 0, 0, "127.0.0.2:7")->is_answered = true;
	cr_expect(eq(u64, ask_at(0), NOW + 30 * NS_PER_S), "none over the other link");
	path_in(1, 0, 1, "127.0.0.2:7")->is_answered = true;
	cr_expect(eq(u64, ask_at(0), NEVER_NS));
	facts.path[1].is_answered = false;
	cr_expect(eq(u64, ask_at(0), NOW + 30 * NS_PER_S), "not answered");
	facts.path[1].can_leave = false;
	cr_expect(eq(u64, ask_at(0), NEVER_NS), "a link that is away says nothing");
}

Test(endpoints, name_of_a_plain_peer_is_asked_for_when_it_is_silent)
{
	struct endpoint_question q;

	facts.is_at_one_place = true;
	endpoints_ask(&endpoints, 0, NOW, &q);
	learn(0, "127.0.0.2:7", NULL);
	cr_expect(eq(u64, ask_at(0), NEVER_NS));
	facts.is_silent = true;
	cr_expect(eq(u64, ask_at(0), NOW + 30 * NS_PER_S));
}

/* ---- the whole ---- */

Test(endpoints, some_come_and_go_while_others_stay)
{
	struct endpoint address;

	learn(2, "127.0.0.9:9", NULL);
	cr_assert(eq(int, endpoints_reserve(&endpoints, 5), 0));
	endpoints_add(&endpoints, "new.test:5", 1);
	cr_expect(eq(int, endpoints_find(&endpoints, "new.test:5", 1), 4));
	cr_expect(eq(int, endpoints_find(&endpoints, "new.test:5", -1), -1), "another link");
	endpoints_remove(&endpoints, 1);
	cr_expect(eq(uint, endpoints.count, 4));
	cr_expect(eq(int, endpoints_find(&endpoints, second, 1), -1));
	cr_expect(eq(int, endpoints_find(&endpoints, numeric, 0), 1));
	cr_assert(eq(int, endpoint_parse("127.0.0.9:9", 0, &address), 0));
	cr_expect(endpoints_has_address(&endpoints, 1, &address));
	cr_expect(not(endpoints_has_address(&endpoints, 0, &address)));
}

Test(endpoints, number_of_one_that_went_is_never_given_again)
{
	uint32_t number = endpoints.known[3].number;

	endpoints_remove(&endpoints, 3);
	endpoints_add(&endpoints, no_name, 0);
	cr_expect(eq(int, endpoints_find_number(&endpoints, number), -1));
	cr_expect(eq(int, endpoints_find_number(&endpoints, endpoints.known[3].number), 3));
}

Test(endpoints, copies_are_its_own)
{
	first[0] = 'F';
	EXPECT_TEXT(endpoints.known[0].text, "first.test:7");
}

Test(endpoints, families_are_those_of_numeric_addresses_of_the_link)
{
	bool families[LINK_FAMILIES] = {false};
	struct endpoints none;

	cr_expect(endpoints_families(&endpoints, 0, families));
	cr_expect(families[0] && !families[1]);
	families[0] = false;
	cr_expect(endpoints_families(&endpoints, 1, families));
	cr_expect(not(families[0] || families[1]));
	cr_assert(eq(int, endpoints_init(&none, NULL, 0), 0));
	cr_expect(not(endpoints_families(&none, 0, families)));
	endpoints_fini(&none);
}
