/* SPDX-License-Identifier: MIT */
/* Two links over loopback; see link_rig.h. */
#include "dataplane/link.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../descriptors.h"
#include "link_rig.h"

TestSuite(link, .init = link_rig_setup, .fini = link_rig_teardown, .timeout = 60);

Test(link, both_sockets_share_the_port_the_system_gave)
{
	static const char *const at[] = {"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"};
	unsigned fds = open_fds();

	for (unsigned i = 0; i < 4; i++) {
		struct endpoint want = endpoint_of(at[i]), data = {0}, handshake = {0};
		socklen_t len = sizeof data;

		open_link(&link_a, at[i]);
		endpoint_set_port(&want, endpoint_port(&link_a.bound));
		cr_assert(eq(int, getsockname(link_a.data_fd, &data.sa, &len), 0));
		len = sizeof handshake;
		cr_assert(eq(int, getsockname(link_a.handshake_fd, &handshake.sa, &len), 0));
		cr_expect(ne(u16, endpoint_port(&link_a.bound), 0));
		cr_expect(endpoint_equal(&link_a.bound, &want));
		cr_expect(endpoint_equal(&data, &want));
		cr_expect(endpoint_equal(&handshake, &want));
		cr_expect(eq(int, link_a.is_wildcard, i >= 2));
		cr_expect(ne(int, fcntl(link_a.data_fd, F_GETFL) & O_NONBLOCK, 0));
		cr_expect(ne(int, fcntl(link_a.handshake_fd, F_GETFL) & O_NONBLOCK, 0));
		cr_expect(ne(int, fcntl(link_a.data_fd, F_GETFD) & FD_CLOEXEC, 0));
		cr_expect(ne(int, fcntl(link_a.handshake_fd, F_GETFD) & FD_CLOEXEC, 0));
		link_close(&link_a);
		link_close(&link_a); /* nothing more to close */
	}
	cr_expect(eq(uint, open_fds(), fds));
}

/* Batches on their way may still name it. */
Test(link, one_that_is_parked_lets_go_of_its_address_but_not_of_its_descriptors)
{
	struct link_settings set = bound_to("127.0.0.1:0");
	unsigned fds = open_fds();
	int data_fd, handshake_fd, whole_fd;

	open_link(&link_a, "127.0.0.1:0");
	data_fd = link_a.data_fd;
	handshake_fd = link_a.handshake_fd;
	whole_fd = link_a.whole_fd;
	set.bind = link_a.bound;
	link_park(&link_a);
	link_park(&link_a); /* nothing more to park */
	cr_expect(not(link_a.is_open));
	cr_expect(eq(uint, open_fds(), fds + 4));
	cr_expect(eq(int, (int)send(data_fd, "x", 1, MSG_NOSIGNAL), -1));
	cr_expect(eq(int, errno, ENOTSOCK));
	cr_expect(eq(int, (int)send(whole_fd, "x", 1, MSG_NOSIGNAL), -1));
	cr_expect(eq(int, link_open(&link_b, &set), 0), "the address is free");
	cr_expect(eq(int, link_open(&link_a, &set), -EADDRINUSE));
	cr_expect(link_a.is_parked);
	link_close(&link_b);
	cr_assert(eq(int, link_open(&link_a, &set), 0));
	cr_expect(link_a.is_open && !link_a.is_parked);
	cr_expect(eq(int, link_a.data_fd, data_fd));
	cr_expect(eq(int, link_a.handshake_fd, handshake_fd));
	cr_expect(eq(int, link_a.whole_fd, whole_fd));
	link_park(&link_a);
	link_close(&link_a);
	cr_expect(eq(uint, open_fds(), fds));
}

/* Whoever holds the port, and even if it would share it with us. */
Test(link, port_taken_is_an_error_until_it_is_free)
{
	static const char *const hosts[] = {"127.0.0.1:0", "[::1]:0"};

	for (unsigned i = 0; i < 4; i++) {
		struct link_settings set = bound_to(hosts[i % 2]);
		int family = endpoint_family(&set.bind), shares = i / 2;
		int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		socklen_t len = sizeof set.bind;
		unsigned fds = open_fds();

		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shares, sizeof shares);
		cr_assert(eq(int, bind(fd, &set.bind.sa, endpoint_len(&set.bind)), 0));
		cr_assert(eq(int, getsockname(fd, &set.bind.sa, &len), 0));
		cr_expect(eq(int, link_open(&link_a, &set), -EADDRINUSE), "case %u", i);
		cr_expect(not(link_a.is_open));
		cr_expect(eq(uint, open_fds(), fds));
		close(fd);
		cr_expect(eq(int, link_open(&link_a, &set), 0), "case %u", i);
		link_close(&link_a);
	}
}

Test(link, two_links_do_not_share_a_port)
{
	struct link_settings set = bound_to("127.0.0.1:0");

	open_link(&link_a, "127.0.0.1:0");
	set.bind = link_a.bound;
	cr_expect(eq(int, link_open(&link_b, &set), -EADDRINUSE));
	link_close(&link_a);
	cr_expect(eq(int, link_open(&link_b, &set), 0));
}

Test(link, what_cannot_be_bound_is_told_and_leaves_nothing_open)
{
	struct link_settings set = bound_to(NOBODYS_IPV4);
	unsigned fds = open_fds();

	cr_expect(eq(int, link_open(&link_a, &set), -EADDRNOTAVAIL));
	set = bound_to(NOBODYS_IPV6);
	cr_expect(eq(int, link_open(&link_a, &set), -EADDRNOTAVAIL));
	set = bound_to("127.0.0.1:0");
	set.device = "vt-none0";
	cr_expect(eq(int, link_open(&link_a, &set), -ENODEV));
	cr_expect(not(link_a.is_open));
	cr_expect(eq(uint, open_fds(), fds));
}

Test(link, device_is_bound_and_left_alone_while_it_is_the_same)
{
	struct link_settings set = bound_to("127.0.0.1:0");
	struct endpoint before;
	char name[IFNAMSIZ] = "";
	socklen_t len = sizeof name;

	set.device = "lo";
	cr_assert(eq(int, link_open(&link_a, &set), 0));
	before = link_a.bound;
	getsockopt(link_a.data_fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len);
	cr_expect(eq(str, name, (char *)"lo"));
	cr_expect(eq(uint, link_a.ifindex, if_nametoindex("lo")));
	cr_expect(eq(int, link_follow_device(&link_a, &set), 0));
	cr_expect(endpoint_equal(&before, &link_a.bound));

	set = bound_to("127.0.0.1:0");
	open_link(&link_b, "127.0.0.1:0");
	cr_expect(eq(int, link_follow_device(&link_b, &set), 0)); /* none to follow */
}

Test(link, ports_that_the_system_gives_are_never_shared)
{
	enum {
		LINKS = 400
	};
	static struct link links[LINKS];
	static bool is_taken[65536];
	struct link_settings set = bound_to("127.0.0.1:0");

	for (int i = 0; i < LINKS; i++) {
		cr_assert(eq(int, link_open(&links[i], &set), 0), "link %d", i);
		cr_expect(not(is_taken[endpoint_port(&links[i].bound)]), "link %d", i);
		is_taken[endpoint_port(&links[i].bound)] = true;
	}
	for (int i = 0; i < LINKS; i++)
		link_close(&links[i]);
}
