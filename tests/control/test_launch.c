/* SPDX-License-Identifier: MIT */
/* The test is the shell: it starts a process that goes into the background and looks how that ends.
 * What the daemon finds out it writes into one pipe, its standard error goes into another.
 */
#include "control/launch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../local_socket.h"

static int report[2], messages[2], go[2];
static pid_t session; /* the test's */

static void start(void)
{
	cr_assert(eq(int, pipe2(report, O_CLOEXEC), 0));
	cr_assert(eq(int, pipe2(messages, O_CLOEXEC), 0));
	cr_assert(eq(int, pipe2(go, O_CLOEXEC), 0));
	session = getsid(0);
	signal(SIGPIPE, SIG_IGN);
	unsetenv("NOTIFY_SOCKET");
}

TestSuite(launch, .init = start);

/* Calls @daemon in a process in the background. Returns the process that waits for it. */
static pid_t start_daemon(void (*daemon)(struct launch *launch))
{
	struct launch launch;
	pid_t pid = fork();

	cr_assert(ge(int, pid, 0));
	if (pid) {
		close(report[1]);
		close(messages[1]);
		close(go[0]);
		return pid;
	}
	dup2(messages[1], STDERR_FILENO);
	close(messages[1]);
	close(report[0]);
	close(go[1]);
	if (launch_init(&launch) || launch_detach(&launch))
		_exit(99);
	daemon(&launch);
	_exit(0);
}

static int status_of(pid_t pid)
{
	int status;

	cr_assert(eq(int, waitpid(pid, &status, 0), pid));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

struct text {
	char text[512];
};

/* Everything until all who could write are gone. */
static struct text read_all(int fd)
{
	struct text all = {0};
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, all.text + len, sizeof all.text - 1 - len)) > 0)
		len += (size_t)n;
	return all;
}

static bool is_null(int fd)
{
	struct stat st, null;

	return !fstat(fd, &st) && !stat("/dev/null", &null) && st.st_rdev == null.st_rdev;
}

/* "RESULT CWD own|old session, null|kept streams" */
static void be_ready(struct launch *launch)
{
	bool is_member = getsid(0) != session && getsid(0) != getpid();
	char cwd[64];
	int r = launch_ready(launch);

	dprintf(STDERR_FILENO, "a line after that");
	dprintf(report[1], "%d %s %s session, %s streams", r, getcwd(cwd, sizeof cwd),
	        is_member ? "own" : "old",
	        is_null(0) && is_null(1) && is_null(2) ? "null" : "kept");
}

Test(launch, ready_daemon_lets_the_waiting_process_end_with_0)
{
	cr_assert(eq(int, status_of(start_daemon(be_ready)), 0));
	cr_assert(eq(str, read_all(report[0]).text, (char *)"0 / own session, null streams"));
	cr_assert(eq(str, read_all(messages[0]).text, (char *)""));
}

static void be_ready_and_stay(struct launch *launch)
{
	char byte;

	launch_ready(launch);
	if (read(go[0], &byte, 1) == 0)
		dprintf(report[1], "alive");
}

/* A caller that reads the daemon's messages to their end gets there while the daemon runs. */
Test(launch, standard_error_comes_to_its_end, .timeout = 60)
{
	cr_assert(eq(int, status_of(start_daemon(be_ready_and_stay)), 0));
	cr_assert(eq(str, read_all(messages[0]).text, (char *)""));
	close(go[1]);
	cr_assert(eq(str, read_all(report[0]).text, (char *)"alive"));
}

static void fail(struct launch *launch)
{
	fputs("no device", stderr);
	launch_ended(launch, 7);
}

Test(launch, daemon_that_cannot_start_passes_its_status_and_messages)
{
	cr_assert(eq(int, status_of(start_daemon(fail)), 7));
	cr_assert(eq(str, read_all(messages[0]).text, (char *)"no device"));
}

static void vanish(struct launch *launch)
{
	(void)launch;
	raise(SIGKILL);
}

Test(launch, daemon_that_vanishes_is_told)
{
	cr_assert(eq(int, status_of(start_daemon(vanish)), LAUNCH_LOST));
	cr_assert(eq(str, read_all(messages[0]).text,
	             (char *)"vtrunkd: the daemon ended before it was ready\n"));
}

static void end_twice(struct launch *launch)
{
	launch_ready(launch);
	launch_ended(launch, 5);
}

Test(launch, status_after_ready_is_nobodys)
{
	cr_assert(eq(int, status_of(start_daemon(end_twice)), 0));
}

static void be_ready_late(struct launch *launch)
{
	char byte;

	dprintf(report[1], "begun ");
	if (read(go[0], &byte, 1) == 0)
		dprintf(report[1], "%s", launch_ready(launch) == -EPIPE ? "alone" : "no");
}

Test(launch, daemon_whose_waiting_process_was_ended_is_told)
{
	pid_t waiting = start_daemon(be_ready_late);
	char begun[6];

	cr_assert(eq(long, read(report[0], begun, sizeof begun), sizeof begun));
	kill(waiting, SIGKILL);
	cr_assert(eq(int, status_of(waiting), -SIGKILL));
	close(go[1]);
	cr_assert(eq(str, read_all(report[0]).text, (char *)"alone"));
}

Test(launch, low_descriptors_are_never_left_to_others)
{
	struct launch launch;
	pid_t pid = fork();

	if (!pid) {
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			close(fd);
		if (launch_init(&launch))
			_exit(1);
		int next = dup(report[0]);
		_exit(is_null(0) && is_null(1) && is_null(2) && next > 2 ? 0 : 2);
	}
	cr_assert(eq(int, status_of(pid), 0));
}

/* Which may begin with @ for an abstract one. */
static struct sockaddr_un address_of(const char *name)
{
	struct sockaddr_un addr = local_address(name);

	if (*name == '@')
		addr.sun_path[0] = 0;
	return addr;
}

/* A service manager: a datagram socket at @name. */
static int manager(const char *name)
{
	struct sockaddr_un addr = address_of(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	cr_assert(eq(int,
	             bind(fd, (struct sockaddr *)&addr,
	                  offsetof(struct sockaddr_un, sun_path) + strlen(name)),
	             0));
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *next_message(int fd)
{
	static char text[256];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return n < 0 ? "nothing" : text;
}

static void assert_notifies(const char *name)
{
	struct launch launch;
	char ready[64];
	int fd = manager(name);

	snprintf(ready, sizeof ready, "READY=1\nMAINPID=%d", (int)getpid());
	cr_assert(eq(int, launch_init(&launch), 0));
	cr_expect(eq(int, launch_ready(&launch), 0));
	cr_expect(eq(str, (char *)next_message(fd), ready));
	launch_stopping();
	cr_expect(eq(str, (char *)next_message(fd), (char *)"STOPPING=1"));
	launch_ended(&launch, 0);
	cr_expect(eq(str, (char *)next_message(fd), (char *)"nothing"));
	close(fd);
}

Test(launch, service_manager_is_told)
{
	char directory[] = "/tmp/test-launch-XXXXXX", name[64];

	cr_assert(ne(ptr, mkdtemp(directory), NULL));
	snprintf(name, sizeof name, "%s/notify", directory);
	assert_notifies(name);
	unlink(name);
	rmdir(directory);
	snprintf(name, sizeof name, "@test-launch-%d", (int)getpid());
	assert_notifies(name);
}

Test(launch, service_manager_that_is_not_there_does_no_harm)
{
	static char longer[200];
	const char *const names[] = {"", "/tmp/no/such/socket", "@no-such-socket", longer};
	struct launch launch;

	memset(longer, '/', sizeof longer - 1);
	cr_assert(eq(int, launch_init(&launch), 0));
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		cr_expect(eq(int, launch_ready(&launch), 0));
		launch_stopping();
	}
}

/* Its queue is full: what it does not read must not keep the daemon from its end. */
Test(launch, service_manager_that_does_not_listen_does_not_stop_the_end, .timeout = 60)
{
	char name[64];

	snprintf(name, sizeof name, "@test-launch-full-%d", (int)getpid());
	manager(name);
	struct sockaddr_un addr = address_of(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	while (sendto(fd, "x", 1, 0, (void *)&addr,
	              offsetof(struct sockaddr_un, sun_path) + strlen(name)) == 1)
		continue;
	cr_assert(eq(int, errno, EAGAIN));
	launch_stopping();
}
