/* SPDX-License-Identifier: MIT */
#include "run.h"

/* Reads what @fd has, from its start. */
static void run_read(int fd, char *text, size_t room)
{
	ssize_t n = pread(fd, text, room - 1, 0);

	cr_assert(ge(int, n, 0));
	text[n] = '\0';
}

struct run run_cli(const char *const *words)
{
	char *argv[RUN_WORDS_MAX + 1] = {NULL};
	FILE *out = tmpfile(), *messages = tmpfile();
	int old_out = dup(STDOUT_FILENO), old_messages = dup(STDERR_FILENO), argc = 0;
	struct run run;

	for (; words[argc]; argc++)
		argv[argc] = (char *)words[argc];
	fflush(NULL);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(messages), STDERR_FILENO);
	run.status = cli_main(argc, argv);
	fflush(NULL);
	dup2(old_out, STDOUT_FILENO);
	dup2(old_messages, STDERR_FILENO);
	run_read(fileno(out), run.out, sizeof run.out);
	run_read(fileno(messages), run.messages, sizeof run.messages);
	fclose(out);
	fclose(messages);
	close(old_out);
	close(old_messages);
	return run;
}
