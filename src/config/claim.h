/* SPDX-License-Identifier: MIT */
/* claim.h - values of a configuration that must be unique: names, keys, prefixes, addresses.
 *
 * Whoever checks collects one claim per value; what is said about the later of two that are the
 * same is one for all. Memory and values are the caller's.
 */
#ifndef CONFIG_CLAIM_H
#define CONFIG_CLAIM_H

#include <stddef.h>

struct config_node;
struct config_report;

struct config_claim {
	const void *data;
	size_t len;
	size_t order; /* in the file */
	size_t owner; /* claims of one owner may be equal; else give each its own */
	struct config_node *node;
};

/* Reports every claim that an earlier one of another owner makes already: "@what must be unique".
 * Sorts them.
 */
void config_claims_refuse_twins(struct config_report *report, struct config_claim *claims,
                                size_t count, const char *what);

#endif
