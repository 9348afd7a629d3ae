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
static inline int stream_to(FILE *stream, int fd)
{
	int old = dup(fileno(stream));

	fflush(stream);
	cr_assert(ge(int, dup2(fd, fileno(stream)), 0));
	return old;
}

static inline void stream_back(FILE *stream, int old)
{
	fflush(stream);
	clearerr(stream);
	dup2(old, fileno(stream));
	close(old);
}

/* What @file holds, from its start. */
static inline void file_text(FILE *file, char *text, size_t room)
{
	ssize_t len = pread(fileno(file), text, room - 1, 0);

	cr_assert(ge(long, len, 0));
	text[len] = '\0';
}

static FILE *stderr_file;
static int stderr_old;

static inline void stderr_catch(void)
{
	stderr_file = tmpfile();
	stderr_old = stream_to(stderr, fileno(stderr_file));
}

static inline void stderr_release(char *said, size_t room)
{
	stream_back(stderr, stderr_old);
	file_text(stderr_file, said, room);
	fclose(stderr_file);
}

#endif
