/* SPDX-License-Identifier: MIT */
/* expect_text.h - two strings are equal; const or not, which Criterion's own comparison minds. */
#ifndef TESTS_EXPECT_TEXT_H
#define TESTS_EXPECT_TEXT_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define EXPECT_TEXT(got, wanted) cr_expect(eq(str, (char *)(got), (char *)(wanted)))

#endif
