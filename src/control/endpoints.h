/* SPDX-License-Identifier: MIT */
/* endpoints.h - from the configured endpoints of a peer to paths: names are resolved, and each address
 * goes to the links it is meant for.
 *
 * All functions: control thread.
 */
#ifndef CONTROL_ENDPOINTS_H
#define CONTROL_ENDPOINTS_H

#include <stdint.h>

#include "control/resolve.h"

struct control;
struct peer;

/* Asks for the addresses of all endpoints of @peer; the answers lead to endpoints_answered(). */
void endpoints_ask(struct peer *peer);

/* An answer of the resolver. */
void endpoints_answered(struct control *control, const struct resolve_answer *answer,
                        uint64_t now_ns);

#endif
