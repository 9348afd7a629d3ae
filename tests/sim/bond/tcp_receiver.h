/* SPDX-License-Identifier: MIT */
/* tcp_receiver.h - the receiving end of a connection: an ACK for every second packet, at once for
 * what is out of order, after 40 ms for a single one.
 */
#ifndef BOND_TCP_RECEIVER_H
#define BOND_TCP_RECEIVER_H

#include "tcp.h"

void tcp_arrived(struct tcp *t, const struct packet *data);

#endif
