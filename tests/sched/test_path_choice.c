/* SPDX-License-Identifier: MIT */
#include "sched/path_choice.h"

#include "../emulation.h"
#include "random.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define NOW_NS (1000 * NS_PER_S)

static struct path_health health[PATHS_MAX];
static struct path_choice choice;
static struct path_candidate chosen[PATHS_MAX];

static void begin(void)
{
	seed_random();
	choice = (struct path_choice){.is_bonded = true, .followed = PATHS_MAX};
}

TestSuite(path_choice, .init = begin);

static void add(unsigned id, enum path_state state)
{
	health[id] = (struct path_health){.state = state, .since_ns = NOW_NS - 9 * NS_PER_S};
	choice.path[id] = (struct path_facts){
		.has_target = true, .has_link = true, .weight = 10 + id, .health = &health[id]};
}

/* Down, and an answer came since. */
static void add_answering(unsigned id)
{
	add(id, PATH_DOWN);
	health[id].is_recovering = health[id].has_answer = true;
	health[id].answered_ns = NOW_NS - NS_PER_S;
}

/* A bit for each path chosen. */
static unsigned mask_at(uint64_t now_ns)
{
	unsigned len = path_choose(&choice, chosen, now_ns), mask = 0;

	for (unsigned i = 0; i < len; i++) {
		mask |= 1u << chosen[i].path_id;
		cr_expect(eq(u32, chosen[i].weight, 10 + chosen[i].path_id));
		if (i)
			cr_expect(lt(uint, chosen[i - 1].path_id, chosen[i].path_id));
	}
	return mask;
}

static unsigned mask(void)
{
	return mask_at(NOW_NS);
}

Test(path_choice, no_path_no_choice)
{
	cr_expect(eq(uint, mask(), 0));
	choice.is_bonded = false;
	cr_expect(eq(uint, mask(), 0));
}

Test(path_choice, data_goes_where_probes_are_answered)
{
	add(0, PATH_DOWN);
	add(3, PATH_UP);
	add(5, PATH_SUSPECT);
	add(6, PATH_UNPROVEN);
	add_answering(7);
	choice.followed = 6;
	cr_expect(eq(uint, mask(), 1 << 3 | 1 << 5));
}

Test(path_choice, what_cannot_carry_is_not_chosen)
{
	add(1, PATH_UP);
	add(2, PATH_UP);
	choice.path[1].has_target = false;
	cr_expect(eq(uint, mask(), 1 << 2));
	choice.path[1].has_target = true;
	choice.path[1].has_link = false;
	cr_expect(eq(uint, mask(), 1 << 2));
	choice.path[1].has_link = true;
	choice.path[1].rest_until_ns = NOW_NS + 1;
	cr_expect(eq(uint, mask(), 1 << 2));
	cr_expect(eq(uint, mask_at(NOW_NS + 1), 1 << 1 | 1 << 2));
}

Test(path_choice, a_plain_peer_is_followed)
{
	choice.is_bonded = false;
	add(1, PATH_UP);
	add(2, PATH_DOWN);
	cr_expect(eq(uint, mask(), 0));
	choice.followed = 2;
	cr_expect(eq(uint, mask(), 1 << 2), "whatever its state");
	choice.path[2].rest_until_ns = NOW_NS + 1;
	cr_expect(eq(uint, mask(), 0));
}

Test(path_choice, until_the_first_answer_the_path_of_the_handshake_serves)
{
	add(1, PATH_UNPROVEN);
	add(2, PATH_UNPROVEN);
	choice.followed = 2;
	cr_expect(eq(uint, mask(), 1 << 2));
	add(2, PATH_DOWN);
	cr_expect(eq(uint, mask(), 0));
}

Test(path_choice, with_none_up_all_that_answer_serve)
{
	add_answering(1);
	add_answering(4);
	add(5, PATH_DOWN);
	choice.path[5].heard_ns = NOW_NS;
	cr_expect(eq(uint, mask(), 1 << 1 | 1 << 4));
}

Test(path_choice, redundant_takes_what_answers_beside_what_is_up)
{
	add(0, PATH_UP);
	add(1, PATH_DOWN);
	add_answering(2);
	cr_expect(eq(uint, mask(), 1 << 0));
	choice.is_redundant = true;
	cr_expect(eq(uint, mask(), 1 << 0), "a while ago");
	health[2].answered_ns = NOW_NS - PATH_LATELY_NS + 1;
	cr_expect(eq(uint, mask(), 1 << 0 | 1 << 2));
	choice.path[2].has_link = false;
	cr_expect(eq(uint, mask(), 1 << 0));
}

Test(path_choice, with_none_answering_the_one_heard_last_serves_for_a_while)
{
	uint64_t end_ns = NOW_NS + PATH_DOUBTFUL_NS;

	for (unsigned id = 1; id < 4; id++)
		add(id, PATH_DOWN);
	choice.path[1].heard_ns = NOW_NS - 2;
	choice.path[2].heard_ns = NOW_NS;
	choice.path[3].heard_ns = NOW_NS - 1;
	cr_expect(eq(uint, mask(), 1 << 2));
	cr_expect(eq(uint, mask_at(end_ns - 1), 1 << 2));
	cr_expect(eq(uint, mask_at(end_ns), 0));
	choice.path[2].has_link = false;
	cr_expect(eq(uint, mask(), 1 << 3));
	choice.is_bonded = false;
	cr_expect(eq(uint, mask(), 0), "a plain peer is heard where it is followed");
}

Test(path_choice, path_that_the_peer_leaves_serves_when_there_is_no_other)
{
	add(1, PATH_UP);
	add(2, PATH_UP);
	choice.path[1].is_leaving = true;
	cr_expect(eq(uint, mask(), 1 << 2));
	cr_expect(not(path_has_alternative(&choice, 2, NOW_NS)));
	cr_expect(path_has_alternative(&choice, 1, NOW_NS));
	choice.path[2].is_leaving = true;
	cr_expect(eq(uint, mask(), 1 << 1 | 1 << 2));
	choice.path[2].is_leaving = false;
	choice.path[2].has_link = false;
	cr_expect(eq(uint, mask(), 1 << 1));
}

Test(path_choice, ranks_are_passed_on)
{
	add(1, PATH_UP);
	add(2, PATH_UP);
	choice.path[2].rank = 2;
	cr_expect(eq(uint, path_choose(&choice, chosen, NOW_NS), 2));
	cr_expect(eq(u8, chosen[0].rank, 0));
	cr_expect(eq(u8, chosen[1].rank, 2));
}

Test(path_choice, an_alternative_is_another_path_that_can_carry)
{
	add(1, PATH_UP);
	cr_expect(not(path_has_alternative(&choice, 1, NOW_NS)));
	add(2, PATH_DOWN);
	cr_expect(not(path_has_alternative(&choice, 1, NOW_NS)));
	cr_expect(path_has_alternative(&choice, 2, NOW_NS));
	choice.is_bonded = false;
	cr_expect(path_has_alternative(&choice, 1, NOW_NS), "a plain peer may be anywhere");
	choice.path[2].rest_until_ns = NOW_NS + 1;
	cr_expect(not(path_has_alternative(&choice, 1, NOW_NS)));
}

/* ---- against the rules of the header, path by path ---- */

static bool can(unsigned id)
{
	const struct path_facts *p = &choice.path[id];

	return p->has_target && p->has_link && p->rest_until_ns <= NOW_NS;
}

/* The rule, 1 to 4, by which @id is chosen if no lower rule chooses any; 0: by none. */
static unsigned rule_of(unsigned id)
{
	const struct path_facts *p = &choice.path[id];

	if (!can(id))
		return 0;
	if (!choice.is_bonded)
		return choice.followed == id ? 2 : 0;
	if (p->health->state == PATH_UP || p->health->state == PATH_SUSPECT)
		return 1;
	if (choice.is_redundant && health_answers(p->health) &&
	    p->health->answered_ns > NOW_NS - PATH_LATELY_NS)
		return 1;
	if (choice.followed == id && p->health->state == PATH_UNPROVEN)
		return 2;
	if (health_answers(p->health))
		return 3;
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		uint64_t heard_ns = choice.path[i].heard_ns;

		if (can(i) && (heard_ns > p->heard_ns || (heard_ns == p->heard_ns && i < id)))
			return 0;
	}
	return p->heard_ns > NOW_NS - PATH_DOUBTFUL_NS ? 4 : 0;
}

static unsigned choose_slowly(void)
{
	for (unsigned rule = 1; rule <= 4; rule++) {
		unsigned found = 0;

		for (unsigned id = 0; id < PATHS_MAX; id++)
			found |= (rule_of(id) == rule) << id;
		if (found)
			return found;
	}
	return 0;
}

static void add_anything(unsigned id)
{
	unsigned kind = random_below(16);

	if (kind < 8)
		add(id, kind == 0 ? PATH_UP : kind == 1 ? PATH_UNPROVEN : PATH_DOWN);
	else if (kind == 8)
		add_answering(id);
	if (kind == 8 && random_once_in(2))
		health[id].answered_ns = NOW_NS - NS_PER_S / 2;
	if (!choice.path[id].has_target)
		return;
	choice.path[id].has_target = !random_once_in(4);
	choice.path[id].has_link = !random_once_in(4);
	choice.path[id].rest_until_ns = random_once_in(4) ? NOW_NS + random_below(3) - 1 : 0;
	choice.path[id].heard_ns = random_once_in(2) ? NOW_NS - random_below(4) * NS_PER_S : 0;
}

Test(path_choice, agrees_with_its_rules)
{
	unsigned seen[5] = {0};

	for (unsigned n = 0; n < fewer_emulated(50000); n++) {
		choice = (struct path_choice){.is_bonded = !random_once_in(4),
		                              .is_redundant = random_once_in(4),
		                              .followed = random_below(PATHS_MAX + 1)};
		for (unsigned id = random_below(PATHS_MAX); id < PATHS_MAX; id++)
			add_anything(id);
		unsigned expected = choose_slowly();

		cr_assert(eq(uint, mask(), expected), "case %u", n);
		seen[expected ? rule_of((unsigned)__builtin_ctz(expected)) : 0]++;
	}
	for (unsigned rule = 0; rule < 5; rule++)
		cr_expect(lt(uint, 0, seen[rule]), "rule %u was not tried", rule);
}

/* What was found of a peer's paths is of no use when it turns out to be plain. */
Test(path_choice, the_longest_packet_of_a_path_goes_with_it_if_the_peer_is_bonded)
{
	add(3, PATH_UP);
	choice.path[3].packet_max = 1344;
	choice.followed = 3;
	cr_assert(eq(uint, mask(), 1u << 3));
	cr_expect(eq(u32, chosen[0].packet_max, 1344));
	choice.is_bonded = false;
	cr_assert(eq(uint, mask(), 1u << 3));
	cr_expect(eq(u32, chosen[0].packet_max, 0));
}
