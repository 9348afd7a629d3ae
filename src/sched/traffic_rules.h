/* SPDX-License-Identifier: MIT */
/* traffic_rules.h - what the configuration says of classes of traffic: the first rule that a packet
 * matches tells how it is treated; one that matches none is classed as without rules
 * (traffic_class.h).
 *
 * Immutable once published, with RCU. Pure.
 */
#ifndef SCHED_TRAFFIC_RULES_H
#define SCHED_TRAFFIC_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prefix.h"
#include "base/rcu.h"
#include "sched/traffic_class.h"
#include "vtrunkd/limits.h"

enum traffic_treatment {
	TREAT_BALANCED,  /* as bulk, in the ordered lane */
	TREAT_FASTEST,   /* as what is in a hurry */
	TREAT_DUPLICATE, /* the same, and always twice */
	TREAT_LINK,      /* as bulk, over one link while that works */
};

/* What is zero is not looked at. */
struct traffic_rule {
	uint64_t dscp;                  /* bits by code point */
	uint32_t max_bytes;             /* of the inner packet with its headers */
	uint8_t protocol[2];            /* either; 0: none */
	uint16_t port[CLASS_PORTS_MAX]; /* any of them, at either end */
	unsigned ports;
	struct prefix source, destination; /* family 0: any */
	enum traffic_treatment treatment;
	unsigned link; /* id, of TREAT_LINK; LINKS_MAX or more: none, so by default */
};

struct traffic_rules {
	struct rcu_head rcu;
	unsigned len;
	struct traffic_rule rule[];
};

/* Room for @len rules, all zero, the caller's until they are published; NULL without memory. */
struct traffic_rules *traffic_rules_new(unsigned len);

/* Frees them after a grace period; NULL is allowed. Any registered RCU thread. */
void traffic_rules_retire(struct traffic_rules *rules);

/* The first that matches; NULL: none. @facts as of inner_flow_facts(), with addresses. */
const struct traffic_rule *traffic_rules_find(const struct traffic_rules *rules,
                                              const struct traffic_facts *facts);

#endif
