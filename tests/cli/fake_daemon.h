/* SPDX-License-Identifier: MIT */
/* fake_daemon.h - the other end of the control socket: a daemon that answers one request. */
#ifndef TESTS_CLI_FAKE_DAEMON_H
#define TESTS_CLI_FAKE_DAEMON_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vtrunkd/ctl.h"

/* A daemon for one request, in a directory of its own. */
struct fake_daemon {
	char directory[64];
	char path[96];
	const char *reply;
	int listener;
	pthread_t thread;
	char request[256]; /* as it came */
};

static inline void make_directory(char directory[static 64])
{
	strcpy(directory, "/tmp/vtrunkd-test-XXXXXX");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
}

static inline int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = strlen(path);

	cr_assert(lt(sz, len, sizeof addr.sun_path));
	memcpy(addr.sun_path, path, len);
	cr_assert(eq(int, bind(sock, (struct sockaddr *)&addr, sizeof addr), 0));
	cr_assert(eq(int, listen(sock, 1), 0));
	return sock;
}

static inline void *answer_once(void *arg)
{
	struct fake_daemon *d = arg;
	int sock = accept(d->listener, NULL, NULL);
	size_t len = 0;

	while (len + 1 < sizeof d->request && !memchr(d->request, '\n', len)) {
		ssize_t n = recv(sock, d->request + len, sizeof d->request - 1 - len, 0);

		if (n <= 0)
			break;
		len += n;
	}
	for (const char *at = d->reply; *at;) {
		/* In small pieces, as a stream may deliver it. */
		ssize_t n = send(sock, at, strnlen(at, 1000), MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += n;
	}
	close(sock);
	return NULL;
}

static inline void fake_start(struct fake_daemon *d, const char *reply)
{
	make_directory(d->directory);
	snprintf(d->path, sizeof d->path, "%s/vt0" CTL_SUFFIX, d->directory);
	d->reply = reply;
	d->listener = listen_at(d->path);
	cr_assert(eq(int, pthread_create(&d->thread, NULL, answer_once, d), 0));
}

static inline void fake_finish(struct fake_daemon *d)
{
	pthread_join(d->thread, NULL);
	close(d->listener);
	unlink(d->path);
	rmdir(d->directory);
}

#endif
