/* SPDX-License-Identifier: MIT */
/* cross_rig.h - a document whose values are good by themselves, for one part of the checks across
 * them.
 *
 * Only the sections that a text has are walked, so that nothing is missing which the part does not
 * look at.
 */
#ifndef TESTS_CONFIG_CROSS_RIG_H
#define TESTS_CONFIG_CROSS_RIG_H

#include "config/schema.h"
#include "config/sections.h"
#include "config/walk.h"
#include "crypto/init.h"
#include "node_rig.h"

#define OWN_KEY "oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00="
#define KEY_A   "AY7lLKeF3FwVG8aE/9EHn/Mzmp/lKWbB5hZ8xmmPE2Q="
#define KEY_B   "ML5rYVeiAf75Luz25sO0r8+wuIeAD03HPq6artXHf1o="

/* A text, and what must be said about it, without file, line and column; "": nothing. */
struct cross_case {
	const char *text, *messages;
};

/* For the .init of a suite. */
void ready_crypto(void);

/* What config_walk() finds wrong is left in the report. */
struct config_sections cross_sections(struct parsed *doc, const char *text);

/* Without the places, which are the report's. */
void cross_expect(struct parsed *doc, const char *wanted);

/* Each of the @cases through @check. */
void cross_expect_all(const struct cross_case *cases, size_t count,
                      void (*check)(const struct config_sections *s));

#define CROSS_EXPECT_ALL(cases, check) \
	cross_expect_all(cases, sizeof(cases) / sizeof(cases)[0], check)

#endif
