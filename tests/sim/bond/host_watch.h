/* SPDX-License-Identifier: MIT */
/* host_watch.h - how the outflow of a host looks after its paths: dataplane/path_watch.c. */
#ifndef BOND_HOST_WATCH_H
#define BOND_HOST_WATCH_H

#include "host.h"

/* What the peer has told is heard. */
void host_watch_hear(struct host *h);

void host_watch_tick(struct host *h);

/* When to do so again; NEVER_NS: not for this. */
uint64_t host_watch_due_ns(const struct host *h);

#endif
