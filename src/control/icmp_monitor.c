/* SPDX-License-Identifier: MIT */
#include "control/icmp_monitor.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <urcu/compiler.h>

#define BUFFER_BYTES  (128 << 10) /* some hundred of them wait, and no flood fills more */
#define MESSAGE_BYTES 256         /* of which the headers are looked at */

/* The kernel passes on what may be an error about a datagram, and nothing else. */
static int filter4(int fd)
{
	const struct icmp_filter filter = {~(1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED)};

	return setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
}

static int filter6(int fd)
{
	struct icmp6_filter filter;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &filter);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &filter);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
}

static int open_socket(int family)
{
	int protocol = family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, bytes = BUFFER_BYTES;
	int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	if ((family == AF_INET6 ? filter6(fd) : filter4(fd)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

/* Who sends without end is not listened to for a while. */
static void rest(struct icmp_monitor *monitor, struct icmp_source *in, uint64_t now_ns)
{
	loop_watch_again(monitor->loop, &in->source, 0);
	deadline_set(&monitor->loop->deadlines, &monitor->again, now_ns + ICMP_PERIOD_NS);
}

static void on_again(struct deadline *d, uint64_t now_ns)
{
	struct icmp_monitor *monitor = caa_container_of(d, struct icmp_monitor, again);

	(void)now_ns;
	if (monitor->in4.source.fd >= 0)
		loop_watch_again(monitor->loop, &monitor->in4.source, EPOLLIN);
	if (monitor->in6.source.fd >= 0)
		loop_watch_again(monitor->loop, &monitor->in6.source, EPOLLIN);
}

static void on_errors(struct event_source *source, uint32_t events, uint64_t now_ns)
{
	struct icmp_source *in = caa_container_of(source, struct icmp_source, source);
	struct icmp_monitor *monitor = in->monitor;
	uint8_t message[MESSAGE_BYTES];
	struct icmp_error error;

	(void)events;
	for (unsigned i = 0; i < ICMP_READS_MAX; i++) {
		ssize_t n = recv(source->fd, message, sizeof message, 0);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0 && icmp_read(in->family, message, (size_t)n, &error))
			monitor->told(&error, monitor->arg, now_ns);
	}
	rest(monitor, in, now_ns);
}

static int open_source(struct icmp_monitor *monitor, struct icmp_source *in, int family)
{
	int fd = open_socket(family), r;

	*in = (struct icmp_source){monitor, {fd < 0 ? -1 : fd, on_errors}, family};
	if (fd < 0)
		return fd;
	r = loop_watch(monitor->loop, &in->source, EPOLLIN);
	if (!r)
		return 0;
	close(fd);
	in->source.fd = -1;
	return r;
}

/* A system may have no IPv6. */
int icmp_monitor_init(struct icmp_monitor *monitor, struct loop *loop, icmp_error_fn told,
                      void *arg)
{
	int r;

	*monitor = (struct icmp_monitor){
		.loop = loop, .again.expired = on_again, .told = told, .arg = arg};
	r = open_source(monitor, &monitor->in4, AF_INET);
	open_source(monitor, &monitor->in6, AF_INET6);
	return r;
}

static void close_source(struct icmp_monitor *monitor, struct icmp_source *in)
{
	if (in->source.fd < 0)
		return;
	loop_unwatch(monitor->loop, &in->source);
	close(in->source.fd);
	in->source.fd = -1;
}

void icmp_monitor_fini(struct icmp_monitor *monitor)
{
	if (!monitor->loop)
		return;
	deadline_set(&monitor->loop->deadlines, &monitor->again, NEVER_NS);
	close_source(monitor, &monitor->in4);
	close_source(monitor, &monitor->in6);
	monitor->loop = NULL;
}
