/* SPDX-License-Identifier: MIT */
/* host_control.h - what control does for a host: probes, and the table of its paths. */
#ifndef BOND_HOST_CONTROL_H
#define BOND_HOST_CONTROL_H

#include "host.h"

void host_control_begin(struct host *h);

/* The probe @seq over @path was answered. */
void host_control_answered(struct host *h, unsigned path, uint16_t seq, uint64_t rtt_ns);

/* Data was sent or came. */
void host_control_data(struct host *h);

#endif
