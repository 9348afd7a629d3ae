/* SPDX-License-Identifier: MIT */
#include "sched/measure.h"

#define TRAIN_GAP_NS  (50 * NS_PER_MS) /* between two, over whatever paths: they may share a line */
#define TRAIN_REST_NS (100 * NS_PER_S) /* so rarely without a connection in sight */
#define EXPECTED_NS   NS_PER_S

static uint16_t bit(uint8_t path_id)
{
	return (uint16_t)(1u << path_id);
}

static bool is_expected(const struct stripe *st, uint64_t now_ns)
{
	return st->expected_ns && now_ns - st->expected_ns < EXPECTED_NS;
}

/* Before there is a connection as well, but then seldom, wherever the path leads: a peer that is
 * merely there costs its owner half a kilobyte a second at most.
 */
static bool is_time_for_train(const struct stripe *st, uint8_t path_id, uint64_t now_ns)
{
	uint64_t last_ns = st->train_ns[path_id];

	return is_expected(st, now_ns) || !last_ns || now_ns - last_ns > TRAIN_REST_NS;
}

/* It answers, and nothing tells yet how much it carries. */
static bool wants_train(const struct stripe *st, const struct path_model *m, uint8_t path_id,
                        uint64_t now_ns)
{
	return !((st->trained | st->spared) & bit(path_id)) && m->delay.is_known && m->srtt_ns &&
	       is_time_for_train(st, path_id, now_ns);
}

/* When it may have one: when the path has no queue. What is sent meanwhile is counted (arrivals.h),
 * so a stream of packets, however dense, is no reason to wait.
 */
static uint64_t train_from_ns(const struct stripe *st, const struct path_model *m)
{
	uint64_t from_ns = st->trained_ns + TRAIN_GAP_NS;

	return m->queue.busy_ns > from_ns ? m->queue.busy_ns : from_ns;
}

static bool is_turn(const struct stripe *st, uint64_t now_ns)
{
	return is_expected(st, now_ns) || now_ns >= st->turn_ns;
}

/* Notes it; or that the path waits for it, and in any case when it is no longer wanted. */
static enum measure begin_train(struct stripe *st, struct path_model *m, uint8_t path_id,
                                uint64_t now_ns)
{
	st->awaits_train &= (uint16_t)~bit(path_id);
	if (!wants_train(st, m, path_id, now_ns))
		return MEASURE_NOTHING;
	if (!is_expected(st, now_ns) && !st->turn_ns)
		return MEASURE_TURN;
	if (now_ns <= train_from_ns(st, m) || !is_turn(st, now_ns)) {
		st->awaits_train |= bit(path_id);
		return MEASURE_NOTHING;
	}
	st->turn_ns = 0;
	st->trained |= bit(path_id);
	st->trained_ns = st->train_ns[path_id] = m->sent_ns = now_ns;
	return MEASURE_TRAIN;
}

void measure_take_turn(struct sender *s, uint64_t from_ns)
{
	s->stripe.turn_ns = from_ns;
}

enum measure measure_next(struct sender *s, uint8_t path_id, uint64_t now_ns)
{
	struct stripe *st = &s->stripe;
	struct path_model *m = stripe_model(st, path_id);
	enum measure train;

	if (!m || path_model_is_pausing(m, now_ns))
		return MEASURE_NOTHING;
	if (st->pausing & bit(path_id)) {
		st->pausing &= (uint16_t)~bit(path_id);
		return MEASURE_DELAY;
	}
	train = begin_train(st, m, path_id, now_ns);
	if (train != MEASURE_NOTHING)
		return train;
	if (path_model_pause(m, now_ns) == PATH_PROBE_CLEAN)
		return MEASURE_DELAY;
	if (path_model_is_pausing(m, now_ns))
		st->pausing |= bit(path_id);
	return MEASURE_NOTHING;
}

void measure_probe_sent(struct sender *s, uint8_t path_id, uint32_t t_tx_us, uint64_t now_ns)
{
	struct path_model *m = stripe_model(&s->stripe, path_id);

	if (m)
		path_model_probe_sent(m, t_tx_us, now_ns);
}

uint64_t measure_due_ns(const struct sender *s)
{
	const struct stripe *st = &s->stripe;
	uint64_t due_ns = NEVER_NS;

	for (unsigned mask = st->pausing | st->awaits_train; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctz(mask);
		uint64_t end_ns = st->model[i]->pause_until_ns;

		if (!(st->pausing >> i & 1)) {
			end_ns = train_from_ns(st, st->model[i]) + 1;
			end_ns = end_ns > st->turn_ns ? end_ns : st->turn_ns;
		}
		if (end_ns < due_ns)
			due_ns = end_ns;
	}
	return due_ns;
}
