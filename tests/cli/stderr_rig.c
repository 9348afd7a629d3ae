/* SPDX-License-Identifier: MIT */
#include "stderr_rig.h"

int stream_to(FILE *stream, int fd)
{
	int old = dup(fileno(stream));

	fflush(stream);
	cr_assert(ge(int, dup2(fd, fileno(stream)), 0));
	return old;
}

void stream_back(FILE *stream, int old)
{
	fflush(stream);
	clearerr(stream);
	dup2(old, fileno(stream));
	close(old);
}

void file_text(FILE *file, char *text, size_t room)
{
	ssize_t len = pread(fileno(file), text, room - 1, 0);

	cr_assert(ge(long, len, 0));
	text[len] = '\0';
}

static FILE *stderr_file;
static int stderr_old;

void stderr_catch(void)
{
	stderr_file = tmpfile();
	stderr_old = stream_to(stderr, fileno(stderr_file));
}

void stderr_release(char *said, size_t room)
{
	stream_back(stderr, stderr_old);
	file_text(stderr_file, said, room);
	fclose(stderr_file);
}
