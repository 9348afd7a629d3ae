/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "events.h"
#include "life.h"

#define OF_BEST       0.97 /* of the best link alone, whatever the others are */
#define OF_BEST_EARLY 0.86 /* the same in the first seconds; with jitter it is least */

/* Least shares of one TCP connection and of one QUIC connection, most delay and loss of the voice.
 */
static const struct demand {
	const char *name;
	double tcp, quic, voice_p99_ms;
	unsigned voice_lost;
} demands[] = {
	{"equal", 89, 88, 12, 0}, {"slow", 88, 86, 12, 0}, {"jitter", 83, 82, 14, 0},
	{"lossy", 86, 84, 15, 0}, {"five", 86, 86, 12, 0}, {"fibre", 84, 82, 12, 0},
	{"mixed", 78, 74, 20, 1}, {"death", 0, 0, 30, 0},  {"lossyfast", 82, 80, 18, 45},
	{"lte", 78, 74, 20, 1},
};

static bool is_kept(const char *what, double is, double limit, bool is_most)
{
	if (is_most ? is <= limit : is >= limit)
		return true;
	printf("%s, %s: %s is %.1f, not at %s %.1f\n", life.what->about,
	       life.kind == FLOW_QUIC ? "QUIC" : "TCP", what, is, is_most ? "most" : "least",
	       limit);
	return false;
}

static bool check(const struct demand *d, bool is_quic)
{
	struct result best, learned;
	bool is_good = true;

	life.kind = is_quic ? FLOW_QUIC : FLOW_CUBIC;
	life.policy = POLICY_BEST;
	best = live();
	life.policy = POLICY_LEARN;
	learned = live();
	for (unsigned i = 0; i < 2; i++) {
		const char *broken = i ? learned.broken : best.broken;

		if (broken)
			printf("%s: %s\n", d->name, broken);
		is_good &= !broken;
	}
	is_good &= is_kept("the share", learned.steady, is_quic ? d->quic : d->tcp, false);
	is_good &= is_kept("the share", learned.steady, OF_BEST * best.steady, false);
	is_good &= is_kept("the first share", learned.early, OF_BEST_EARLY * best.early, false);
	is_good &= is_kept("the voice's delay", learned.voice_p99, d->voice_p99_ms, true);
	is_good &= is_kept("the voice's loss", learned.voice_lost, d->voice_lost, true);
	is_good &= is_kept("timeouts", learned.timeouts, 0, true);
	is_good &= is_kept("the longest stall", learned.stall_ms, 200, true);
	return is_good;
}

bool check_all(void)
{
	bool is_good = true;

	life.flows = 1;
	life.only = -1;
	life.seconds = 25;
	life.from_s = 10;
	life.voice_per_s = 200;
	life.seed = 1;
	for (unsigned i = 0; i < sizeof demands / sizeof *demands; i++) {
		for (unsigned k = 0; k < scenarios_len; k++) {
			if (strcmp(scenarios[k].name, demands[i].name))
				continue;
			life.what = &scenarios[k];
			is_good &= check(&demands[i], false);
			is_good &= check(&demands[i], true);
		}
	}
	return is_good;
}
