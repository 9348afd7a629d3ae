/* SPDX-License-Identifier: MIT */
/* cubic.h - the window of a connection: CUBIC (RFC 9438) as Linux has it. */
#ifndef BOND_CUBIC_H
#define BOND_CUBIC_H

#include "tcp.h"

/* @newly packets were acknowledged, the last after @rtt ns; 0: not known. */
void cubic_grow(struct tcp *t, int newly, double rtt);

void cubic_lost(struct tcp *t);
void cubic_undo(struct tcp *t);
void cubic_timed_out(struct tcp *t);

#endif
