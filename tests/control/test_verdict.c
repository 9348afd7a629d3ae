/* SPDX-License-Identifier: MIT */
#include "control/verdict.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/limits.h"

#define NOW      (1000 * NS_PER_S)
#define INTERVAL (NS_PER_S / 2)

static struct verdict v;
static const uint8_t a_life[8] = {1}, another[8] = {2};

static void setup(void)
{
	verdict_init(&v);
}

TestSuite(verdict, .init = setup);

Test(verdict, nothing_is_known_and_nothing_due_at_first)
{
	cr_expect(eq(int, v.is, VERDICT_UNKNOWN));
	cr_expect(eq(u64, verdict_next_ns(&v), NEVER_NS));
	cr_expect(not(verdict_greet(&v, NOW)));
	cr_expect(not(verdict_is_other_life(&v, a_life)));
}

Test(verdict, depends_on_role_and_marker_who_is_greeted)
{
	static const struct {
		bool is_initiator, has_crossed, sent, saw;
		bool is_open, is_greeted;
	} cases[] = {
		{.is_initiator = false, .saw = false, .sent = true, .is_open = false},
		{.is_initiator = false, .saw = true, .is_open = true, .is_greeted = true},
		{.is_initiator = true, .sent = true, .is_open = true, .is_greeted = false},
		{.is_initiator = true, .sent = false, .saw = true, .is_open = false},
		{.is_initiator = true,
	         .sent = true,
	         .has_crossed = true,
	         .is_open = true,
	         .is_greeted = true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		verdict_init(&v);
		v.sent_marker = cases[i].sent;
		v.saw_marker = cases[i].saw;
		cr_expect(eq(int,
		             verdict_session_began(&v, cases[i].is_initiator, cases[i].has_crossed,
		                                   INTERVAL, NOW),
		             cases[i].is_open),
		          "case %zu", i);
		cr_expect(eq(int, verdict_greet(&v, NOW), cases[i].is_greeted), "case %zu", i);
	}
}

static void begin_as_responder(uint64_t interval_ns)
{
	v.saw_marker = true;
	cr_assert(verdict_session_began(&v, false, false, interval_ns, NOW));
}

Test(verdict, is_waited_for_three_probes_and_three_seconds_at_least)
{
	begin_as_responder(INTERVAL);
	cr_expect(eq(u64, v.due_ns, NOW + 3 * NS_PER_S));
	begin_as_responder(2 * NS_PER_S);
	cr_expect(eq(u64, v.due_ns, NOW + 6 * NS_PER_S));
}

Test(verdict, six_greetings_half_a_second_apart)
{
	unsigned n = 0;
	uint64_t at_ns = NOW;

	begin_as_responder(INTERVAL);
	for (; v.hello_ns != NEVER_NS && n < 10; at_ns = v.hello_ns) {
		cr_expect(not(verdict_greet(&v, at_ns - 1)));
		cr_expect(verdict_greet(&v, at_ns));
		n++;
		cr_expect(v.hello_ns == at_ns + NS_PER_S / 2 || v.hello_ns == NEVER_NS);
	}
	cr_expect(eq(uint, n, 6));
	cr_expect(eq(u64, verdict_next_ns(&v), v.due_ns));
}

Test(verdict, acknowledged_greeting_is_not_repeated)
{
	begin_as_responder(INTERVAL);
	cr_assert(verdict_greet(&v, NOW));
	verdict_acknowledged(&v);
	cr_expect(not(verdict_greet(&v, NOW + NS_PER_S)));
}

Test(verdict, is_awaited_until_it_is_there)
{
	cr_expect(not(verdict_is_awaited(&v)));
	begin_as_responder(INTERVAL);
	cr_expect(verdict_is_awaited(&v));
	verdict_bonded(&v);
	cr_expect(not(verdict_is_awaited(&v)));
}

Test(verdict, is_news_once)
{
	begin_as_responder(INTERVAL);
	cr_expect(verdict_bonded(&v));
	cr_expect(eq(u64, v.due_ns, NEVER_NS));
	cr_expect(not(verdict_bonded(&v)));
	cr_expect(verdict_stock(&v));
	cr_expect(not(verdict_stock(&v)));
	cr_expect(eq(u64, verdict_next_ns(&v), NEVER_NS));
}

Test(verdict, of_the_session_before_stands_until_the_next)
{
	begin_as_responder(INTERVAL);
	verdict_bonded(&v);
	begin_as_responder(INTERVAL);
	cr_expect(eq(int, v.is, VERDICT_BONDED));
	cr_expect(eq(u64, v.due_ns, NOW + 3 * NS_PER_S), "but has to be confirmed");
}

Test(verdict, boot_id_tells_lives_apart)
{
	cr_expect(not(verdict_is_known(&v, a_life, 3)));
	cr_expect(not(verdict_note_hello(&v, a_life, 3)), "the first that we know");
	cr_expect(verdict_is_known(&v, a_life, 3));
	cr_expect(not(verdict_is_known(&v, a_life, 2)));
	cr_expect(not(verdict_is_known(&v, another, 3)));
	cr_expect(not(verdict_note_hello(&v, a_life, 2)));
	cr_expect(not(verdict_is_other_life(&v, a_life)));
	cr_expect(verdict_is_other_life(&v, another));
	cr_expect(verdict_note_hello(&v, another, 2));
	cr_expect(verdict_is_other_life(&v, a_life));
}
