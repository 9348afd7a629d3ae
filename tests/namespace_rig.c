/* SPDX-License-Identifier: MIT */
#include "namespace_rig.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TUN_FILE "/dev/net/tun"

void enter_namespace(void)
{
	if (geteuid() != 0)
		cr_skip("needs root for a network namespace");
	if (unshare(CLONE_NEWNET))
		cr_skip("no network namespace: %s", strerror(errno));
}

void need_tun(void)
{
	if (access(TUN_FILE, R_OK | W_OK))
		cr_skip("needs " TUN_FILE ": %s", strerror(errno));
}

static struct ifreq named(const char *name)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	return request;
}

int make_tun(const char *name)
{
	struct ifreq request = named(name);
	int fd = open(TUN_FILE, O_RDWR | O_CLOEXEC);

	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		cr_skip("no TUN device: %s", strerror(errno));
	return fd;
}

static void set(int sock, unsigned long what, struct ifreq *request)
{
	cr_assert(eq(int, ioctl(sock, what, request), 0), "%s, ioctl %#lx: %s", request->ifr_name,
	          what, strerror(errno));
}

static void set_address(int sock, unsigned long what, const char *name, const char *address)
{
	struct ifreq request = named(name);
	struct sockaddr_in at = {.sin_family = AF_INET};

	cr_assert(eq(int, inet_pton(AF_INET, address, &at.sin_addr), 1), "%s", address);
	memcpy(&request.ifr_addr, &at, sizeof at);
	set(sock, what, &request);
}

void configure_device(const char *name, const char *address, int mtu)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq bytes = named(name), up = named(name);

	cr_assert(ge(int, sock, 0));
	bytes.ifr_mtu = mtu;
	up.ifr_flags = IFF_UP;
	if (mtu)
		set(sock, SIOCSIFMTU, &bytes);
	if (address) {
		set_address(sock, SIOCSIFADDR, name, address);
		set_address(sock, SIOCSIFNETMASK, name, "255.255.255.0");
	}
	set(sock, SIOCSIFFLAGS, &up);
	close(sock);
}
