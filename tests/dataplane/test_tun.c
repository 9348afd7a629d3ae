/* SPDX-License-Identifier: MIT */
/* What is asked for and what is refused, with and without offloads; see tun_rig.h. */
#include "dataplane/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../descriptors.h"
#include "ip_rig.h"
#include "tun_rig.h"

TestSuite(tun, .init = tun_setup);

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

Test(tun, device_has_the_name_and_settings_asked_for)
{
	struct tun tun = open_tun(
		(struct tun_settings){.name = "vtest0", .queue_len_pkts = 777, .queues = 1});
	struct ifreq ifr = {0};
	int fd = tun.fd[0];

	cr_expect(eq(uint, tun.queues, 1));
	cr_expect(not(tun.has_header));
	cr_expect(not(tun.takes.tcp4 || tun.takes.tcp6 || tun.takes.udp4 || tun.takes.udp6));
	cr_expect(eq(str, tun.name, (char *)"vtest0"));
	cr_expect(ne(int, fcntl(fd, F_GETFL) & O_NONBLOCK, 0));
	cr_expect(ne(int, fcntl(fd, F_GETFD) & FD_CLOEXEC, 0));
	cr_assert(ge(int, ioctl(fd, TUNGETIFF, &ifr), 0));
	cr_expect(
		eq(int,
	           ifr.ifr_flags &(IFF_TUN | IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE),
	           IFF_TUN | IFF_NO_PI));
	cr_expect(eq(int, interface_request(SIOCGIFTXQLEN, named(tun.name)).ifr_qlen, 777));
	tun_close(&tun);
	tun_close(&tun); /* nothing more to close */
	cr_expect(eq(uint, if_nametoindex("vtest0"), 0));
}

Test(tun, kernel_picks_a_name_or_a_number)
{
	struct tun a = open_plain(""), b = open_plain(""), c = open_plain("vtx%d");

	cr_expect(ne(str, a.name, b.name));
	cr_expect(ne(uint, if_nametoindex(a.name), 0));
	cr_expect(ne(uint, if_nametoindex(b.name), 0));
	cr_expect(eq(str, c.name, (char *)"vtx0"));
	tun_close(&a);
	tun_close(&b);
	tun_close(&c);
}

/* Whatever was asked for. */
static void expect_failure(const char *name, int error)
{
	unsigned fds = open_fds();

	for (unsigned i = 0; i < 4; i++) {
		struct tun_settings set = {.name = name,
		                           .queue_len_pkts = 500,
		                           .queues = 1 + 3 * (i / 2),
		                           .has_offloads = i % 2};
		struct tun tun;

		cr_expect(eq(int, tun_open(&tun, &set), error), "%s, case %u", name, i);
		cr_expect(eq(uint, tun.queues, 0));
		cr_expect(eq(uint, open_fds(), fds));
	}
}

Test(tun, failures_are_told_apart_and_leave_nothing_open)
{
	struct tun tun = open_plain("vtest0");

	expect_failure("vtest0", -EBUSY);
	expect_failure("lo", -EINVAL);
	expect_failure("a/b", -EINVAL);
	expect_failure("sixteen-letters-", -ENAMETOOLONG);
	tun_close(&tun);
}

/* What refuses depends on the machine: the mode of the device file where it is for root alone, else
 * the kernel when an interface is asked for.
 */
Test(tun, user_without_the_capability_is_refused)
{
	struct tun_settings set = {.name = "vtest0", .queue_len_pkts = 500, .queues = 1};
	struct tun tun;

	cr_assert(eq(int, seteuid(65534), 0));

	bool opens = faccessat(AT_FDCWD, "/dev/net/tun", R_OK | W_OK, AT_EACCESS) == 0;
	int err = tun_open(&tun, &set);

	/* A leak checker attaches to the process at its end, as root. */
	cr_assert(eq(int, seteuid(0), 0));
	prctl(PR_SET_DUMPABLE, 1);
	cr_expect(eq(int, err, opens ? -EPERM : -EACCES));
}

Test(tun, reader_gets_bare_ip_packets)
{
	uint8_t packet[2048];
	struct tun tun = open_plain("");
	int sock = socket(AF_INET, SOCK_DGRAM, 0), fd = tun.fd[0];
	struct sockaddr_in to = address_of(TUN_THERE, 9);

	cr_expect(eq(int, read(fd, packet, sizeof packet), -1));
	configure_device(tun.name, TUN_HERE, 0);
	cr_assert(eq(int, sendto(sock, "hello", 5, 0, (struct sockaddr *)&to, sizeof to), 5));
	cr_assert(eq(int, read_ipv4(fd, packet, sizeof packet), 20 + 8 + 5));
	cr_expect(eq(int, memcmp(packet + 16, &to.sin_addr, 4), 0));
	cr_expect(eq(int, memcmp(packet + 28, "hello", 5), 0));
	close(sock);
	tun_close(&tun);
}

/* ---- offloads ---- */

/* Whether a kernel of this version gives segmentation offload of UDP: since 6.2. */
static bool kernel_cuts_udp(void)
{
	struct utsname name;
	unsigned major, minor;

	cr_assert(eq(int, uname(&name), 0));
	cr_assert(eq(int, sscanf(name.release, "%u.%u", &major, &minor), 2));
	return major > 6 || (major == 6 && minor >= 2);
}

Test(tun, with_offloads_packets_have_a_header_and_all_is_taken_that_the_kernel_knows)
{
	struct tun tun = open_with_offloads(1);
	struct ifreq ifr = {0};
	bool udp = kernel_cuts_udp();

	cr_assert(ge(int, ioctl(tun.fd[0], TUNGETIFF, &ifr), 0));
	cr_expect(eq(int, ifr.ifr_flags &(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE),
	             IFF_TUN | IFF_NO_PI | IFF_VNET_HDR));
	cr_expect(tun.has_header);
	cr_expect(tun.takes.tcp4);
	cr_expect(tun.takes.tcp6);
	cr_expect(eq(int, tun.takes.udp4, udp));
	cr_expect(eq(int, tun.takes.udp6, udp));
	tun_close(&tun);
}

Test(tun, header_stands_before_what_is_read_with_offloads)
{
	struct tun tun = open_with_offloads(1);
	struct {
		struct virtio_net_hdr header;
		uint8_t packet[2048];
	} __attribute__((packed)) got;
	struct sockaddr_in to = address_of(TUN_THERE, 9);
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd readable = {.fd = tun.fd[0], .events = POLLIN};
	ssize_t n = 0;

	configure_device(tun.name, TUN_HERE, 0);
	cr_assert(eq(int, sendto(sock, "hello", 5, 0, (struct sockaddr *)&to, sizeof to), 5));
	while (poll(&readable, 1, 5000) == 1) {
		n = read(tun.fd[0], &got, sizeof got);
		if (got.packet[0] >> 4 == 4)
			break;
	}
	cr_assert(eq(int, n, (int)sizeof got.header + 20 + 8 + 5));
	cr_expect(eq(u8, got.header.gso_type, VIRTIO_NET_HDR_GSO_NONE));
	cr_expect(eq(u8, got.header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM)); /* spared us by asking */
	cr_expect(eq(u16, got.header.csum_start, 20));
	cr_expect(eq(u16, got.header.csum_offset, 6));
	cr_expect(eq(int, memcmp(got.packet + 28, "hello", 5), 0));
	close(sock);
	tun_close(&tun);
}

/* As coalesce.h makes them: one header before @count datagrams of @each bytes, the last one byte
 * shorter, from 10.77.0.2 to @port of 10.77.0.1.
 */
static size_t merged_datagrams(uint8_t *out, uint16_t port, unsigned count, unsigned each)
{
	struct ip_spec spec = {.protocol = UDP, .host = {2, 1}, .ttl = 64, .port = {5555, port}};
	static uint8_t payload[65536];
	struct virtio_net_hdr header;
	uint8_t *packet = out + sizeof header;
	size_t len = count * each - 1;

	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(i / each + i);
	len = build(packet, &spec, payload, len);
	memcpy(packet + 12, (uint8_t[]){10, 77, 0, 2, 10, 77, 0, 1}, 8);
	set_ipv4_checksum(packet);
	store_be16(packet + 20 + UDP_CHECKSUM, slow_pseudo(packet, UDP, len - 20));
	header = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	                                 .gso_type = GSO_UDP_L4,
	                                 .gso_size = (uint16_t)each,
	                                 .hdr_len = 28,
	                                 .csum_start = 20,
	                                 .csum_offset = UDP_CHECKSUM};
	memcpy(out, &header, sizeof header);
	return sizeof header + len;
}

Test(tun, merged_datagrams_reach_a_socket_one_by_one)
{
	enum {
		COUNT = 40,
		EACH = 1000
	};
	struct tun tun = open_with_offloads(1);
	struct sockaddr_in at = address_of(TUN_HERE, 7777);
	static uint8_t super[65536];
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	size_t len = merged_datagrams(super, 7777, COUNT, EACH);

	if (!tun.takes.udp4)
		cr_skip_test("the kernel cuts no UDP of TUN devices");
	configure_device(tun.name, TUN_HERE, 0);
	cr_assert(eq(int, bind(sock, (struct sockaddr *)&at, sizeof at), 0));
	cr_assert(eq(int, (int)write(tun.fd[0], super, len), (int)len), "%s", strerror(errno));
	for (unsigned i = 0; i < COUNT; i++) {
		struct pollfd readable = {.fd = sock, .events = POLLIN};
		uint8_t got[2 * EACH];

		cr_assert(eq(int, poll(&readable, 1, 5000), 1), "datagram %u", i);
		cr_assert(
			eq(int, (int)read(sock, got, sizeof got), i < COUNT - 1 ? EACH : EACH - 1));
		for (unsigned k = 0; k < EACH - 1; k++)
			cr_assert(eq(u8, got[k], (uint8_t)(i + i * EACH + k)));
	}
	close(sock);
	tun_close(&tun);
}
