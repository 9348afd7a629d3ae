/* SPDX-License-Identifier: MIT */
#include "bench/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/process.h"
#include "bench/wait.h"

#define DIRECTORY "/run/netns/"
#define IP_NS     (10 * NS_PER_SECOND)

static int run_ip(const char *const *argv, const char *text, int errors)
{
	struct process_spec spec = {.argv = argv, .output = errors, .errors = errors};
	int status = process_run(&spec, text, wait_deadline_ns(IP_NS), NULL);

	return status > 0 ? -EREMOTEIO : status;
}

int netns_create(struct netns *ns, const char *role, int errors)
{
	char path[sizeof DIRECTORY + sizeof ns->name];

	snprintf(ns->name, sizeof ns->name, "vtbench-%d-%s", getpid(), role);
	int err = run_ip((const char *[]){"ip", "netns", "add", ns->name, NULL}, NULL, errors);
	if (err)
		return err;
	snprintf(path, sizeof path, DIRECTORY "%s", ns->name);
	ns->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (ns->fd < 0)
		return -errno;
	return netns_ip(ns, "link set lo up\n", errors);
}

/* By hand, as `ip netns delete` does it: no child, hence nothing that could be interrupted. Also
 * right when `ip netns add` was stopped half-way.
 */
void netns_destroy(struct netns *ns)
{
	char path[sizeof DIRECTORY + sizeof ns->name];

	if (!ns->name[0])
		return;
	if (ns->fd > 0)
		close(ns->fd);
	snprintf(path, sizeof path, DIRECTORY "%s", ns->name);
	umount2(path, MNT_DETACH);
	unlink(path);
	*ns = (struct netns){0};
}

int netns_enter(const struct netns *ns)
{
	return setns(ns->fd, CLONE_NEWNET) ? -errno : 0;
}

int netns_socket(const struct netns *ns, int family, int type, int protocol)
{
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (own < 0)
		return -errno;
	int fd = netns_enter(ns);
	if (!fd) {
		fd = socket(family, type | SOCK_CLOEXEC, protocol);
		if (fd < 0)
			fd = -errno;
		if (setns(own, CLONE_NEWNET))
			abort(); /* in the wrong namespace nothing that follows is right */
	}
	close(own);
	return fd;
}

int netns_ip(const struct netns *ns, const char *lines, int errors)
{
	return run_ip((const char *[]){"ip", "-n", ns->name, "-batch", "-", NULL}, lines, errors);
}
