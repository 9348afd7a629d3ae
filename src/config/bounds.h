/* SPDX-License-Identifier: MIT */
/* bounds.h - figures that the file, its table of keys and the desired state share. */
#ifndef CONFIG_BOUNDS_H
#define CONFIG_BOUNDS_H

#define CONFIG_CPUS_MAX 64u /* of one role */

#endif
