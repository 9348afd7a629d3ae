/* SPDX-License-Identifier: MIT */
/* redirect.h - what a test writes, to be read by it; see criterion.h. */
#ifndef STANDIN_REDIRECT_H
#define STANDIN_REDIRECT_H

#include "criterion/criterion.h"

/* From now on into a file without a name. */
void standin_redirect(int fd);

/* What was written to @fd so far, from the beginning. */
FILE *standin_redirected(int fd);

#define cr_redirect_stdout()       standin_redirect(1)
#define cr_redirect_stderr()       standin_redirect(2)
#define cr_get_redirected_stdout() standin_redirected(1)
#define cr_get_redirected_stderr() standin_redirected(2)

#endif
