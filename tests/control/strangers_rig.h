/* SPDX-License-Identifier: MIT */
/* strangers_rig.h - what gate and admission do with one message, in one thread and at once. */
#ifndef TESTS_CONTROL_STRANGERS_RIG_H
#define TESTS_CONTROL_STRANGERS_RIG_H

#include "control/messages.h"
#include "control/strangers.h"
#include "crypto/aead.h"

/* @msg of @len bytes came over @route: it goes on to @m, is answered with a cookie, or counted. */
void take_of_stranger(struct strangers *s, struct messages *m, const struct route *route,
                      const void *msg, size_t len, uint64_t now_ns);

#endif
