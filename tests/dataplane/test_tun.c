/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/tun.h"

/* A network namespace of its own for each test, so that nothing outside is touched. */
static void setup(void)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	if (unshare(CLONE_NEWNET) < 0)
		cr_skip_test("needs a network namespace: %s", strerror(errno));
	if (access("/dev/net/tun", R_OK | W_OK) < 0)
		cr_skip_test("needs /dev/net/tun: %s", strerror(errno));
}

static struct ifreq interface_request(unsigned long request, struct ifreq ifr)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert(ge(int, sock, 0));
	cr_assert(ge(int, ioctl(sock, request, &ifr), 0), "ioctl %#lx: %s", request,
	          strerror(errno));
	close(sock);
	return ifr;
}

static struct ifreq named(const char *name)
{
	struct ifreq ifr = {0};

	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	return ifr;
}

static void set_address(const char *name, unsigned long request, const char *address)
{
	struct ifreq ifr = named(name);
	struct sockaddr_in *in = (struct sockaddr_in *)&ifr.ifr_addr;

	in->sin_family = AF_INET;
	cr_assert(eq(int, inet_pton(AF_INET, address, &in->sin_addr), 1));
	interface_request(request, ifr);
}

Test(tun, device_has_the_name_and_settings_asked_for, .init = setup)
{
	char name[TUN_NAME_LEN];
	struct ifreq ifr = {0};
	int fd = tun_open("vtest0", 777, name);

	cr_assert(ge(int, fd, 0), "%s", strerror(-fd));
	cr_expect(eq(str, name, (char *)"vtest0"));
	cr_expect(ne(int, fcntl(fd, F_GETFL) & O_NONBLOCK, 0));
	cr_expect(ne(int, fcntl(fd, F_GETFD) & FD_CLOEXEC, 0));
	cr_assert(ge(int, ioctl(fd, TUNGETIFF, &ifr), 0));
	cr_expect(eq(int, ifr.ifr_flags &(IFF_TUN | IFF_TAP | IFF_NO_PI | IFF_VNET_HDR),
	             IFF_TUN | IFF_NO_PI));
	cr_expect(eq(int, interface_request(SIOCGIFTXQLEN, named(name)).ifr_qlen, 777));
	close(fd);
	cr_expect(eq(uint, if_nametoindex("vtest0"), 0));
}

Test(tun, kernel_picks_a_name_or_a_number, .init = setup)
{
	char first[TUN_NAME_LEN], second[TUN_NAME_LEN], third[TUN_NAME_LEN];
	int a = tun_open("", 500, first), b = tun_open("", 500, second);
	int c = tun_open("vtx%d", 500, third);

	cr_assert(ge(int, a, 0));
	cr_assert(ge(int, b, 0));
	cr_assert(ge(int, c, 0));
	cr_expect(ne(str, first, second));
	cr_expect(ne(uint, if_nametoindex(first), 0));
	cr_expect(ne(uint, if_nametoindex(second), 0));
	cr_expect(eq(str, third, (char *)"vtx0"));
	close(a);
	close(b);
	close(c);
}

Test(tun, failures_are_told_apart_and_leave_the_name_alone, .init = setup)
{
	char name[TUN_NAME_LEN], other[TUN_NAME_LEN] = "untouched";
	int fd = tun_open("vtest0", 500, name);

	cr_assert(ge(int, fd, 0));
	cr_expect(eq(int, tun_open("vtest0", 500, other), -EBUSY));
	cr_expect(eq(int, tun_open("lo", 500, other), -EINVAL));
	cr_expect(eq(int, tun_open("a/b", 500, other), -EINVAL));
	cr_expect(eq(int, tun_open("sixteen-letters-", 500, other), -ENAMETOOLONG));
	cr_expect(eq(str, other, (char *)"untouched"));
	close(fd);
}

Test(tun, user_without_the_capability_is_refused, .init = setup)
{
	char name[TUN_NAME_LEN];

	cr_assert(eq(int, seteuid(65534), 0));

	int err = tun_open("vtest0", 500, name);

	/* A leak checker attaches to the process at its end, as root. */
	cr_assert(eq(int, seteuid(0), 0));
	prctl(PR_SET_DUMPABLE, 1);
	cr_expect(eq(int, err, -EPERM));
}

static ssize_t read_ipv4(int fd, uint8_t *packet, size_t room)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	/* IPv6 of the new interface may announce itself first. */
	while (poll(&readable, 1, 5000) == 1) {
		ssize_t len = read(fd, packet, room);

		if (len > 0 && packet[0] >> 4 == 4)
			return len;
	}
	return -1;
}

Test(tun, reader_gets_bare_ip_packets, .init = setup)
{
	char name[TUN_NAME_LEN];
	uint8_t packet[2048];
	int fd = tun_open("", 500, name);
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct ifreq up = named(name);

	cr_assert(ge(int, fd, 0));
	cr_expect(eq(int, read(fd, packet, sizeof packet), -1));
	set_address(name, SIOCSIFADDR, "10.77.0.1");
	set_address(name, SIOCSIFNETMASK, "255.255.255.0");
	up.ifr_flags = IFF_UP;
	interface_request(SIOCSIFFLAGS, up);

	inet_pton(AF_INET, "10.77.0.2", &to.sin_addr);
	cr_assert(eq(int, sendto(sock, "hello", 5, 0, (struct sockaddr *)&to, sizeof to), 5));
	cr_assert(eq(int, read_ipv4(fd, packet, sizeof packet), 20 + 8 + 5));
	cr_expect(eq(int, memcmp(packet + 16, &to.sin_addr, 4), 0));
	cr_expect(eq(int, memcmp(packet + 28, "hello", 5), 0));
	close(sock);
	close(fd);
}
