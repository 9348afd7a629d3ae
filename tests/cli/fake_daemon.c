/* SPDX-License-Identifier: MIT */
#include "fake_daemon.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../local_socket.h"
#include "vtrunkd/ctl.h"

void make_directory(char directory[static 64])
{
	strcpy(directory, "/tmp/vtrunkd-test-XXXXXX");
	cr_assert(ne(ptr, mkdtemp(directory), NULL));
}

int listen_at(const char *path)
{
	struct sockaddr_un addr = local_address(path);
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(eq(int, bind(sock, (struct sockaddr *)&addr, sizeof addr), 0));
	cr_assert(eq(int, listen(sock, 1), 0));
	return sock;
}

static void *answer_once(void *arg)
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

void fake_start(struct fake_daemon *d, const char *reply)
{
	make_directory(d->directory);
	snprintf(d->path, sizeof d->path, "%s/vt0" CTL_SUFFIX, d->directory);
	d->reply = reply;
	d->listener = listen_at(d->path);
	cr_assert(eq(int, pthread_create(&d->thread, NULL, answer_once, d), 0));
}

void fake_finish(struct fake_daemon *d)
{
	pthread_join(d->thread, NULL);
	close(d->listener);
	unlink(d->path);
	rmdir(d->directory);
}
