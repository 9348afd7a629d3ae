/* SPDX-License-Identifier: MIT */
/* A topology drawn from a seed is lived through as a bond, and with single links of it alone. */
#include "../life.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "known_limits.h"
#include "life.h"
#include "topology.h"

#define LEAST_SHARE    0.97 /* of what the best link alone reaches */
#define MOST_TIME      1.03 /* of what it needs for a download */
#define MOST_TIME_CELL 1.06
#define HEADERS        0.97 /* more of its rate no link can carry */
#define PAYLOAD        1368.0

const char *const life_makes = "packets";

/* Of a life: the figures that count, greater is better. */
struct figures {
	double early, all; /* bytes */
	double done_s;     /* below 0: never */
};

struct best {
	struct figures f;
	unsigned early_link, all_link;
};

static double tolerance = 1; /* so much of what is demanded, or known, is enough */

void life_prepare(void)
{
	const char *percent = getenv("BOND_TOLERANCE");

	if (percent)
		tolerance = atof(percent) / 100;
}

static struct figures live_as(const struct topology *t, enum policy policy, unsigned link,
                              struct life_result *ret)
{
	struct result r;

	life.policy = policy;
	life.only = (int)link;
	r = live();
	ret->lived_ns += r.lived_ns;
	ret->events += r.events;
	ret->made += r.delivered;
	if (r.broken && !ret->is_broken) {
		ret->is_broken = true;
		snprintf(ret->why, sizeof ret->why, "seed %" PRIu64 ": %s%s", life.seed,
		         policy == POLICY_BEST ? "alone, " : "", r.broken);
	}
	if (r.done_s < 0)
		r.done_s = t->seconds;
	return (struct figures){r.early_bytes, r.all_bytes, r.done_s};
}

/* What the link could bring at most cannot be better than @best. */
static bool is_hopeless(const struct topology *t, unsigned link, const struct best *best)
{
	const struct pipe_settings *set = &t->links.link[link];
	double bytes_per_s = (set->lte_high > 0 ? set->lte_high : set->mbps) * 125000 * HEADERS;

	if (best->f.done_s > 0)
		return t->mbytes * 1e6 / bytes_per_s > best->f.done_s;
	return bytes_per_s * t->seconds < best->f.all &&
	       bytes_per_s * MIN(t->seconds, LIFE_EARLY_S) < best->f.early;
}

static unsigned fastest_left(const struct topology *t, unsigned done)
{
	unsigned best = UINT32_MAX;

	for (unsigned i = 0; i < t->links.links; i++) {
		if (!(done >> i & 1) &&
		    (best == UINT32_MAX || t->links.link[i].mbps > t->links.link[best].mbps))
			best = i;
	}
	return best;
}

static struct best live_alone(const struct topology *t, struct life_result *ret)
{
	struct best best = {0};
	unsigned done = 0, link;

	while ((link = fastest_left(t, done)) != UINT32_MAX) {
		struct figures f;

		done |= 1u << link;
		if (is_hopeless(t, link, &best))
			continue;
		f = live_as(t, POLICY_BEST, link, ret);
		if (f.early > best.f.early) {
			best.f.early = f.early;
			best.early_link = link;
		}
		if (f.all > best.f.all) {
			best.f.all = f.all;
			best.all_link = link;
		}
		if (best.f.done_s <= 0 || f.done_s < best.f.done_s) {
			best.f.done_s = f.done_s;
			best.all_link = t->mbytes > 0 ? link : best.all_link;
		}
	}
	return best;
}

/* Above 1: better than what is demanded. */
static double worst(const struct topology *t, const struct figures *bond, const struct best *best,
                    const char **ret_what)
{
	double early = bond->early / best->f.early / LEAST_SHARE;
	double all = bond->all / best->f.all / LEAST_SHARE;

	if (t->mbytes > 0) {
		*ret_what = "the download";
		return best->f.done_s * (t->has_cell ? MOST_TIME_CELL : MOST_TIME) / bond->done_s;
	}
	*ret_what = early < all ? "the beginning" : "the whole";
	return MIN(early, all);
}

static void set_life(const struct topology *t, uint64_t seed)
{
	life = (struct life_settings){.what = &t->links,
	                              .flows = t->flows,
	                              .kind = t->kind,
	                              .lanes = 1,
	                              .is_warm = t->is_warm,
	                              .seconds = t->seconds + 0.5,
	                              .from_s = 1,
	                              .voice_per_s = 50,
	                              .limit = (int64_t)(t->mbytes * 1e6 / PAYLOAD),
	                              .seed = seed};
}

static void judge(const struct topology *t, const struct figures *bond, const struct best *best,
                  struct life_result *ret, FILE *story)
{
	const struct known_limit *known = known_limit_of(life.seed);
	const char *what;
	double is = worst(t, bond, best, &what), least = known ? known->least : 1;

	if (story)
		fprintf(story,
		        "%s:%s\nbond %.2f s, %.0f and %.0f bytes; alone %.2f s (link %u), "
		        "%.0f (%u) and %.0f: %.3f of what is demanded\n",
		        t->traffic, t->about, bond->done_s, bond->early, bond->all, best->f.done_s,
		        best->all_link, best->f.early, best->early_link, best->f.all, is);
	if (is >= least * tolerance || ret->is_broken)
		return;
	ret->is_broken = true;
	snprintf(ret->why, sizeof ret->why,
	         "seed %" PRIu64 ": %.3f of what is demanded for %s: %s:%.370s", life.seed, is,
	         what, t->traffic, t->about);
}

struct life_result life_live(uint64_t seed, FILE *story)
{
	const struct topology t = topology_draw(seed);
	struct life_result ret = {0};
	struct figures bond;
	struct best best;

	set_life(&t, seed);
	life.is_traced = story != NULL;
	bond = live_as(&t, POLICY_LEARN, 0, &ret);
	life.is_traced = false;
	best = live_alone(&t, &ret);
	judge(&t, &bond, &best, &ret, story);
	return ret;
}
