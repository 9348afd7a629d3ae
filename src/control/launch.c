/* SPDX-License-Identifier: MIT */
#include "control/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int launch_init(struct launch *launch)
{
	int fd;

	launch->parent_fd = -1;
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* One byte, the status, or the end of the pipe when the daemon is gone. */
static _Noreturn void wait_for_daemon(pid_t child, int fd)
{
	uint8_t status;
	ssize_t n;

	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	do {
		n = read(fd, &status, sizeof status);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof status) {
		fputs("vtrunkd: the daemon ended before it was ready\n", stderr);
		status = LAUNCH_LOST;
	}
	_exit(status);
}

int launch_detach(struct launch *launch)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid_t child = fork();
	if (child < 0) {
		int err = -errno;

		close(fds[0]);
		close(fds[1]);
		return err;
	}
	close(fds[child ? 1 : 0]);
	if (child)
		wait_for_daemon(child, fds[0]);

	/* The leader of a session could get a terminal by opening one; its child cannot. */
	setsid();
	child = fork();
	if (child < 0)
		fprintf(stderr, "vtrunkd: cannot go into the background: %s\n", strerror(errno));
	if (child)
		_exit(0);
	launch->parent_fd = fds[1];
	return 0;
}

static int drop_streams(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
	    dup2(fd, STDERR_FILENO) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Tells the waiting process and lets go of it. The caller ignores SIGPIPE. */
static int tell_parent(struct launch *launch, int status)
{
	uint8_t byte = (uint8_t)status;
	ssize_t n;

	do {
		n = write(launch->parent_fd, &byte, sizeof byte);
	} while (n < 0 && errno == EINTR);
	int err = n < 0 ? -errno : 0;
	close(launch->parent_fd);
	launch->parent_fd = -1;
	return err;
}

/* A manager that cannot be reached is no reason to stop. */
static void tell_manager(const char *message, int flags)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (!path || !*path || strlen(path) >= sizeof addr.sun_path)
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	strcpy(addr.sun_path, path);
	if (addr.sun_path[0] == '@')
		addr.sun_path[0] =
			0; /* in the abstract namespace names have no end but their length */
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	sendto(fd, message, strlen(message), MSG_NOSIGNAL | flags, (struct sockaddr *)&addr, len);
	close(fd);
}

int launch_ready(struct launch *launch)
{
	char message[64];

	if (launch->parent_fd >= 0) {
		int err = chdir("/") ? -errno : drop_streams();

		if (!err)
			err = tell_parent(launch, 0);
		if (err)
			return err;
	}
	snprintf(message, sizeof message, "READY=1\nMAINPID=%d", (int)getpid());
	tell_manager(message, 0);
	return 0;
}

void launch_stopping(void)
{
	tell_manager("STOPPING=1", MSG_DONTWAIT);
}

void launch_ended(struct launch *launch, int status)
{
	if (launch->parent_fd >= 0)
		tell_parent(launch, status);
}
