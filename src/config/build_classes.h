/* SPDX-License-Identifier: MIT */
/* build_classes.h - classes of traffic, from what was loaded. */
#ifndef CONFIG_BUILD_CLASSES_H
#define CONFIG_BUILD_CLASSES_H

struct desired;
struct raw_wireguard;

/* Returns 0, -ENOMEM, or -EINVAL for what no check has let through. */
int desired_build_classes(struct desired *config, const struct raw_wireguard *raw);

#endif
