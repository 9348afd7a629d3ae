/* SPDX-License-Identifier: MIT */
/* corpus_rig.h - the corpus of configuration files, and a directory in which a test loads some.
 *
 * corpus/bad holds files, each beside the complete output that it must cause, and corpus/good such
 * as load, which may have warnings beside them. Each test works in a directory of its own, into
 * which files are copied so that modes and places are known; @DIR@ in a file stands for it.
 */
#ifndef TESTS_CONFIG_CORPUS_RIG_H
#define TESTS_CONFIG_CORPUS_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../expect_text.h"
#include "base/key_text.h"
#include "config/load.h"
#include "crypto/aead.h"
#include "crypto/init.h"

#define OWN_KEY        "oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00="
#define PEER_KEY       "AY7lLKeF3FwVG8aE/9EHn/Mzmp/lKWbB5hZ8xmmPE2Q="
#define LATER_PEER_KEY "ML5rYVeiAf75Luz25sO0r8+wuIeAD03HPq6artXHf1o="
#define SHARED_KEY     "GF7IGeVfl0tcF/b8XcVzLbdfg0XfH/k7IiQKOV6nllE="

extern char corpus[PATH_MAX];  /* where bad/ and good/ are */
extern char scratch[PATH_MAX]; /* our directory, and the current one */

/* A file of exactly @len bytes and @mode. */
void put_file(const char *name, const void *content, size_t len, mode_t mode);
void put_text(const char *name, const char *text, mode_t mode);

/* For the .init and .fini of a suite: a directory of our own, with files of keys in it. */
void enter_scratch(void);
void leave_scratch(void);

/* All of a file with a zero behind it; the caller frees it. NULL when there is none. */
char *read_all(const char *path, size_t *ret_len);

/* Copies KIND/NAME here, with our directory filled in. World-readable if its name says so. */
void fetch(const char *kind, const char *name);

/* Loads @name and returns the outcome; the output goes to *@ret_output, to be freed. */
int load(const char *name, struct desired **ret, char **ret_output);

/* Loads text that must be refused, with this outcome and output. */
void assert_refused(const char *text, size_t len, int outcome, const char *expected);

/* A file of corpus/good. */
struct desired *load_good(const char *name);

/* That what was loaded is written so. */
void expect_key(const uint8_t *key, const char *text);
void expect_prefix(const struct prefix *prefix, const char *text);
void expect_endpoint(const struct endpoint *endpoint, const char *text);

/* OWN_KEY as it is used: its public key tells. */
void expect_private_key(const uint8_t *key);

#endif
