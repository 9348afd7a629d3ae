/* SPDX-License-Identifier: MIT */
/* netns.h - one network namespace of our own, named so that `ip netns exec` can look into it. */
#ifndef BENCH_NETNS_H
#define BENCH_NETNS_H

/* All zero: none. */
struct netns {
	char name[40]; /* vtbench-PID-ROLE */
	int fd;
};

/* Makes it, with its loopback device up. Messages of `ip` go to descriptor @errors. Returns 0 or a
 * negative errno, -EREMOTEIO when `ip` failed.
 */
int netns_create(struct netns *ns, const char *role, int errors);

/* Removes the name; the kernel removes the rest once nothing uses it. Works after a signal, too. */
void netns_destroy(struct netns *ns);

/* The calling process (a child) lives in @ns from now on. Returns 0 or a negative errno. */
int netns_enter(const struct netns *ns);

/* A close-on-exec socket in @ns, to be used from where we are. Returns the descriptor or a negative
 * errno.
 */
int netns_socket(const struct netns *ns, int family, int type, int protocol);

/* Lines of `ip -batch`, in @ns. Returns as netns_create(). */
int netns_ip(const struct netns *ns, const char *lines, int errors);

#endif
