/* SPDX-License-Identifier: MIT */
/* host_key.h - the one keypair of both hosts, which is never renewed here: only its names count. */
#ifndef BOND_HOST_KEY_H
#define BOND_HOST_KEY_H

#include "base/rcu.h"

#include "crypto/keypair.h"

#define HOST_KEY 1u /* as either end calls it */

extern const struct keypair host_key;

#endif
