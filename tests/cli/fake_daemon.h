/* SPDX-License-Identifier: MIT */
/* fake_daemon.h - the other end of the control socket: a daemon that answers one request. */
#ifndef TESTS_CLI_FAKE_DAEMON_H
#define TESTS_CLI_FAKE_DAEMON_H

#include <pthread.h>

/* A daemon for one request, in a directory of its own. */
struct fake_daemon {
	char directory[64];
	char path[96];
	const char *reply;
	int listener;
	pthread_t thread;
	char request[256]; /* as it came */
};

/* It is there, and gives @reply to whoever comes first; the caller's until the daemon is gone. */
void fake_start(struct fake_daemon *d, const char *reply);

/* When it has answered: neither socket nor directory is left. */
void fake_finish(struct fake_daemon *d);

/* ---- its parts ---- */

/* In /tmp, with a name that nobody has; the caller removes it. */
void make_directory(char directory[static 64]);

/* A socket that listens, which the caller closes; the file stays. */
int listen_at(const char *path);

#endif
