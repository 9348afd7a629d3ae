/* SPDX-License-Identifier: MIT */
/* descriptors.h - how many descriptors this process has open; only the lower ones are looked at. */
#ifndef TESTS_DESCRIPTORS_H
#define TESTS_DESCRIPTORS_H

unsigned open_fds(void);

#endif
