/* SPDX-License-Identifier: MIT */
/* desired_rig.h - desired states from the text of a file, for tests that compare them. */
#ifndef TESTS_CONFIG_DESIRED_RIG_H
#define TESTS_CONFIG_DESIRED_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/load.h"

#define OWN_KEY    "oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00="
#define KEY_A      "AY7lLKeF3FwVG8aE/9EHn/Mzmp/lKWbB5hZ8xmmPE2Q="
#define KEY_B      "ML5rYVeiAf75Luz25sO0r8+wuIeAD03HPq6artXHf1o="
#define KEY_C      "c7RfyQJs941ptyK/I2GQqUNNJGutpnq0g8FVtQe4A1g="
#define SECRET_KEY "GF7IGeVfl0tcF/b8XcVzLbdfg0XfH/k7IiQKOV6nllE="
#define OTHER_KEY  "Bgi8epUljq3pe4JT3doDKOUvX1YEmJDGudLANVd93Xs="

/* The text must be that of a good file. */
struct desired *desired_of_text(const char *text);

/* A gateway with these entries of links and peers. */
struct desired *desired_of(const char *links, const char *peers);

/* The changes from one to the other, as text, which the caller frees. */
char *difference(const struct desired *from, const struct desired *to);

#endif
