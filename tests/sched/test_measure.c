/* SPDX-License-Identifier: MIT */
#include "sched/measure.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sched/heard.h"

#define START_NS (1000 * NS_PER_S)
#define A        2u
#define B        5u

static struct sender sender;
static uint64_t now_ns;

/* It answers, and a report told of its way. */
static struct path_model *know(uint8_t path_id)
{
	struct path_model *m = stripe_model(&sender.stripe, path_id);

	path_model_answered(m, 20 * NS_PER_MS, now_ns);
	owd_sample(&m->delay, 10 * (int64_t)NS_PER_MS, true, now_ns);
	return m;
}

static void begin(void)
{
	sender_init(&sender);
	now_ns = START_NS;
	know(A);
	know(B);
	measure_expect(&sender, now_ns);
}

static void end(void)
{
	sender_fini(&sender);
}

TestSuite(measure, .init = begin, .fini = end);

/* It is always its turn. */
static enum measure next(uint8_t path_id)
{
	enum measure ret = measure_next(&sender, path_id, now_ns);

	if (ret != MEASURE_TURN)
		return ret;
	measure_take_turn(&sender, now_ns);
	return measure_next(&sender, path_id, now_ns);
}

/* Lets the trains go, and what a probe meets of them. */
static void trained(void)
{
	for (unsigned i = 0; i < 2; i++, now_ns += NS_PER_S / 2)
		cr_assert(eq(int, next(i ? B : A), MEASURE_TRAIN));
}

Test(measure, path_gets_one_train_when_it_is_known)
{
	cr_expect(eq(int, next(A), MEASURE_TRAIN));
	for (unsigned i = 0; i < 100; i++, now_ns += 10 * NS_PER_MS)
		cr_expect(ne(int, next(A), MEASURE_TRAIN));
}

Test(measure, unknown_path_gets_no_train)
{
	stripe_model(&sender.stripe, 7);
	cr_expect(ne(int, next(7), MEASURE_TRAIN));
	owd_sample(&sender.stripe.model[7]->delay, 0, true, now_ns);
	cr_expect(ne(int, next(7), MEASURE_TRAIN), "it has not answered");
	path_model_answered(sender.stripe.model[7], NS_PER_MS, now_ns);
	cr_expect(eq(int, next(7), MEASURE_TRAIN));
}

Test(measure, path_is_measured_before_the_first_connection)
{
	now_ns += 2 * NS_PER_S;
	cr_expect(eq(int, next(A), MEASURE_TRAIN));
}

Test(measure, peer_that_is_merely_there_gets_few_trains_wherever_it_goes)
{
	unsigned trains = 0;

	now_ns += 2 * NS_PER_S;
	for (unsigned i = 0; i < 250; i++, now_ns += NS_PER_S) {
		trains += next(A) == MEASURE_TRAIN;
		sender_forget_path(&sender, A);
		know(A);
	}
	cr_expect(eq(uint, trains, 3));
	measure_expect(&sender, now_ns);
	cr_expect(eq(int, next(A), MEASURE_TRAIN), "a connection begins");
}

/* Only its rate is told, and when is anybody's guess. */
Test(measure, train_is_not_overdue)
{
	struct path_model *m = sender.stripe.model[A];

	cr_assert(eq(int, next(A), MEASURE_TRAIN));
	cr_expect(eq(uint, m->sends, 0));
	now_ns += 10 * NS_PER_S;
	cr_expect(eq(uint, path_model_overdue(m, 10 * NS_PER_MS, now_ns), 0));
}

Test(measure, train_that_has_to_wait_says_when)
{
	cr_assert(eq(int, next(A), MEASURE_TRAIN));
	cr_expect(eq(u64, measure_due_ns(&sender), NEVER_NS));
	cr_assert(ne(int, next(B), MEASURE_TRAIN));
	now_ns = measure_due_ns(&sender);
	cr_assert(lt(u64, now_ns, NEVER_NS));
	cr_expect(eq(int, next(B), MEASURE_TRAIN));
	cr_expect(eq(u64, measure_due_ns(&sender), NEVER_NS));
}

Test(measure, train_that_no_connection_needs_waits_for_its_turn)
{
	const uint64_t turn_ns = now_ns + 5 * NS_PER_S;

	now_ns += 2 * NS_PER_S;
	cr_assert(eq(int, measure_next(&sender, A, now_ns), MEASURE_TURN));
	measure_take_turn(&sender, turn_ns);
	cr_expect(ne(int, measure_next(&sender, A, now_ns), MEASURE_TRAIN));
	cr_expect(eq(u64, measure_due_ns(&sender), turn_ns));
	now_ns = turn_ns;
	cr_expect(eq(int, measure_next(&sender, A, now_ns), MEASURE_TRAIN));
	now_ns += NS_PER_S;
	cr_expect(eq(int, measure_next(&sender, B, now_ns), MEASURE_TURN), "each has its own");
}

Test(measure, connection_does_not_wait_for_the_turn)
{
	now_ns += 2 * NS_PER_S;
	cr_assert(eq(int, measure_next(&sender, A, now_ns), MEASURE_TURN));
	measure_take_turn(&sender, now_ns + 100 * NS_PER_S);
	measure_expect(&sender, now_ns);
	cr_expect(eq(int, measure_next(&sender, A, now_ns), MEASURE_TRAIN));
}

Test(measure, path_that_is_gone_waits_for_nothing)
{
	cr_assert(eq(int, next(A), MEASURE_TRAIN));
	cr_assert(ne(int, next(B), MEASURE_TRAIN));
	sender_path_failed(&sender, B, now_ns);
	cr_expect(eq(u64, measure_due_ns(&sender), NEVER_NS));
}

Test(measure, path_that_is_spared_gets_none)
{
	sender.stripe.spared = 1u << A;
	cr_expect(ne(int, next(A), MEASURE_TRAIN));
	cr_expect(eq(int, next(B), MEASURE_TRAIN));
	sender.stripe.spared = 0;
	now_ns += 100 * NS_PER_MS;
	cr_expect(eq(int, next(A), MEASURE_TRAIN));
}

Test(measure, trains_over_two_paths_do_not_meet)
{
	cr_assert(eq(int, next(A), MEASURE_TRAIN));
	cr_expect(ne(int, next(B), MEASURE_TRAIN));
	now_ns += 60 * NS_PER_MS;
	cr_expect(eq(int, next(B), MEASURE_TRAIN));
}

Test(measure, path_in_use_gets_its_train_when_it_is_idle)
{
	path_model_sent(sender.stripe.model[A], 1400, 1, now_ns);
	cr_expect(eq(int, next(A), MEASURE_NOTHING), "it pauses");
	now_ns += 100 * NS_PER_MS;
	cr_expect(eq(int, next(A), MEASURE_DELAY));
	cr_expect(eq(int, next(A), MEASURE_TRAIN));
}

Test(measure, path_that_leads_elsewhere_gets_another_train)
{
	trained();
	sender_forget_path(&sender, A);
	know(A);
	measure_expect(&sender, now_ns);
	cr_expect(eq(int, next(A), MEASURE_TRAIN));
	cr_expect(ne(int, next(B), MEASURE_TRAIN));
}

Test(measure, loaded_path_pauses_and_is_probed_when_its_queue_is_gone)
{
	struct path_model *m = sender.stripe.model[A];
	uint64_t end_ns;

	trained();
	path_model_sent(m, 14000, 10, now_ns);
	cr_assert(lt(u64, 0, path_model_queue_ns(m, now_ns)));
	cr_expect(eq(int, next(A), MEASURE_NOTHING));
	end_ns = measure_due_ns(&sender);
	cr_assert(eq(u64, end_ns, m->pause_until_ns));
	now_ns = end_ns - 1;
	cr_expect(eq(int, next(A), MEASURE_NOTHING), "not yet");
	now_ns = end_ns;
	cr_expect(eq(u64, path_model_queue_ns(m, now_ns), 0));
	cr_expect(eq(int, next(A), MEASURE_DELAY));
	measure_probe_sent(&sender, A, 77, now_ns);
	cr_expect(eq(uint, m->clean, 1), "it is a clean one");
	cr_expect(eq(u64, measure_due_ns(&sender), NEVER_NS));
}

Test(measure, idle_path_is_probed_now_and_then)
{
	unsigned probes = 0;

	trained();
	for (unsigned i = 0; i < 100; i++, now_ns += 10 * NS_PER_MS) {
		if (next(A) != MEASURE_DELAY)
			continue;
		measure_probe_sent(&sender, A, i, now_ns);
		probes++;
	}
	cr_expect(ge(uint, probes, 5));
	cr_expect(le(uint, probes, 11));
	cr_expect(eq(u64, measure_due_ns(&sender), NEVER_NS), "nothing has to stop for it");
}
