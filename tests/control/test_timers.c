/* SPDX-License-Identifier: MIT */
#include "control/timers.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "vtrunkd/limits.h"

#define NOW (1000 * NS_PER_S)

static struct timer_facts f;

static void setup(void)
{
	f = (struct timer_facts){.retry_ns = NEVER_NS, .health_timeout_ns = 5 * NS_PER_S};
}

TestSuite(timers, .init = setup);

Test(timers, nothing_is_due_where_nothing_ever_was)
{
	for (enum timer t = 0; t < TIMER_COUNT; t++)
		cr_expect(eq(u64, timer_due_ns(t, &f, NOW), NEVER_NS), "timer %d", t);
}

Test(timers, silence_is_borne_for_fifteen_seconds_and_the_jitter)
{
	f.data_tx_since_ns = NOW;
	f.jitter_ns = 123;
	cr_expect(eq(u64, timer_due_ns(TIMER_SILENCE, &f, NOW), NOW + 15 * NS_PER_S + 123));
	f.is_attempting = true;
	cr_expect(eq(u64, timer_due_ns(TIMER_SILENCE, &f, NOW), NEVER_NS));
}

Test(timers, plain_peer_that_talked_is_looked_for_on_other_links_earlier)
{
	f.data_tx_since_ns = NOW;
	f.data_heard_ns = NOW - KEEPALIVE_TIMEOUT + 1;
	f.has_other_links = true;
	cr_expect(eq(u64, timer_due_ns(TIMER_SILENCE, &f, NOW), NOW + 5 * NS_PER_S));
	f.health_timeout_ns = 60 * NS_PER_S;
	cr_expect(eq(u64, timer_due_ns(TIMER_SILENCE, &f, NOW), NOW + 15 * NS_PER_S));
	f.health_timeout_ns = 5 * NS_PER_S;
	f.data_heard_ns--;
	cr_expect(eq(u64, timer_due_ns(TIMER_SILENCE, &f, NOW), NOW + 15 * NS_PER_S),
	          "it merely listens");
	f.data_heard_ns = NOW;
	f.has_other_links = false;
	cr_expect(eq(u64, timer_due_ns(TIMER_SILENCE, &f, NOW), NOW + 15 * NS_PER_S));
	f.has_other_links = f.is_bonded = true;
	cr_expect(eq(u64, timer_due_ns(TIMER_SILENCE, &f, NOW), NOW + 15 * NS_PER_S));
}

Test(timers, what_was_heard_is_acknowledged_after_ten_seconds)
{
	f.data_rx_since_ns = NOW;
	cr_expect(eq(u64, timer_due_ns(TIMER_PASSIVE_KEEPALIVE, &f, NOW), NOW + 10 * NS_PER_S));
	cr_expect(eq(u64, timer_again_ns(TIMER_PASSIVE_KEEPALIVE, &f, NOW), NEVER_NS));
}

Test(timers, persistent_keepalive_counts_from_what_was_sent_or_heard_last)
{
	f.persistent_keepalive_ns = 25 * NS_PER_S;
	f.sent_ns = NOW;
	f.heard_ns = NOW + 3;
	cr_expect(eq(u64, timer_due_ns(TIMER_PERSISTENT_KEEPALIVE, &f, NOW),
	             NOW + 3 + 25 * NS_PER_S));
	f.sent_ns = NOW + 4;
	cr_expect(eq(u64, timer_due_ns(TIMER_PERSISTENT_KEEPALIVE, &f, NOW),
	             NOW + 4 + 25 * NS_PER_S));
	cr_expect(eq(u64, timer_again_ns(TIMER_PERSISTENT_KEEPALIVE, &f, NOW), NOW + 25 * NS_PER_S),
	          "whether it has left already or not");
}

Test(timers, plain_key_is_renewed_for_what_is_received_when_it_is_old)
{
	uint64_t old_ns = NOW + REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT;

	f.is_renewing = true;
	f.born_ns = NOW;
	f.rekey_ns = NOW + REKEY_AFTER_TIME;
	cr_expect(eq(u64, timer_due_ns(TIMER_KEY_AGE, &f, NOW), old_ns));
	f.heard_ns = old_ns - 1;
	cr_expect(eq(u64, timer_due_ns(TIMER_KEY_AGE, &f, old_ns), NEVER_NS), "nothing since");
	f.heard_ns = old_ns;
	cr_expect(eq(u64, timer_due_ns(TIMER_KEY_AGE, &f, old_ns), old_ns));
	f.is_renewing = false;
	cr_expect(eq(u64, timer_due_ns(TIMER_KEY_AGE, &f, old_ns), NEVER_NS));
}

Test(timers, bonded_key_is_renewed_by_the_clock)
{
	f.is_renewing = f.is_bonded = true;
	f.born_ns = NOW;
	f.rekey_ns = NOW + REKEY_AFTER_TIME;
	cr_expect(eq(u64, timer_due_ns(TIMER_KEY_AGE, &f, f.rekey_ns), f.rekey_ns));
}

Test(timers, keys_are_wiped_after_nine_minutes)
{
	f.session_ns = NOW;
	cr_expect(eq(u64, timer_due_ns(TIMER_ZEROING, &f, NOW), NEVER_NS), "there are none");
	f.has_keys = true;
	cr_expect(eq(u64, timer_due_ns(TIMER_ZEROING, &f, NOW), NOW + 540 * NS_PER_S));
}

Test(timers, retry_is_when_the_attempt_says)
{
	f.retry_ns = NOW + 1;
	cr_expect(eq(u64, timer_due_ns(TIMER_RETRY, &f, NOW), NOW + 1));
	f.retry_ns = NOW + 2;
	cr_expect(eq(u64, timer_again_ns(TIMER_RETRY, &f, NOW), NOW + 2));
}
