/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#include "dataplane/classify.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "dataplane/inner_flow.h"
#include "dataplane/link.h"
#include "dataplane/peer.h"
#include "dataplane/runs.h"
#include "dataplane/self.h"
#include "dataplane/super_packet.h"
#include "sched/measure.h"
#include "sched/traffic_rules.h"

/* The path over link @link, in *@ret_path. False: that takes no data. */
static bool find_path_over(const struct runs *runs, unsigned link, uint8_t *ret_path)
{
	const struct path_table *table = runs->facts.table;

	for (unsigned i = 0; i < table->len; i++) {
		uint8_t path_id = table->slot[i].path_id;
		const struct path_target *target =
			rcu_dereference(runs->peer->path[path_id].target);

		if (target && target->route.link->id / LINK_FAMILIES == link) {
			*ret_path = path_id;
			return true;
		}
	}
	return false;
}

/* False: no rule says anything about it. */
static bool classify_by_rules(const struct runs *runs, const struct traffic_rules *rules,
                              const struct traffic_facts *facts, struct send_class *ret)
{
	const struct traffic_rule *rule = traffic_rules_find(rules, facts);

	if (!rule)
		return false;
	ret->is_doubled = rule->treatment == TREAT_DUPLICATE;
	ret->is_urgent = ret->is_doubled || rule->treatment == TREAT_FASTEST;
	if (rule->treatment != TREAT_LINK)
		return true;
	ret->is_pinned = find_path_over(runs, rule->link, &ret->path_id);
	return ret->is_pinned;
}

static bool is_urgent_by_itself(const struct dp_thread *self, struct runs *runs,
                                const struct traffic_facts *facts)
{
	if (!runs->classes && traffic_needs_memory(facts))
		runs->classes = calloc(1, sizeof *runs->classes);
	return traffic_classify(runs->classes, facts, self->now_ns) == TRAFFIC_URGENT;
}

struct send_class classify_read(const struct dp_thread *self, struct runs *runs,
                                const struct super_packet *cut)
{
	const struct traffic_rules *rules;
	struct traffic_facts facts;
	struct send_class class = {0};

	if (!runs->facts.is_learned || !inner_flow_facts(cut->packet, cut->len, &facts))
		return class;
	class.flow = facts.flow;
	facts.packet_bytes = (uint32_t)super_packet_next_len(cut);
	rules = rcu_dereference(self->tables->rules);
	if (!rules || !classify_by_rules(runs, rules, &facts, &class))
		class.is_urgent = is_urgent_by_itself(self, runs, &facts);
	if (!class.is_urgent || facts.protocol == IPPROTO_TCP)
		measure_expect(&runs->sender, self->now_ns);
	return class;
}
