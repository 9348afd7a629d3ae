/* SPDX-License-Identifier: MIT */
/* Striped streams, with an oracle that knows what was sent and when it came. */
#include "sched/receiver.h"

#include "../emulation.h"
#include "random.h"
#include "stream.h"
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static struct receiver receiver;
static unsigned top; /* all packets below were delivered or given up */
static unsigned violations;
static bool is_mixed; /* an order had fallen silent and was heard of again */

/* By the last probes, in a clock that does not wrap: how much later than over @fast over @slow. */
static uint64_t measured_ns(unsigned slow, unsigned fast)
{
	const struct sim_path *s = &sim.path[slow], *f = &sim.path[fast];
	int64_t most = INT64_MIN, least = INT64_MAX;

	if (!s->owd_len || !f->owd_len)
		return UNKNOWN_NS;
	for (unsigned i = 0; i < RESEQ_OWD_KEPT && i < s->owd_len; i++)
		most = s->owd_us[s->owd_len - 1 - i] > most ? s->owd_us[s->owd_len - 1 - i] : most;
	for (unsigned i = 0; i < RESEQ_OWD_KEPT && i < f->owd_len; i++)
		least = f->owd_us[f->owd_len - 1 - i] < least ? f->owd_us[f->owd_len - 1 - i]
		                                              : least;
	return most > least ? (uint64_t)(most - least) * NS_PER_US : 0;
}

/* When the one came that has waited longest; NEVER_NS: none waits. */
static uint64_t oldest_ns(void)
{
	uint64_t oldest = NEVER_NS;

	for (unsigned i = top; i < sim.packets; i++) {
		const struct sim_packet *p = &sim.packet[i];

		if (p->arrived_ns && !p->delivered_ns && p->arrived_ns < oldest)
			oldest = p->arrived_ns;
	}
	return oldest;
}

/* Packet @n goes before those missing between @top and it. */
static void give_up(unsigned n, uint64_t now_ns)
{
	const struct sim_packet *first = &sim.packet[n];
	/* Nothing counts any more once somebody has waited so long. */
	bool is_over = now_ns >= oldest_ns() + RESEQ_WAIT_MAX_NS;

	for (; top < n; top++) {
		struct sim_packet *p = &sim.packet[top];

		if (p->has_no_place)
			continue;
		cr_assert(eq(u64, p->arrived_ns, 0), "held, but overtaken");
		p->was_given_up = true;
		p->waited_ns = is_over ? RESEQ_WAIT_MAX_NS : now_ns - first->arrived_ns;
		p->wanted_ns = measured_ns(p->path, first->path) + SLACK_NS;
	}
}

/* The oracle: each one once, in order, late ones at once and with reason. */
static void check_delivery(unsigned n, uint64_t now_ns)
{
	struct sim_packet *p = &sim.packet[n];

	cr_assert(lt(uint, n, sim.packets));
	cr_assert(ne(u64, p->arrived_ns, 0), "packet %u never came", n);
	cr_assert(eq(u64, p->delivered_ns, 0), "packet %u twice", n);
	cr_assert(le(u64, now_ns - p->arrived_ns, RESEQ_WAIT_MAX_NS));
	if (is_mixed) {
		p->delivered_ns = now_ns;
		return;
	}
	if (n >= top) {
		give_up(n, now_ns);
		p->delivered_ns = now_ns;
		top = n + 1;
		return;
	}
	p->delivered_ns = now_ns;
	violations++;
	cr_assert(p->was_given_up);
	cr_assert(eq(u64, now_ns, p->arrived_ns), "late and yet held");
	if (sim.kind != WILD && p->wanted_ns < RESEQ_WAIT_MAX_NS)
		cr_assert(ge(u64, p->waited_ns, p->wanted_ns), "packet %u", n);
}

/* @told_ns is the time as the caller read it, perhaps a little earlier. */
static void sim_take(uint64_t now_ns, uint64_t told_ns)
{
	uint16_t ticket;

	while (receiver_take(&receiver, told_ns, &ticket))
		check_delivery(ticket, now_ns);
}

/* Whether @p was given a place in the order, as it is known after @p came. */
static bool has_place(const struct sim_packet *p)
{
	const struct epoch *newest = &receiver.epochs.newest, *older = &receiver.epochs.older;

	if (p->order == newest->born_ns)
		return p->seq >= newest->first;
	return p->order == older->born_ns && p->seq >= older->first &&
	       p->seq + older->offset < older->end;
}

/* The order of the sender is found, but where anything goes. @newest was the newest one before @p
 * came.
 */
static void check_place(struct sim_packet *p, uint64_t newest)
{
	if (receiver.epochs.newest.born_ns < newest) {
		is_mixed = true;
		top = 0;
	}
	p->has_no_place = !has_place(p);
	cr_assert(has_place(p) || sim.kind == WILD);
	cr_assert(sim.kind == WILD || !is_mixed);
}

static void sim_arrive(unsigned n, uint64_t now_ns, uint64_t told_ns)
{
	struct sim_packet *p = &sim.packet[n];
	bool is_stray = sim.kind == WILD && random_below(10) == 0;
	const struct receiver_packet packet = {
		.seq = p->seq, .born_ns = p->order, .path = is_stray ? PATHS_MAX : p->path};
	uint64_t newest = receiver.epochs.newest.born_ns, place;
	enum reseq_verdict verdict;
	uint16_t ticket;

	p->arrived_ns = now_ns;
	verdict = receiver_arrived(&receiver, &packet, told_ns, &place);
	check_place(p, newest);
	if (p->has_no_place) {
		cr_assert(eq(int, verdict, RESEQ_DELIVER));
		p->delivered_ns = now_ns;
		return;
	}
	while (verdict == RESEQ_FULL) {
		cr_assert(eq(int, sim.kind, WILD));
		cr_assert(receiver_take_any(&receiver, told_ns, &ticket));
		check_delivery(ticket, now_ns);
		verdict = receiver_arrived(&receiver, &packet, told_ns, &place);
	}
	if (verdict == RESEQ_HOLD)
		receiver_hold(&receiver, &packet, place, (uint16_t)n, told_ns);
	else
		check_delivery(n, now_ns);
	sim_take(now_ns, told_ns);
}

/* Whoever sleeps until the deadline gets something then, and nothing before. Returns when. */
static uint64_t sleep_until(uint64_t due_ns, uint64_t now_ns)
{
	uint16_t ticket;

	if (due_ns > now_ns + 1)
		cr_assert(not(receiver_take(&receiver, due_ns - 1, &ticket)));
	if (due_ns < now_ns)
		due_ns = now_ns;
	cr_assert(receiver_take(&receiver, due_ns, &ticket), "due, but nothing there");
	check_delivery(ticket, due_ns);
	sim_take(due_ns, due_ns);
	return due_ns;
}

/* All that arrives, until nothing waits any more; returns when that is. */
static uint64_t play(void)
{
	uint64_t now_ns = 0, due_ns;

	for (unsigned n = 0; n < sim.events || receiver.order.held;) {
		const struct sim_event *e = &sim.event[n];

		due_ns = receiver_alarm_ns(&receiver, now_ns);
		if (receiver.order.held && !sim.vague_ns)
			cr_assert(eq(u64, receiver.order.slot[receiver.order.oldest_at].arrived_ns,
			             oldest_ns()));
		if (n == sim.events || due_ns < e->at_ns) {
			now_ns = sleep_until(due_ns, now_ns);
			continue;
		}
		now_ns = e->at_ns;
		n++;
		if (e->is_probe) {
			sim.path[e->path].owd_us[sim.path[e->path].owd_len++] = e->owd_us;
			receiver_probed(&receiver, e->path, (int32_t)(uint32_t)e->owd_us);
		} else {
			sim_arrive(e->packet, now_ns, now_ns - random_below(sim.vague_ns + 1));
		}
	}
	return now_ns;
}

/* What holds at the end: everything came out, and nothing waited without need. */
static void check_all(void)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (unsigned i = 0; i < sim.paths; i++) {
		least = sim.path[i].delay_ns < least ? sim.path[i].delay_ns : least;
		most = sim.path[i].delay_ns > most ? sim.path[i].delay_ns : most;
	}
	for (unsigned i = 0; i < sim.packets; i++) {
		const struct sim_packet *p = &sim.packet[i];

		cr_assert(eq(int, p->arrived_ns != 0, p->delivered_ns != 0), "packet %u", i);
		if (sim.kind == CONSTANT)
			cr_assert(
				le(u64, p->delivered_ns - p->arrived_ns, most - least + SLACK_NS));
	}
	if (sim.kind == CONSTANT)
		cr_assert(eq(uint, violations, 0));
}

/* Two streams, between which everything comes to rest. */
static void simulate(enum kind kind)
{
	uint64_t now_ns = START_NS + random_ns(NS_PER_S);

	memset(&receiver, 0, sizeof receiver);
	sim.kind = kind;
	sim.order = 0;
	sim.vague_ns = kind == WILD && random_below(2) ? 50000 : 0;
	make_paths(now_ns);
	for (unsigned round = 0; round < 2; round++) {
		sim.packets = sim.events = top = violations = 0;
		is_mixed = false;
		sim.order++;
		choose_changes(round == 0);
		send_stream(round ? 0 : random_below(1000), now_ns, round == 0);
		now_ns = play();
		check_all();
	}
}

TestSuite(receiver, .init = seed_random);

static void simulate_many(enum kind kind, unsigned runs)
{
	while (runs--)
		simulate(kind);
}

Test(receiver, constant_delays_never_break_order)
{
	simulate_many(CONSTANT, fewer_emulated(1000));
}

Test(receiver, loss_and_jitter_break_order_with_reason_only)
{
	simulate_many(LOSSY, fewer_emulated(1000));
}

Test(receiver, nothing_is_lost_or_stuck_whatever_happens)
{
	simulate_many(WILD, fewer_emulated(1000));
}
