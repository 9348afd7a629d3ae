/* SPDX-License-Identifier: MIT */
/* Each test runs in a network namespace of its own, where "lo" alone is up: its host answers
 * itself.
 */
#include "control/icmp_monitor.h"

#include <errno.h>
#include <string.h>

#include "../namespace_rig.h"
#include "base/rcu.h"
#include "route_rig.h"

static struct loop loop;
static struct icmp_monitor monitor;
static struct icmp_error last;
static unsigned told;

static void note(const struct icmp_error *error, void *arg, uint64_t now_ns)
{
	(void)now_ns;
	cr_assert(eq(ptr, arg, &told));
	last = *error;
	told++;
}

static void start(void)
{
	int r;

	enter_namespace();
	ip("link set lo up");
	rcu_register_thread();
	cr_assert(eq(int, loop_init(&loop), 0));
	r = icmp_monitor_init(&monitor, &loop, note, &told);
	if (r == -EPERM)
		cr_skip("raw sockets are not allowed here");
	cr_assert(eq(int, r, 0));
}

static void stop(void)
{
	icmp_monitor_fini(&monitor);
	loop_fini(&loop);
	rcu_unregister_thread();
}

TestSuite(icmp_monitor, .init = start, .fini = stop, .timeout = 60);

/* Sends @times to where nobody listens. Returns from where. */
static struct endpoint send_to(const char *text, unsigned times)
{
	struct endpoint to, from;
	socklen_t len = sizeof from;
	int fd;

	cr_assert(eq(int, endpoint_parse(text, 0, &to), 0));
	fd = socket(endpoint_family(&to), SOCK_DGRAM, 0);
	while (times--)
		cr_assert(eq(int, (int)sendto(fd, "x", 1, 0, &to.sa, endpoint_len(&to)), 1));
	cr_assert(eq(int, getsockname(fd, &from.sa, &len), 0));
	close(fd);
	return from;
}

static void turn(void)
{
	cr_assert(eq(int, loop_turn(&loop), 0));
}

Test(icmp_monitor, tells_of_ipv4_which_datagram_did_not_arrive)
{
	struct endpoint from = send_to("127.0.0.1:9", 1);

	turn();
	cr_assert(eq(uint, told, 1));
	cr_expect(eq(uint, endpoint_port(&last.from), endpoint_port(&from)));
	cr_expect(eq(uint, endpoint_port(&last.to), 9));
	cr_expect(eq(int, endpoint_family(&last.to), AF_INET));
	cr_expect(ne(ptr, strstr(last.why, "port unreachable"), NULL));
}

Test(icmp_monitor, tells_of_ipv6_the_same)
{
	struct endpoint from;

	if (monitor.in6.source.fd < 0)
		cr_skip("this system has no IPv6");
	from = send_to("[::1]:9", 1);
	turn();
	cr_assert(eq(uint, told, 1));
	cr_expect(eq(uint, endpoint_port(&last.from), endpoint_port(&from)));
	cr_expect(eq(int, endpoint_family(&last.to), AF_INET6));
}

/* The kernel itself makes no more than some dozen at once. */
static void flood(unsigned times)
{
	static const uint8_t message[] = {
		3,    1, 0,   0,  0, 0, 0,    0, /* ICMP */
		0x45, 0, 0,   60, 0, 0, 0,    0,    64, 17,   0, 0,  127, 0,
		0,    1, 192, 0,  2, 1, 0xca, 0x6c, 1,  0xbb, 0, 40, 0,   0,
	};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct endpoint to;

	cr_assert(eq(int, endpoint_parse("127.0.0.1:0", 0, &to), 0));
	while (times--)
		cr_assert(eq(int,
		             (int)sendto(fd, message, sizeof message, 0, &to.sa, endpoint_len(&to)),
		             (int)sizeof message));
	close(fd);
}

Test(icmp_monitor, does_not_listen_for_a_while_to_who_sends_without_end)
{
	uint64_t begin_ns;

	flood(ICMP_READS_MAX + 1);
	turn();
	cr_assert(eq(uint, told, ICMP_READS_MAX));
	begin_ns = loop.now_ns;
	cr_expect(eq(u64, monitor.again.at_ns, begin_ns + ICMP_PERIOD_NS));
	turn(); /* the deadline */
	cr_expect(eq(uint, told, ICMP_READS_MAX));
	cr_expect(ge(u64, loop.now_ns, begin_ns + ICMP_PERIOD_NS));
	turn();
	cr_expect(eq(uint, told, ICMP_READS_MAX + 1));
}

Test(icmp_monitor, again_is_allowed_at_the_end)
{
	icmp_monitor_fini(&monitor);
	cr_expect(eq(int, (int)loop.deadlines.count, 0));
}
