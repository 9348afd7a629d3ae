/* SPDX-License-Identifier: MIT */
#include "config/claim.h"

#include <stdlib.h>
#include <string.h>

#include "config/node.h"
#include "config/report.h"

static int compare_claims(const void *a, const void *b)
{
	const struct config_claim *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	int order = memcmp(x->data, y->data, x->len);
	if (order)
		return order;
	return x->order < y->order ? -1 : x->order > y->order;
}

void config_claims_refuse_twins(struct config_report *report, struct config_claim *claims,
                                size_t count, const char *what)
{
	const struct config_claim *first = claims;

	if (count > 1) /* the array may be NULL without a claim */
		qsort(claims, count, sizeof *claims, compare_claims);
	for (size_t i = 1; i < count; i++) {
		const struct config_claim *claim = &claims[i];

		if (claim->len != first->len || memcmp(claim->data, first->data, claim->len))
			first = claim;
		else if (claim->owner != first->owner)
			config_error(report, claim->node,
			             "%s must be unique; line %zu has the same", what,
			             first->node->at.line);
	}
}
