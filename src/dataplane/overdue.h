/* SPDX-License-Identifier: MIT */
/* overdue.h - packets that wait for their turn are looked at again in time, though nothing comes.
 *
 * What arrives makes whoever delivers look at what waits (reorder.h). When nothing more comes, the
 * alarm of the peer rings: the worker that keeps it puts an empty batch into the order of arrival,
 * and with that what is overdue is delivered like everything else.
 */
#ifndef DATAPLANE_OVERDUE_H
#define DATAPLANE_OVERDUE_H

#include "dataplane/alarms.h"

/* What dp_peer.overdue is. Whoever delivers sets it. */
extern const struct alarm_kind overdue_kind;

#endif
