/* SPDX-License-Identifier: MIT */
/* rig_losses.h - where packets of a rig were lost: in the engines, or before in the kernel. */
#ifndef BENCH_RIG_LOSSES_H
#define BENCH_RIG_LOSSES_H

#include <stddef.h>

struct rig;

/* Writes "sender tun_full 3, sockets 12" or "" into @text. */
void rig_losses_describe(const struct rig *rig, char *text, size_t size);

#endif
