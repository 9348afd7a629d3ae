/* SPDX-License-Identifier: MIT */
#include "dataplane/feedback.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "crypto/keypair.h"
#include "sched/heard.h"

#define START_NS (1000 * NS_PER_S)
#define KEY      0x22u

static struct feedback *fb;
static struct sender sender;
static struct keypair first = {.local_index = 1, .born_ns = 10};
static struct keypair second = {.local_index = 2, .born_ns = 20};
static struct report report;

static void begin(void)
{
	fb = feedback_create();
	cr_assert(ne(ptr, fb, NULL));
	sender_init(&sender);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		feedback_probe_came(fb, i, (uint8_t)i, 1, START_NS);
}

static void end(void)
{
	sender_fini(&sender);
	feedback_destroy(fb);
}

TestSuite(feedback, .init = begin, .fini = end);

/* ---- what came ---- */

static void came(const struct keypair *kp, uint64_t counter, uint64_t at_ms)
{
	feedback_data_came(fb, kp, 0, counter, 1000, START_NS + at_ms * NS_PER_MS);
}

static const struct report_path *told(void)
{
	arrivals_report(&fb->arrivals, NULL, 0, START_NS, &report);
	cr_assert(eq(u32, report.paths, PATHS_MAX));
	return &report.path[0];
}

Test(feedback, data_of_both_lanes_is_told)
{
	came(&first, 5, 1);
	cr_expect(eq(u32, told()->newest, 5));
	cr_expect(eq(u32, report.key, 1));
	came(&first, 3 | (uint64_t)LANE_UNORDERED << LANE_SHIFT, 2);
	cr_expect(eq(u32, told()->newest, 3));
	cr_expect(eq(u8, report.path[0].flags & REPORT_UNORDERED, REPORT_UNORDERED));
	cr_expect(eq(u32, report.path[0].packets, 2));
}

Test(feedback, the_keypair_born_later_is_the_newest)
{
	came(&first, 500, 1);
	came(&second, 3, 2);
	came(&first, 501, 3);
	cr_expect(eq(u32, told()->newest, 3));
	cr_expect(eq(u32, report.key, 2));
	cr_expect(eq(u32, report.path[0].packets, 2), "up to the newest");
	came(&second, 4, 4);
	cr_expect(eq(u32, told()->packets, 4), "the late one counts");
}

/* Handshakes crossed: the peer uses the other one. */
Test(feedback, a_newest_keypair_that_is_silent_gives_way)
{
	came(&second, 3, 0);
	came(&first, 500, 300);
	cr_expect(eq(u32, told()->newest, 3));
	came(&first, 501, 301);
	cr_expect(eq(u32, told()->newest, 501));
	cr_expect(eq(u32, report.key, 1));
}

Test(feedback, a_name_that_no_path_can_have_is_not_heeded)
{
	feedback_probe_came(fb, 3, PATHS_MAX, 100, START_NS + NS_PER_MS);
	told();
	cr_expect(eq(u8, report.path[3].path_id, 3));
	cr_expect(eq(u32, report.path[3].probe_us, 1));
}

/* ---- what the peer says ---- */

static uint8_t body[REPORT_BYTES_MAX];

static size_t write_report(uint32_t number)
{
	struct report r = {.number = number, .key = KEY};

	return report_encode(&r, body);
}

static enum feedback_verdict say(const struct keypair *kp, uint32_t number)
{
	return feedback_report_came(fb, kp, body, write_report(number));
}

Test(feedback, of_reports_the_newest_counts)
{
	cr_expect(eq(int, say(&first, 10), FEEDBACK_NEWS));
	cr_expect(eq(int, say(&first, 9), FEEDBACK_OLD));
	cr_expect(eq(int, say(&first, 10), FEEDBACK_OLD));
	feedback_hear(fb, &sender, START_NS);
	cr_expect(eq(u32, sender.stripe.report_number, 10));
	cr_expect(eq(int, say(&first, 12), FEEDBACK_NEWS));
	cr_expect(eq(int, say(&first, 11), FEEDBACK_OLD));
	feedback_hear(fb, &sender, START_NS);
	cr_expect(eq(u32, sender.stripe.report_number, 12));
}

Test(feedback, another_life_of_the_peer_numbers_anew)
{
	cr_expect(eq(int, say(&first, 1000), FEEDBACK_NEWS));
	cr_expect(eq(int, say(&second, 1), FEEDBACK_NEWS));
	cr_expect(eq(int, say(&first, 1001), FEEDBACK_OLD), "of the life before");
	cr_expect(eq(int, say(&second, 2), FEEDBACK_NEWS));
}

Test(feedback, what_is_no_report_changes_nothing)
{
	size_t len = write_report(5);

	cr_expect(eq(int, feedback_report_came(fb, &first, body, len - 1), FEEDBACK_BAD));
	body[12] = PATHS_MAX + 1;
	cr_expect(eq(int, feedback_report_came(fb, &first, body, sizeof body), FEEDBACK_BAD));
	body[12] = 0;
	body[13] = 1; /* a range of none */
	cr_expect(eq(int, feedback_report_came(fb, &first, body, sizeof body), FEEDBACK_BAD));
	feedback_hear(fb, &sender, START_NS);
	cr_expect(not(sender.stripe.has_report));
	cr_expect(eq(int, say(&first, 1), FEEDBACK_NEWS));
}

/* ---- what the sender hears ---- */

static const struct send_numbers numbers = {.first = 7, .key = KEY, .lane = LANE_UNORDERED};

static void send_run(void)
{
	const struct sender_facts facts = {.has_session = true, .is_reporting = true};
	const struct send_run run = {.path_mask = 1u << 4, .bytes = 1000, .packets = 1};

	sender_record(&sender, &facts, &run, &numbers, START_NS);
}

Test(feedback, the_sender_hears_when_a_run_left)
{
	send_run();
	feedback_run_left(fb, 4, 7 | (uint64_t)LANE_UNORDERED << LANE_SHIFT, KEY, START_NS + 5);
	feedback_hear(fb, &sender, START_NS + 10);
	cr_expect(eq(u64, sender_find(&sender, 4, &numbers)->t_tx_ns, START_NS + 5));
}

Test(feedback, the_sender_hears_of_answers_once)
{
	send_run();
	feedback_answer_came(fb, 4, 20000);
	feedback_hear(fb, &sender, START_NS);
	cr_expect(eq(u64, sender.stripe.model[4]->srtt_ns, 20 * NS_PER_MS));
	feedback_answer_came(fb, 4, 28000);
	feedback_hear(fb, &sender, START_NS);
	feedback_hear(fb, &sender, START_NS);
	cr_expect(eq(u64, sender.stripe.model[4]->srtt_ns, 21 * NS_PER_MS));
	feedback_answer_came(fb, 5, 20000); /* no data was sent over it yet */
	feedback_hear(fb, &sender, START_NS);
	cr_expect(eq(u64, sender.stripe.model[5]->srtt_ns, 20 * NS_PER_MS));
}

Test(feedback, a_path_that_moved_is_another_one)
{
	struct path_belief belief;

	send_run();
	owd_sample(&sender.stripe.model[4]->delay, 20, true, START_NS);
	capacity_train(&sender.stripe.model[4]->capacity, 1000000);
	cr_expect(eq(int, say(&first, 1), FEEDBACK_NEWS));
	feedback_hear(fb, &sender, START_NS);
	cr_assert(beliefs_get(&fb->beliefs, 4, &belief));
	cr_expect(lt(u64, 0, belief.capacity_bytes_per_s));
	feedback_path_moved(fb, 4);
	feedback_hear(fb, &sender, START_NS);
	cr_expect(not(beliefs_get(&fb->beliefs, 4, &belief)));
	cr_expect(not(sender.stripe.model[4]->delay.is_known));
}

/* ---- for how long repairs are waited for ---- */

#define SLACKS_NS (ARRIVALS_LOAD_NS + 5 * NS_PER_MS) /* for each repair, beside the loop */

static void answered(unsigned path, uint32_t rtt_ms)
{
	feedback_answer_came(fb, path, rtt_ms * 1000);
}

Test(feedback, no_repair_is_waited_for_until_a_round_trip_is_known)
{
	cr_expect(eq(u64, fb->patience.repair_ns, 0));
	cr_expect(eq(u64, fb->patience.death_ns, 0));
	answered(4, 10);
	cr_expect(eq(u64, fb->patience.repair_ns, PATIENCE_REPAIRS * (30 * NS_PER_MS + SLACKS_NS)),
	          "and four times its variation");
	cr_expect(
		eq(u64, fb->patience.death_ns, 30 * NS_PER_MS + ARRIVALS_LOAD_NS + 20 * NS_PER_MS));
}

Test(feedback, repairs_take_the_quickest_path_and_a_death_shows_on_the_slowest)
{
	struct patience before;

	answered(4, 10);
	answered(5, 30);
	cr_expect(eq(u64, fb->patience.repair_ns, PATIENCE_REPAIRS * (30 * NS_PER_MS + SLACKS_NS)));
	cr_expect(
		eq(u64, fb->patience.death_ns, 90 * NS_PER_MS + ARRIVALS_LOAD_NS + 20 * NS_PER_MS));
	before = fb->patience;
	answered(5, 30);
	cr_expect(lt(u64, fb->patience.death_ns, before.death_ns), "it varies less");
	cr_expect(eq(u64, fb->patience.repair_ns, before.repair_ns));
}

/* Each end of a path that moved is told by itself, when it comes to it. */
Test(feedback, the_round_trips_of_a_path_that_moved_are_forgotten)
{
	answered(4, 10);
	answered(5, 30);
	feedback_path_moved(fb, 4);
	feedback_hear(fb, &sender, START_NS);
	cr_expect(eq(u64, fb->loop[4].srtt_ns, 10 * NS_PER_MS), "not in its role");
	answered(6, 60);
	cr_expect(eq(u64, fb->loop[4].srtt_ns, 0));
	cr_expect(eq(u64, fb->loop[5].srtt_ns, 30 * NS_PER_MS));
	cr_expect(eq(u64, fb->patience.repair_ns, PATIENCE_REPAIRS * (90 * NS_PER_MS + SLACKS_NS)));
	answered(4, 20);
	cr_expect(eq(u64, fb->loop[4].srtt_ns, 20 * NS_PER_MS), "of the way it leads now");
	cr_expect(eq(u64, fb->patience.repair_ns, PATIENCE_REPAIRS * (60 * NS_PER_MS + SLACKS_NS)));
	answered(4, 36);
	cr_expect(eq(u64, fb->loop[4].srtt_ns, 22 * NS_PER_MS), "once");
}

/* ---- what is said of paths ---- */

Test(feedback, a_doubt_is_told_once_and_with_its_time)
{
	const struct sender_facts facts = {0};

	stripe_model(&sender.stripe, 1);
	feedback_path_doubted(fb, 1, START_NS);
	feedback_path_doubted(fb, 1, START_NS + 5);
	feedback_hear_doubts(fb, &sender, &facts, START_NS + 9);
	cr_expect(eq(u16, sender.stripe.doubted, 1u << 1));
	cr_expect(eq(u64, sender.stripe.doubted_ns[1], START_NS + 5));
	sender.stripe.doubted = 0;
	feedback_hear_doubts(fb, &sender, &facts, START_NS + 9);
	cr_expect(eq(u16, sender.stripe.doubted, 0));
}
