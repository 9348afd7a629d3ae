/* SPDX-License-Identifier: MIT */
/* What the sockets of a link are allowed to send, and that nothing comes to the third. */
#include "dataplane/link_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link_rig.h"

TestSuite(link_socket, .init = link_rig_setup, .fini = link_rig_teardown, .timeout = 60);

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof value;

	cr_assert(eq(int, getsockopt(fd, level, name, &value, &len), 0));
	return value;
}

Test(link_socket, data_may_be_fragmented_and_what_is_whole_may_not)
{
	open_link(&link_a, "127.0.0.1:0");
	open_link(&link_b, "[::1]:0");
	cr_expect(eq(int, option(link_a.data_fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT));
	cr_expect(eq(int, option(link_a.handshake_fd, IPPROTO_IP, IP_MTU_DISCOVER),
	             IP_PMTUDISC_DONT));
	cr_expect(eq(int, option(link_a.whole_fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE));
	cr_expect(eq(int, option(link_b.data_fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER),
	             IPV6_PMTUDISC_DONT));
	cr_expect(eq(int, option(link_b.data_fd, IPPROTO_IPV6, IPV6_DONTFRAG), 0));
	cr_expect(eq(int, option(link_b.whole_fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER),
	             IPV6_PMTUDISC_PROBE));
	cr_expect(eq(int, option(link_b.whole_fd, IPPROTO_IPV6, IPV6_DONTFRAG), 1));
}

/* Whatever its first byte, from whatever port. */
Test(link_socket, nothing_comes_to_the_socket_for_what_is_whole)
{
	struct endpoint at, to;

	open_link(&link_a, "127.0.0.1:0");
	to = link_a.bound;
	for (unsigned i = 0; i < 256; i++) {
		int fd = far_socket("127.0.0.1:0", &at);
		uint8_t msg[8] = {(uint8_t)i};

		cr_assert(
			eq(int, (int)sendto(fd, msg, sizeof msg, 0, &to.sa, endpoint_len(&to)), 8));
		close(fd);
	}
	cr_expect(is_readable(link_a.data_fd, WAIT_MS));
	cr_expect(is_readable(link_a.handshake_fd, WAIT_MS));
	cr_expect(not(is_readable(link_a.whole_fd, 0)));
}

Test(link_socket, one_that_cannot_be_bound_says_why)
{
	struct link_socket kind = {.at = endpoint_of(NOBODYS_IPV4), .share = SO_REUSEPORT};

	cr_expect(eq(int, link_socket_open(&kind), -EADDRNOTAVAIL));
	kind = (struct link_socket){
		.at = endpoint_of("127.0.0.1:0"), .share = SO_REUSEPORT, .device = "nodevice0"};
	cr_expect(eq(int, link_socket_open(&kind), -ENODEV));
}
