/* SPDX-License-Identifier: MIT */
#include "control/session.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/rcu.h"
#include "crypto/init.h"

#define NOW (1000 * NS_PER_S)

static struct session s;
static struct session_retired retired;
static uint32_t next_index;

static void setup(void)
{
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
}

static void teardown(void)
{
	struct session_retired rest;

	session_end(&s, &rest);
	for (unsigned i = 0; i < rest.len; i++)
		keypair_put(rest.kp[i]);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(session, .init = setup, .fini = teardown);

static struct keypair *add(bool is_initiator, bool marker, uint64_t now_ns)
{
	struct keypair *kp;

	next_index++;
	kp = keypair_create(is_initiator, next_index, 100 + next_index, now_ns);
	cr_assert(ne(ptr, kp, NULL));
	if (marker)
		cr_assert(eq(int, keypair_accept_lanes(kp), 0));
	session_add(&s, kp, 1700000000, now_ns, &retired);
	return kp;
}

static struct keypair *add_confirmed(bool marker, uint64_t now_ns)
{
	struct keypair *kp = add(false, marker, now_ns);

	atomic_store(&kp->is_confirmed, true);
	cr_assert(session_confirm(&s, now_ns, &retired));
	return kp;
}

/* Puts what was let go of and says whether it was just that. */
static bool let_go(const struct keypair *a, const struct keypair *b)
{
	bool is_a = !a, is_b = !b;

	for (unsigned i = 0; i < retired.len; i++) {
		is_a |= retired.kp[i] == a;
		is_b |= retired.kp[i] == b;
		keypair_put(retired.kp[i]);
	}
	return is_a && is_b && retired.len == (a != NULL) + (b != NULL);
}

Test(session, initiator_uses_the_new_one_at_once_and_keeps_the_one_before)
{
	struct keypair *first = add(true, false, NOW), *second, *third;

	cr_expect(eq(ptr, s.current, first));
	cr_expect(let_go(NULL, NULL));
	second = add(true, false, NOW + 1);
	cr_expect(eq(ptr, s.current, second));
	cr_expect(eq(ptr, s.previous, first));
	cr_expect(let_go(NULL, NULL));
	cr_expect(not(keypair_is_fresh(first, NOW + 1 + KEYPAIR_OVERLAP_NS)));
	third = add(true, false, NOW + 2);
	cr_expect(let_go(first, NULL));
	cr_expect(eq(ptr, s.current, third));
	cr_expect(eq(u64, s.count, 3));
	cr_expect(eq(u64, s.made_ns, NOW + 2));
}

Test(session, responder_waits_for_the_first_packet)
{
	struct keypair *first = add_confirmed(false, NOW), *second = add(false, false, NOW + 1);

	cr_expect(eq(ptr, s.current, first));
	cr_expect(not(session_confirm(&s, NOW + 2, &retired)));
	cr_expect(keypair_is_fresh(first, NOW + REJECT_AFTER_TIME), "it is in use still");
	atomic_store(&second->is_confirmed, true);
	cr_expect(session_confirm(&s, NOW + 2, &retired));
	cr_expect(eq(ptr, s.current, second));
	cr_expect(eq(ptr, s.previous, first));
	cr_expect(eq(ptr, s.next, NULL));
	cr_expect(let_go(NULL, NULL));
	cr_expect(not(session_confirm(&s, NOW + 3, &retired)), "once");
}

Test(session, newer_one_takes_the_place_of_what_was_never_used)
{
	struct keypair *first = add_confirmed(false, NOW), *second = add(false, false, NOW + 1);
	struct keypair *third = add(false, false, NOW + 2);

	cr_expect(let_go(second, NULL));
	cr_expect(eq(ptr, s.current, first));
	cr_expect(eq(ptr, s.next, third));
}

Test(session, crossed_one_stays_and_counts_as_the_newest)
{
	struct keypair *old = add_confirmed(true, NOW), *theirs = add(false, true, NOW + 1);
	struct keypair *ours = add(true, true, NOW + 2);

	cr_expect(let_go(old, NULL));
	cr_expect(eq(ptr, s.previous, theirs));
	cr_expect(eq(ptr, s.current, ours));
	cr_expect(session_is_newest(&s, theirs));
	cr_expect(session_is_newest(&s, ours));
	cr_expect(keypair_is_fresh(theirs, NOW + REJECT_AFTER_TIME), "the peer sends under it");
	add_confirmed(true, NOW + 3);
	cr_expect(not(session_is_newest(&s, ours)));
}

Test(session, crossed_one_stays_until_the_next_is_used)
{
	struct keypair *theirs = add(false, false, NOW), *ours = add(true, false, NOW + 1), *next;

	cr_expect(let_go(NULL, NULL));
	add(false, false, NOW + 2);
	cr_expect(let_go(NULL, NULL));
	cr_expect(eq(ptr, s.previous, theirs),
	          "the peer sends under it, and may not get our response");
	next = add(false, false, NOW + 3);
	cr_expect(eq(ptr, s.previous, theirs));
	cr_expect(let_go(retired.kp[0], NULL), "the one that was never used");
	atomic_store(&next->is_confirmed, true);
	cr_expect(session_confirm(&s, NOW + 4, &retired));
	cr_expect(let_go(theirs, NULL));
	cr_expect(eq(ptr, s.previous, ours));
}

Test(session, plain_peers_that_cross_have_one_newest)
{
	struct keypair *theirs = add(false, false, NOW), *ours = add(true, false, NOW + 1);

	cr_expect(eq(ptr, s.previous, theirs));
	cr_expect(not(session_is_newest(&s, theirs)));
	cr_expect(session_is_newest(&s, ours));
	cr_expect(not(session_is_newest(&s, NULL)));
}

Test(session, keys_are_known_by_their_index_until_the_end)
{
	struct keypair *a = add_confirmed(false, NOW), *b = add_confirmed(false, NOW + 1);
	struct keypair *c = add(false, false, NOW + 2);

	cr_expect(let_go(a, NULL));
	cr_expect(not(session_has_key(&s, 1)));
	cr_expect(session_has_key(&s, b->local_index));
	cr_expect(session_has_key(&s, c->local_index));
	cr_expect(session_has_keys(&s));
	session_end(&s, &retired);
	cr_expect(not(session_has_keys(&s)));
	cr_expect(not(session_has_key(&s, 2)));
	cr_expect(let_go(b, c));
}

Test(session, one_that_was_begun_stays_when_the_others_are_left)
{
	struct keypair *used = add_confirmed(false, NOW), *begun = add(false, false, NOW + 1);

	session_leave(&s, &retired);
	cr_expect(let_go(used, NULL));
	cr_expect(eq(ptr, s.next, begun));
	cr_expect(session_has_keys(&s));
	cr_expect(not(session_is_alive(&s, NOW + 2)));
}

Test(session, newest_tells_whether_the_peer_may_be_a_vtrunkd)
{
	cr_expect(not(session_maybe_bonded(&s)));
	add_confirmed(true, NOW);
	cr_expect(session_maybe_bonded(&s));
	add(false, false, NOW + 1);
	cr_expect(not(session_maybe_bonded(&s)), "that in use is not asked");
}

Test(session, is_young_until_its_initiator_has_to_renew_it)
{
	struct keypair *kp = add(true, false, NOW);

	cr_expect(session_is_young(&s, kp->rekey_ns - 1));
	cr_expect(not(session_is_young(&s, kp->rekey_ns)));
	cr_expect(session_is_alive(&s, NOW + REJECT_AFTER_TIME - 1));
	cr_expect(not(session_is_alive(&s, NOW + REJECT_AFTER_TIME)));
	atomic_store(&kp->sent[LANE_UNORDERED], REKEY_AFTER_MESSAGES);
	cr_expect(not(session_is_young(&s, NOW)), "in any lane of data");
}

Test(session, responder_does_not_renew_by_age)
{
	add_confirmed(false, NOW);
	cr_expect(session_is_young(&s, NOW + REJECT_AFTER_TIME - 1));
	cr_expect(not(session_is_young(&s, NOW + REJECT_AFTER_TIME)));
}
