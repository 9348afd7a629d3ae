/* SPDX-License-Identifier: MIT */
/* shorts.h - short connections beside the others, one after the other, and how long they need. */
#ifndef BOND_SHORTS_H
#define BOND_SHORTS_H

#include "host.h"
#include "tcp.h"

#define SHORTS_FLOW 1000u /* they are numbered from here on */

/* Their data goes from @from to @to; one begins @per_s times a second, from @at_ns on. */
void shorts_begin(struct host *from, struct host *to, double per_s, uint64_t at_ns);
void shorts_end(void);

/* The connection of a packet, or NULL: it is over. */
struct tcp *shorts_find(unsigned flow);

/* Milliseconds that @share of those that came to their end needed at most; below 0: none did. */
double shorts_took(double share);

#endif
