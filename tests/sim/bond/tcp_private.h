/* SPDX-License-Identifier: MIT */
/* tcp_private.h - what tcp.c, which sends, has for tcp_acks.c, which hears. */
#ifndef BOND_TCP_PRIVATE_H
#define BOND_TCP_PRIVATE_H

#include "tcp.h"

struct tcp_segment *tcp_segment_of(struct tcp *t, int64_t seq);

/* It is no longer on its way. */
void tcp_leave_order(struct tcp *t, int64_t seq);

void tcp_set_timeout(struct tcp *t);
void tcp_note_rtt(struct tcp *t, double rtt);

/* Sends what window and pace allow. */
void tcp_fill_window(struct tcp *t);

void tcp_detect_losses(struct tcp *t);

/* What was taken for lost was not. */
void tcp_undo(struct tcp *t);

#endif
