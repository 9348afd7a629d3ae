/* SPDX-License-Identifier: MIT */
#include "control/classes.h"

#include <errno.h>

#include "config/desired.h"
#include "control/links.h"

int classes_ready(const struct desired *wanted, struct traffic_rules **ret)
{
	*ret = NULL;
	if (!wanted->class_count)
		return 0;
	*ret = traffic_rules_new((unsigned)wanted->class_count);
	return *ret ? 0 : -ENOMEM;
}

void classes_resolve(const struct desired *wanted, const struct links *links,
                     struct traffic_rules *rules)
{
	for (unsigned i = 0; rules && i < rules->len; i++) {
		const struct desired_class *class = &wanted->classes[i];
		int link =
			class->rule.treatment == TREAT_LINK ? links_find(links, class->link) : -1;

		rules->rule[i] = class->rule;
		rules->rule[i].link = link < 0 ? LINKS_MAX : (unsigned)link;
	}
}
