/* SPDX-License-Identifier: MIT */
/* Everything that happens by itself happens at a moment that can be computed beforehand: the k-th
 * unanswered probe becomes overdue, the silence grows too long, the hold-down ends. health_tick()
 * compares these moments with the time, health_deadline_ns() returns the first of those that would
 * still change something. Both use the same functions, so nothing is missed, and what has happened
 * is no deadline any more, so nobody spins.
 *
 * Why a filling queue does not look like a dead path: an answer that took R lifts "overdue" above R
 * at once, as srtt + 4 rttvar takes in the whole deviation. Against the newest answer the queue
 * must grow by two probe intervals and the slack before the next one comes, with 100 ms probes and
 * 150 ms slack by 350 ms within 100 ms, to leave three probes overdue.
 */
#include "sched/health.h"

#include <string.h>

#define PROBES_DEAD      3u        /* overdue in a row: dead; BFD's usual multiplier (RFC 5880) */
#define PROBES_DEAD_MAX  8u        /* the same on a path that loses much */
#define FALSE_DEATH      0.001     /* how likely so many may be lost on a path that lives */
#define ANSWERS_UP       3u        /* in a row, after a fall */
#define DISTINCT_NS      NS_PER_MS /* probes closer than this share one fate and count once */
#define IDLE_PATIENCE_NS (500 * NS_PER_MS)
#define ANSWER_MAX_NS    (2 * NS_PER_S) /* an unanswered probe is remembered at least this long */

#define FIRST_ANSWER_NS (5 * NS_PER_S)

#define HOLD_DOWN_NS     (500 * NS_PER_MS)
#define HOLD_DOWN_MAX_NS (30 * NS_PER_S)
#define FALLS_MAX        7u /* 0.5 s * 2^6 is beyond the longest hold-down */
#define STABLE_NS        (60 * NS_PER_S)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Probes sent after the newest answered one, at most HEALTH_PROBES_KEPT. */
static unsigned probes_out(const struct path_health *h)
{
	return (uint16_t)(h->next_seq - h->answered_seq - 1);
}

/* When the @k-th of the probes_out() becomes overdue, k from 1. */
static uint64_t overdue_at(const struct path_health *h, const struct health_settings *set,
                           unsigned k)
{
	uint64_t last_ns = 0;

	for (uint16_t seq = h->answered_seq + 1; seq != h->next_seq; seq++) {
		uint64_t sent_ns = h->sent_ns[seq % HEALTH_PROBES_KEPT];

		if (last_ns && sent_ns - last_ns < DISTINCT_NS)
			continue;
		last_ns = sent_ns;
		if (--k == 0)
			return sent_ns + estimate_overdue_ns(&h->estimate, set->slack_ns);
	}
	return NEVER_NS;
}

/* How many overdue ones are more than bad luck, at the loss that was seen. */
static unsigned probes_dead(const struct path_health *h)
{
	const struct path_estimate *est = &h->estimate;
	double tx = est->tx.is_known ? est->tx.ratio : 0, rx = est->rx.is_known ? est->rx.ratio : 0;
	double loss = 1 - (1 - tx) * (1 - rx), all = loss * loss * loss;
	unsigned probes = PROBES_DEAD;

	for (; all > FALSE_DEATH && probes < PROBES_DEAD_MAX; all *= loss)
		probes++;
	return probes;
}

/* When the path is dead, if no answer comes. While no data is at stake the first probe gets more
 * time: at the idle interval a queue may have filled since the last answer without a trace.
 */
static uint64_t dead_at(const struct path_health *h, const struct health_settings *set)
{
	uint64_t at_ns = overdue_at(h, set, probes_dead(h));

	if (h->is_busy || at_ns == NEVER_NS)
		return at_ns;
	return most(at_ns, overdue_at(h, set, 1) + least(set->interval_ns / 2, IDLE_PATIENCE_NS));
}

/* When the path has been silent for too long. Silence counts only if we asked: who sends probes in
 * time has one out within interval_ns of the last answer, and then this is answered_ns +
 * timeout_ns; after a suspended machine or a pause without session the peer gets the time to
 * answer.
 */
static uint64_t silent_at(const struct path_health *h, const struct health_settings *set)
{
	if (h->asked_ns == NEVER_NS)
		return NEVER_NS;

	uint64_t rest_ns =
		set->timeout_ns > set->interval_ns ? set->timeout_ns - set->interval_ns : 0;
	return most(h->answered_ns + set->timeout_ns, h->asked_ns + rest_ns);
}

/* When a path that never answered is given up. A round trip may be longer than the timeout, which
 * is about silence between answers, so the first one gets some time in any case.
 */
static uint64_t unproven_until(const struct path_health *h, const struct health_settings *set)
{
	return h->asked_ns == NEVER_NS ? NEVER_NS
	                               : h->asked_ns + most(set->timeout_ns, FIRST_ANSWER_NS);
}

static uint64_t probe_interval(const struct path_health *h, const struct health_settings *set)
{
	bool is_fast =
		h->state == PATH_SUSPECT || (h->state == PATH_UP && h->is_busy) || h->is_recovering;
	uint64_t interval_ns = is_fast ? least(set->busy_ns, set->interval_ns) : set->interval_ns;

	return most(interval_ns, DISTINCT_NS);
}

/* An interval after the last one, or up to an eighth earlier to come nearer to the path's own part
 * of the interval. On it already, what it left late is made up for, so it stays there.
 */
static uint64_t next_probe_at(const struct path_health *h, const struct health_settings *set)
{
	uint64_t interval_ns = probe_interval(h, set);
	uint64_t latest_ns = h->probed_ns + interval_ns;
	uint64_t part_ns = interval_ns * (h->phase >> 16) >> 16; /* up to 78 hours */

	if (!h->phase)
		return latest_ns;
	return most(latest_ns - least((latest_ns - part_ns) % interval_ns, interval_ns / 8),
	            h->probed_ns + DISTINCT_NS);
}

/* Sets when the next probe is due, from what is known now. */
static void schedule(struct path_health *h, const struct health_settings *set)
{
	if (!h->probed_ns)
		return; /* the first one is due already */

	h->probe_at_ns = next_probe_at(h, set);
	if (h->soon_ns)
		h->probe_at_ns = least(h->probe_at_ns, h->soon_ns);
	if (probes_out(h) < HEALTH_PROBES_KEPT)
		return;
	/* All places are taken by probes that may still be answered. One more would make us forget
	 * the oldest, and on a path slower than 64 intervals each of them before its answer. While
	 * data flows, those on their way decide; else the oldest gets its time.
	 */
	uint64_t oldest_ns = h->sent_ns[h->next_seq % HEALTH_PROBES_KEPT];
	h->probe_at_ns =
		health_carries_data(h) ? NEVER_NS : most(h->probe_at_ns, oldest_ns + ANSWER_MAX_NS);
}

/* The same when there is a reason to ask by @soon_ns. */
static void schedule_soon(struct path_health *h, const struct health_settings *set,
                          uint64_t soon_ns)
{
	h->soon_ns = h->soon_ns ? least(h->soon_ns, soon_ns) : soon_ns;
	schedule(h, set);
}

static void enter(struct path_health *h, enum path_state state, const char *reason, uint64_t now_ns)
{
	h->state = state;
	h->reason = reason;
	h->since_ns = now_ns;
}

/* The stable time begins with the end of the hold-down that the fall before had caused. */
static void count_fall(struct path_health *h, uint64_t now_ns)
{
	uint64_t stable = now_ns > h->hold_until_ns ? (now_ns - h->hold_until_ns) / STABLE_NS : 0;

	h->falls = stable < 32 ? h->falls >> stable : 0;
	h->hold_until_ns = now_ns + least(HOLD_DOWN_NS << h->falls, HOLD_DOWN_MAX_NS);
	h->fell_ns = now_ns;
	if (h->falls < FALLS_MAX)
		h->falls++;
}

static bool fall(struct path_health *h, const char *reason, uint64_t now_ns)
{
	if (health_carries_data(h))
		count_fall(h, now_ns);
	h->answers_in_row = 0;
	h->is_recovering = false;
	enter(h, PATH_DOWN, reason, now_ns);
	return true;
}

static bool has_proven_itself(const struct path_health *h)
{
	return h->answers_in_row >= (h->state == PATH_UNPROVEN ? 1 : ANSWERS_UP);
}

/* UNPROVEN or DOWN: up it goes, once it has proven itself and the hold-down is over. */
static bool rise(struct path_health *h, uint64_t now_ns)
{
	if (!has_proven_itself(h) || now_ns < h->hold_until_ns)
		return false;

	h->is_recovering = false;
	enter(h, PATH_UP, h->state == PATH_UNPROVEN ? "answers" : "answers again", now_ns);
	return true;
}

void health_init(struct path_health *h, uint64_t now_ns)
{
	*h = (struct path_health){
		.answered_seq = UINT16_MAX,
		.answered_ns = now_ns,
		.asked_ns = NEVER_NS,
		.probe_at_ns = now_ns,
	};
	enter(h, PATH_UNPROVEN, "no answer yet", now_ns);
}

void health_reset(struct path_health *h, uint64_t now_ns)
{
	const struct path_health old = *h;

	health_init(h, now_ns);
	h->next_seq = old.next_seq; /* answers to what went elsewhere stay unknown */
	h->answered_seq = old.next_seq - 1;
	h->falls = old.falls;
	h->fell_ns = old.fell_ns;
	h->hold_until_ns = old.hold_until_ns;
	h->is_busy = old.is_busy;
	h->phase = old.phase;
}

void health_spread(struct path_health *h, uint32_t phase)
{
	h->phase = phase;
}

void health_set_busy(struct path_health *h, const struct health_settings *set, bool is_busy,
                     uint64_t now_ns)
{
	if (h->is_busy == is_busy)
		return;
	h->is_busy = is_busy;
	schedule(h, set);
	h->probe_at_ns = most(h->probe_at_ns, now_ns);
}

uint16_t health_probe_sent(struct path_health *h, const struct health_settings *set,
                           uint64_t now_ns)
{
	uint16_t seq = h->next_seq++;

	if (probes_out(h) > HEALTH_PROBES_KEPT)
		h->answered_seq++;          /* the oldest is given up; its place is taken now */
	h->probed_ns = now_ns ? now_ns : 1; /* 0 says "none" */
	h->soon_ns = 0;
	h->sent_ns[seq % HEALTH_PROBES_KEPT] = h->probed_ns;
	if (h->asked_ns == NEVER_NS)
		h->asked_ns = now_ns;
	schedule(h, set);
	return seq;
}

/* An answer to @seq, if it is the newest so far. "In a row" leaves no gap: a lost probe begins it
 * anew even when the next answer comes before that one is overdue.
 */
static void note_newest(struct path_health *h, uint16_t seq)
{
	uint16_t ahead = seq - h->answered_seq;

	if (ahead == 0 || ahead > HEALTH_PROBES_KEPT)
		return; /* sent before one that was answered earlier */
	if (ahead > 1)
		h->answers_in_row = 0;
	if (h->answers_in_row < ANSWERS_UP)
		h->answers_in_row++;
	h->answered_seq = seq;
	h->asked_ns =
		probes_out(h) ? h->sent_ns[(uint16_t)(seq + 1) % HEALTH_PROBES_KEPT] : NEVER_NS;
}

/* The answer has raised the estimate, so later probes are rarely overdue still; if they are (the
 * peer held its answer for long), the next answer decides.
 */
static bool clear_suspicion(struct path_health *h, const struct health_settings *set,
                            uint64_t now_ns)
{
	if (h->state != PATH_SUSPECT || now_ns >= overdue_at(h, set, 1))
		return false;
	enter(h, PATH_UP, "answers again", now_ns);
	return true;
}

bool health_answered(struct path_health *h, const struct health_settings *set, uint16_t seq,
                     uint64_t rtt_ns, uint64_t now_ns)
{
	uint64_t *sent_ns = &h->sent_ns[seq % HEALTH_PROBES_KEPT];
	uint16_t age = h->next_seq - seq;

	if (age == 0 || age > HEALTH_PROBES_KEPT || !*sent_ns)
		return false;

	/* A peer that lies about its hold time, or about our clock, cannot make it longer. */
	uint64_t out_ns = now_ns > *sent_ns ? now_ns - *sent_ns : 0;
	estimate_rtt(&h->estimate, least(rtt_ns, out_ns));
	*sent_ns = 0;
	h->has_answer = true;
	h->answered_ns = now_ns;
	note_newest(h, seq);

	bool has_changed;
	if (health_carries_data(h)) {
		has_changed = clear_suspicion(h, set, now_ns);
	} else {
		h->is_recovering = true;
		has_changed = rise(h, now_ns);
	}
	schedule(h, set);
	return has_changed;
}

static const char *const why_dead[] = {"3 probes overdue", "4 probes overdue", "5 probes overdue",
                                       "6 probes overdue", "7 probes overdue", "8 probes overdue"};

_Static_assert(sizeof why_dead / sizeof *why_dead == PROBES_DEAD_MAX - PROBES_DEAD + 1,
               "for each number of them");

static bool check_alive(struct path_health *h, const struct health_settings *set, uint64_t now_ns)
{
	if (now_ns >= dead_at(h, set))
		return fall(h, why_dead[probes_dead(h) - PROBES_DEAD], now_ns);
	if (now_ns >= silent_at(h, set))
		return fall(h, "silent for the health check timeout", now_ns);
	if (h->state == PATH_UP && now_ns >= overdue_at(h, set, 1)) {
		enter(h, PATH_SUSPECT, "a probe is overdue", now_ns);
		return true;
	}
	return false;
}

static bool check_recovery(struct path_health *h, const struct health_settings *set,
                           uint64_t now_ns)
{
	bool is_silent = now_ns >= silent_at(h, set);

	if (is_silent || now_ns >= overdue_at(h, set, 1))
		h->answers_in_row = 0;
	if (is_silent || now_ns >= overdue_at(h, set, PROBES_DEAD))
		h->is_recovering = false;
	if (h->state == PATH_UNPROVEN && now_ns >= unproven_until(h, set))
		return fall(h, "never answered", now_ns);
	return rise(h, now_ns);
}

bool health_tick(struct path_health *h, const struct health_settings *set, uint64_t now_ns)
{
	bool has_changed = health_carries_data(h) ? check_alive(h, set, now_ns)
	                                          : check_recovery(h, set, now_ns);

	schedule(h, set);
	return has_changed;
}

/* What is on its way is counted no more. Its answers measure the round trip still. */
static void give_up_probes(struct path_health *h)
{
	h->answered_seq = h->next_seq - 1;
	h->asked_ns = NEVER_NS;
}

bool health_fail(struct path_health *h, const char *reason, uint64_t now_ns)
{
	/* It proves nothing about the time after: not even its answers are wanted. */
	if (probes_out(h) == HEALTH_PROBES_KEPT)
		h->probe_at_ns = now_ns; /* the next had waited for them */
	give_up_probes(h);
	memset(h->sent_ns, 0, sizeof(h->sent_ns));

	if (h->state != PATH_DOWN)
		return fall(h, reason, now_ns);
	h->reason = reason;
	h->answers_in_row = 0;
	h->is_recovering = false;
	return false;
}

uint64_t health_deadline_ns(const struct path_health *h, const struct health_settings *set)
{
	uint64_t at_ns = h->probe_at_ns;

	if (h->state == PATH_UP)
		return least(at_ns, least(overdue_at(h, set, 1), silent_at(h, set)));
	if (h->state == PATH_SUSPECT)
		return least(at_ns, least(dead_at(h, set), silent_at(h, set)));
	if (has_proven_itself(h))
		at_ns = least(at_ns, h->hold_until_ns);
	else if (h->state == PATH_UNPROVEN)
		at_ns = least(at_ns, unproven_until(h, set));
	return at_ns;
}

const char *path_state_name(enum path_state state)
{
	static const char *const names[] = {"unproven", "up", "suspect", "down"};

	return (unsigned)state <= PATH_DOWN ? names[state] : "unknown";
}

void health_assume_up(struct path_health *h, const char *reason, uint64_t now_ns)
{
	if (h->state == PATH_UP)
		return;
	h->state = PATH_UP;
	h->since_ns = now_ns;
	h->reason = reason;
}

void health_hurry(struct path_health *h, const struct health_settings *set)
{
	if (health_carries_data(h) || h->is_recovering)
		return;
	give_up_probes(h); /* overdue as they are, they would end the hurry at once */
	h->is_recovering = true;
	schedule(h, set);
}

void health_probe_soon(struct path_health *h, const struct health_settings *set, uint64_t now_ns)
{
	if (h->probed_ns)
		schedule_soon(h, set, most(now_ns, h->probed_ns + set->busy_ns));
}

bool health_suspect(struct path_health *h, const struct health_settings *set, const char *reason,
                    uint64_t now_ns)
{
	bool is_news = h->state == PATH_UP;

	if (!health_carries_data(h))
		return false;
	if (is_news)
		enter(h, PATH_SUSPECT, reason, now_ns);
	if (h->probed_ns)
		schedule_soon(h, set, most(now_ns, h->probed_ns + DISTINCT_NS));
	return is_news;
}
