/* SPDX-License-Identifier: MIT */
/* link_scope.h - what stays on one link does not enter the tunnel unasked.
 *
 * The keys of a single peer allow it every address. Taken by the letter that would send all that a
 * system or its programs say to their neighbours - multicast reports, searches for printers - to a
 * peer that may refuse it, and count each as an error. So what has link-local scope goes nowhere in
 * this case. Allowed IPs that somebody wrote are taken by the letter: with ff02::/16, 224.0.0.0/24
 * or a /0 among them, routing protocols work as over any WireGuard.
 */
#ifndef CONTROL_LINK_SCOPE_H
#define CONTROL_LINK_SCOPE_H

#include <stddef.h>

#include "dataplane/allowedips.h"

struct desired;

#define LINK_SCOPE_ENTRIES_MAX 6u

/* Writes the prefixes that nobody gets with this configuration to @entries, to stand beside those
 * of the peers, and returns how many: none with a list of peers, and none of IPv6 when the
 * interface is given an fe80:: address, for then somebody means to use them.
 */
size_t link_scope_exclude(const struct desired *config,
                          struct allowedips_entry entries[static LINK_SCOPE_ENTRIES_MAX]);

#endif
