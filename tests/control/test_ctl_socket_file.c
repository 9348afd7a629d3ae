/* SPDX-License-Identifier: MIT */
/* The socket in the file system: its mode, its place, and what was there before; see ctl_rig.h. */
#include "control/ctl_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../local_socket.h"
#include "ctl_rig.h"

TestSuite(ctl_socket_file, .init = ctl_start, .fini = ctl_stop);

static int stream_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

Test(ctl_socket_file, nobody_else_may_open_it_whatever_the_umask)
{
	static const mode_t masks[] = {0, 022, 077, 0777};
	struct stat st;
	for (unsigned i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		umask(masks[i]);
		cr_assert(eq(int, ctl_create(), 0));
		cr_expect(eq(uint, umask(masks[i]), masks[i]));
		cr_assert(eq(int, lstat(ctl.path, &st), 0));
		cr_expect(eq(uint, st.st_mode, S_IFSOCK | 0600));
		cr_assert(eq(int, stat(ctl.run, &st), 0));
		cr_expect(eq(uint, st.st_mode, S_IFDIR | 0755));
		ctl_socket_destroy(ctl.socket);
		ctl.socket = NULL;
		cr_expect(eq(int, access(ctl.path, F_OK), -1), "the file is left");
		cr_assert(eq(int, rmdir(ctl.run), 0));
	}
}

Test(ctl_socket_file, directory_that_is_there_keeps_its_mode)
{
	struct stat st;
	cr_assert(eq(int, mkdir(ctl.run, 0700), 0));
	cr_assert(eq(int, ctl_create(), 0));
	cr_assert(eq(int, stat(ctl.run, &st), 0));
	cr_assert(eq(uint, st.st_mode, S_IFDIR | 0700));
}

/* Leaves a socket file behind as a daemon that was killed does. */
static int bind_there(void)
{
	struct sockaddr_un addr = local_address(ctl.path);
	int fd = stream_socket();

	mkdir(ctl.run, 0755);
	cr_assert(eq(int, bind(fd, (struct sockaddr *)&addr, sizeof addr), 0));
	return fd;
}

Test(ctl_socket_file, socket_of_a_dead_daemon_is_replaced)
{
	close(bind_there());
	cr_assert(eq(int, ctl_create(), 0));
	cr_assert(eq(str, (char *)ctl_ask(STATUS_REQUEST, strlen(STATUS_REQUEST)), (char *)"ok"));
}

Test(ctl_socket_file, socket_of_a_live_daemon_stays)
{
	int other = bind_there();

	cr_assert(eq(int, listen(other, 1), 0));
	cr_assert(eq(int, ctl_create(), -EADDRINUSE));
	int fd = ctl_client();
	cr_assert(ge(int, accept(other, NULL, NULL), 0)); /* ours, which has gone again */
	cr_assert(ge(int, accept(other, NULL, NULL), 0));
	close(fd);
	/* Nor is a full backlog a sign of death. */
	for (int i = 0; i < 3; i++) {
		struct sockaddr_un addr = local_address(ctl.path);
		connect(stream_socket(), (struct sockaddr *)&addr, sizeof addr);
	}
	cr_assert(eq(int, ctl_create(), -EADDRINUSE));
	cr_assert(eq(int, access(ctl.path, F_OK), 0));
	close(other);
}

Test(ctl_socket_file, what_is_no_socket_stays)
{
	cr_assert(eq(int, mkdir(ctl.run, 0755), 0));
	close(open(ctl.path, O_WRONLY | O_CREAT, 0600));
	cr_assert(eq(int, ctl_create(), -EADDRINUSE));
	cr_assert(eq(int, access(ctl.path, F_OK), 0));
}

/* The longest directory that the configuration takes, and the longest name of a device. */
Test(ctl_socket_file, longest_directory_fits_an_address)
{
	char long_run[CTL_DIRECTORY_LEN_MAX + 1];

	snprintf(long_run, sizeof long_run, "%s/%0*d", ctl.directory,
	         (int)(CTL_DIRECTORY_LEN_MAX - strlen(ctl.directory) - 1), 0);
	cr_assert(eq(sz, strlen(long_run), CTL_DIRECTORY_LEN_MAX));
	snprintf(ctl.interface, sizeof ctl.interface, "%015d", 0);
	cr_assert(eq(int,
	             ctl_socket_create(&ctl.loop, long_run, ctl.interface, &ctl_calls, &ctl.service,
	                               &ctl.socket),
	             0));
	ctl_socket_destroy(ctl.socket);
	ctl.socket = NULL;
	cr_assert(eq(int, rmdir(long_run), 0));
}

Test(ctl_socket_file, path_must_fit_an_address)
{
	char longer[120];

	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = 0;
	cr_assert(eq(int,
	             ctl_socket_create(&ctl.loop, longer, ctl.interface, &ctl_calls, &ctl.service,
	                               &ctl.socket),
	             -ENAMETOOLONG));
	cr_assert(eq(int,
	             ctl_socket_create(&ctl.loop, "/proc/no-such/directory", ctl.interface,
	                               &ctl_calls, &ctl.service, &ctl.socket),
	             -ENOENT));
	ctl_socket_destroy(NULL);
}
