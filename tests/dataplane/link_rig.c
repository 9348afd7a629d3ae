/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/ip.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rcu.h"
#include "link_rig.h"

struct link link_a, link_b;
struct dp_thread self;
struct batch_pool pool;

void link_rig_setup(void)
{
	rcu_register_thread();
	cr_assert(eq(int, batch_pool_init(&pool, 4, BATCH_MAX * 1024, 1024), 0));
}

void link_rig_teardown(void)
{
	link_close(&link_a);
	link_close(&link_b);
	batch_pool_fini(&pool);
	rcu_barrier();
	rcu_unregister_thread();
}

struct endpoint endpoint_of(const char *text)
{
	struct endpoint ep = {0};

	cr_assert(eq(int, endpoint_parse(text, 0, &ep), 0), "%s", text);
	return ep;
}

struct link_settings bound_to(const char *text)
{
	return (struct link_settings){.name = "test", .bind = endpoint_of(text)};
}

void open_link(struct link *link, const char *text)
{
	struct link_settings set = bound_to(text);

	cr_assert(eq(int, link_open(link, &set), 0), "%s: %s", text, strerror(errno));
}

int far_socket(const char *text, struct endpoint *ret)
{
	struct endpoint at = endpoint_of(text);
	socklen_t len = sizeof *ret;
	int fd = socket(endpoint_family(&at), SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

	cr_assert(ge(int, fd, 0));
	cr_assert(eq(int, bind(fd, &at.sa, endpoint_len(&at)), 0));
	cr_assert(eq(int, getsockname(fd, &ret->sa, &len), 0));
	if (endpoint_family(&at) == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &one, sizeof one);
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &one, sizeof one);
	return fd;
}

bool is_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1;
}

static int read_tos(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			return *CMSG_DATA(c);
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)
			return *CMSG_DATA(c);
	}
	return -1;
}

size_t receive(int fd, void *buf, size_t size, struct arrival *ret)
{
	_Alignas(struct cmsghdr) uint8_t control[128];
	struct iovec iov = {buf, size};
	struct msghdr msg = {.msg_name = &ret->from.sa,
	                     .msg_namelen = sizeof ret->from,
	                     .msg_iov = &iov,
	                     .msg_iovlen = 1,
	                     .msg_control = control,
	                     .msg_controllen = sizeof control};
	ssize_t n;

	ret->from = (struct endpoint){0};
	cr_assert(is_readable(fd, WAIT_MS), "nothing came");
	n = recvmsg(fd, &msg, MSG_DONTWAIT);
	cr_assert(ge(int, (int)n, 0));
	ret->tos = read_tos(&msg);
	return (size_t)n;
}
