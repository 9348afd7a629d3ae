/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/feedback.h"

#include <sys/mman.h>

#include "crypto/keypair.h"
#include "sched/heard.h"

/* So long without anything under the newest keypair while another goes on: the peer uses that one.
 * Handshakes have crossed (sched/epochs.h).
 */
#define SILENT_NS RESEQ_WAIT_MAX_NS

#define SEQ_OF(counter) ((counter) & ((1ull << LANE_SHIFT) - 1))

struct feedback *feedback_create(void)
{
	struct feedback *fb = mmap(NULL, sizeof *fb, PROT_READ | PROT_WRITE,
	                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (fb == MAP_FAILED)
		return NULL;
	report_box_init(&fb->reported);
	return fb;
}

void feedback_destroy(struct feedback *fb)
{
	if (!fb)
		return;
	account_fini(&fb->account);
	munmap(fb, sizeof *fb);
}

/* ---- what came ---- */

static bool is_next_key(const struct feedback *fb, const struct keypair *kp, uint64_t came_ns)
{
	return kp->born_ns > fb->key_born_ns || came_ns > fb->key_heard_ns + SILENT_NS;
}

void feedback_data_came(struct feedback *fb, const struct keypair *kp, unsigned path,
                        uint64_t counter, uint32_t bytes, uint64_t came_ns)
{
	struct arrivals *a = &fb->arrivals;

	if (kp->local_index != a->key || kp->born_ns != fb->key_born_ns) {
		if (!is_next_key(fb, kp, came_ns)) {
			arrivals_old(a, path, bytes);
			return;
		}
		arrivals_begin(a, kp->local_index);
		fb->key_born_ns = kp->born_ns;
	}
	fb->key_heard_ns = came_ns;
	arrivals_data(a, path, (unsigned)(counter >> LANE_SHIFT), SEQ_OF(counter), bytes, came_ns);
}

void feedback_probe_came(struct feedback *fb, unsigned path, uint8_t name, uint32_t t_tx_us,
                         uint64_t came_ns)
{
	if (name >= PATHS_MAX)
		return;
	arrivals_name(&fb->arrivals, path, name);
	arrivals_probe(&fb->arrivals, path, t_tx_us, came_ns);
}

/* A peer numbers anew in another life, and that has another keypair. */
static bool is_newer(const struct feedback *fb, const struct keypair *kp, uint32_t number)
{
	if (!fb->has_said || kp->born_ns != fb->said_born_ns)
		return !fb->has_said || kp->born_ns > fb->said_born_ns;
	return report_is_newer(number, fb->said_number);
}

static void forget_loops(struct feedback *fb)
{
	unsigned moved = atomic_exchange_explicit(&fb->moved_loops, 0, memory_order_relaxed);

	for (; moved; moved &= moved - 1)
		fb->loop[__builtin_ctz(moved)] = (struct path_estimate){0};
}

void feedback_answer_came(struct feedback *fb, unsigned path, uint32_t rtt_us)
{
	struct patience_loops loops = {0};

	atomic_store_explicit(&fb->rtt_us[path], rtt_us, memory_order_relaxed);
	if (atomic_load_explicit(&fb->moved_loops, memory_order_relaxed))
		forget_loops(fb);
	estimate_rtt(&fb->loop[path], rtt_us * NS_PER_US);
	for (unsigned i = 0; i < PATHS_MAX; i++)
		patience_add(&loops, fb->loop[i].srtt_ns, fb->loop[i].rttvar_ns);
	fb->patience = patience_for(&loops, ARRIVALS_LOAD_NS);
}

enum feedback_verdict feedback_report_came(struct feedback *fb, const struct keypair *kp,
                                           const uint8_t *body, size_t len)
{
	struct report *report = report_box_next(&fb->reported);

	if (!report_decode(report, body, len))
		return FEEDBACK_BAD;
	if (!is_newer(fb, kp, report->number))
		return FEEDBACK_OLD;
	fb->said_born_ns = kp->born_ns;
	fb->said_number = report->number;
	fb->has_said = true;
	report_box_put(&fb->reported);
	return FEEDBACK_NEWS;
}

/* ---- what the sender hears ---- */

static void hear_departures(struct feedback *fb, struct sender *sender, unsigned path)
{
	struct departure left;

	while (departures_take(&fb->left[path], &left)) {
		const struct send_numbers numbers = {.first = SEQ_OF(left.counter),
		                                     .key = left.key,
		                                     .lane = (uint8_t)(left.counter >> LANE_SHIFT)};

		sender_departed(sender, path, &numbers, left.at_ns);
	}
}

static void hear_answer(struct feedback *fb, struct sender *sender, unsigned path, uint64_t now_ns)
{
	uint32_t rtt_us = atomic_load_explicit(&fb->rtt_us[path], memory_order_relaxed);

	/* One that comes between the two is lost: there will be another. */
	if (!rtt_us)
		return;
	atomic_store_explicit(&fb->rtt_us[path], 0, memory_order_relaxed);
	sender_answered(sender, (uint8_t)path, rtt_us * NS_PER_US, now_ns);
}

static void forget_moved(struct feedback *fb, struct sender *sender)
{
	unsigned moved = atomic_exchange_explicit(&fb->moved, 0, memory_order_relaxed);

	for (; moved; moved &= moved - 1) {
		unsigned path = (unsigned)__builtin_ctz(moved);

		sender_forget_path(sender, path);
		beliefs_set(&fb->beliefs, path, NULL);
	}
}

static void tell_beliefs(struct feedback *fb, const struct sender *sender)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path_model *model = sender->stripe.model[i];
		struct path_belief belief;

		if (model)
			beliefs_set(&fb->beliefs, i,
			            path_model_belief(model, &belief) ? &belief : NULL);
	}
}

void feedback_hear(struct feedback *fb, struct sender *sender, uint64_t now_ns)
{
	const struct report *report;

	if (atomic_load_explicit(&fb->moved, memory_order_relaxed))
		forget_moved(fb, sender);
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		if (sender->log[i])
			hear_departures(fb, sender, i);
		hear_answer(fb, sender, i, now_ns);
	}
	report = report_box_take(&fb->reported);
	if (report && sender_heard(sender, report, now_ns))
		tell_beliefs(fb, sender);
}

void feedback_hear_doubts(struct feedback *fb, struct sender *sender,
                          const struct sender_facts *facts, uint64_t now_ns)
{
	unsigned doubted = atomic_load_explicit(&fb->doubted, memory_order_relaxed);

	if (!doubted)
		return;
	doubted = atomic_exchange_explicit(&fb->doubted, 0, memory_order_acquire);
	for (; doubted; doubted &= doubted - 1) {
		unsigned path = (unsigned)__builtin_ctz(doubted);

		sender_path_doubted(
			sender, facts, (uint8_t)path,
			atomic_load_explicit(&fb->doubted_ns[path], memory_order_relaxed), now_ns);
	}
}
