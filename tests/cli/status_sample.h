/* SPDX-License-Identifier: MIT */
/* status_sample.h - a status object with something of everything, and how it is printed for people.
 */
#ifndef TESTS_CLI_STATUS_SAMPLE_H
#define TESTS_CLI_STATUS_SAMPLE_H

#include "../expect_text.h"

/* Two links, a bonded peer with two paths and one that was never heard of. */
extern const char status_json[], status_text[];

#endif
