/* SPDX-License-Identifier: MIT */
#include "config/cross_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/claim.h"
#include "config/node.h"
#include "config/report.h"
#include "config/sections.h"
#include "vtrunkd/limits.h"

int config_cross_names(const struct config_sections *s, const struct config_node *list,
                       const char *prefix, unsigned first)
{
	size_t count = 0;

	if (!list || !list->count)
		return 0;
	struct config_claim *claims = calloc(list->count, sizeof *claims);
	char(*names)[NAME_LEN] = calloc(list->count, sizeof *names);
	for (struct config_node *entry = list->first; claims && names && entry;
	     entry = entry->next) {
		struct config_node *name = config_node_good(entry, "name");

		if (entry->kind != CONFIG_NODE_MAPPING ||
		    (!name && config_node_given(entry, "name")))
			continue;
		if (name)
			snprintf(names[count], NAME_LEN, "%s", name->text);
		else
			snprintf(names[count], NAME_LEN, "%s-%zu", prefix, entry->index + first);
		claims[count] = (struct config_claim){names[count], strlen(names[count]), count,
		                                      count, name ? name : entry};
		count++;
	}
	int err = claims && names ? 0 : -ENOMEM;
	config_claims_refuse_twins(s->report, claims, count, "a name, given or by default,");
	free(claims);
	free(names);
	return err;
}
