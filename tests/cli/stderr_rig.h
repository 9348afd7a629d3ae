/* SPDX-License-Identifier: MIT */
/* stderr_rig.h - what a function says on standard error, or prints: a file in the place of it. */
#ifndef TESTS_CLI_STDERR_RIG_H
#define TESTS_CLI_STDERR_RIG_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Puts @fd in the place of @stream's, which is returned for stream_back(). */
int stream_to(FILE *stream, int fd);
void stream_back(FILE *stream, int old);

/* What @file holds, from its start. */
void file_text(FILE *file, char *text, size_t room);

/* What is said in between goes to @said, which has @room bytes. */
void stderr_catch(void);
void stderr_release(char *said, size_t room);

#endif
