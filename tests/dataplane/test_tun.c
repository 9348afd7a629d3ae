/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "dataplane/tun.h"
#include "ip_rig.h"

#define FDS_LOOKED_AT 256

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

static struct tun open_tun(struct tun_settings set)
{
	struct tun tun;
	int r = tun_open(&tun, &set);

	cr_assert(eq(int, r, 0), "%s", strerror(-r));
	return tun;
}

/* One queue without offloads. */
static struct tun open_plain(const char *name)
{
	return open_tun((struct tun_settings){.name = name, .queue_len_pkts = 500, .queues = 1});
}

Test(tun, device_has_the_name_and_settings_asked_for, .init = setup)
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

Test(tun, kernel_picks_a_name_or_a_number, .init = setup)
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

static unsigned open_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
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

Test(tun, failures_are_told_apart_and_leave_nothing_open, .init = setup)
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
Test(tun, user_without_the_capability_is_refused, .init = setup)
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

/* Has the address 10.77.0.1/24 and is up. */
static void configure(const char *name)
{
	struct ifreq up = named(name);

	set_address(name, SIOCSIFADDR, "10.77.0.1");
	set_address(name, SIOCSIFNETMASK, "255.255.255.0");
	up.ifr_flags = IFF_UP;
	interface_request(SIOCSIFFLAGS, up);
}

static struct sockaddr_in address_of(const char *host, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};

	cr_assert(eq(int, inet_pton(AF_INET, host, &at.sin_addr), 1));
	return at;
}

Test(tun, reader_gets_bare_ip_packets, .init = setup)
{
	uint8_t packet[2048];
	struct tun tun = open_plain("");
	int sock = socket(AF_INET, SOCK_DGRAM, 0), fd = tun.fd[0];
	struct sockaddr_in to = address_of("10.77.0.2", 9);

	cr_expect(eq(int, read(fd, packet, sizeof packet), -1));
	configure(tun.name);
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

static struct tun open_with_offloads(unsigned queues)
{
	return open_tun((struct tun_settings){
		.queue_len_pkts = 500, .queues = queues, .has_offloads = true, .name = "vtest0"});
}

Test(tun, with_offloads_packets_have_a_header_and_all_is_taken_that_the_kernel_knows, .init = setup)
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

Test(tun, header_stands_before_what_is_read_with_offloads, .init = setup)
{
	struct tun tun = open_with_offloads(1);
	struct {
		struct virtio_net_hdr header;
		uint8_t packet[2048];
	} __attribute__((packed)) got;
	struct sockaddr_in to = address_of("10.77.0.2", 9);
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd readable = {.fd = tun.fd[0], .events = POLLIN};
	ssize_t n = 0;

	configure(tun.name);
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

Test(tun, merged_datagrams_reach_a_socket_one_by_one, .init = setup)
{
	enum {
		COUNT = 40,
		EACH = 1000
	};
	struct tun tun = open_with_offloads(1);
	struct sockaddr_in at = address_of("10.77.0.1", 7777);
	static uint8_t super[65536];
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	size_t len = merged_datagrams(super, 7777, COUNT, EACH);

	if (!tun.takes.udp4)
		cr_skip_test("the kernel cuts no UDP of TUN devices");
	configure(tun.name);
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

/* ---- several queues ---- */

Test(tun, several_queues_are_descriptors_of_one_interface_that_goes_with_the_last, .init = setup)
{
	for (unsigned i = 0; i < 2; i++) {
		struct tun tun = open_tun((struct tun_settings){.name = "vtest0",
		                                                .queue_len_pkts = 500,
		                                                .queues = TUN_QUEUES_MAX,
		                                                .has_offloads = i});

		cr_assert(eq(uint, tun.queues, TUN_QUEUES_MAX));
		for (unsigned q = 0; q < tun.queues; q++) {
			struct ifreq ifr = {0};

			cr_assert(ge(int, ioctl(tun.fd[q], TUNGETIFF, &ifr), 0));
			cr_expect(eq(str, ifr.ifr_name, (char *)"vtest0"));
			cr_expect(ne(int, ifr.ifr_flags &IFF_MULTI_QUEUE, 0));
			cr_expect(eq(int, !!(ifr.ifr_flags & IFF_VNET_HDR), (int)i));
			cr_expect(ne(int, fcntl(tun.fd[q], F_GETFL) & O_NONBLOCK, 0));
			cr_expect(ne(int, fcntl(tun.fd[q], F_GETFD) & FD_CLOEXEC, 0));
			for (unsigned k = 0; k < q; k++)
				cr_expect(ne(int, tun.fd[k], tun.fd[q]));
		}
		for (unsigned q = 0; q + 1 < tun.queues; q++)
			close(tun.fd[q]);
		cr_expect(ne(uint, if_nametoindex("vtest0"), 0));
		close(tun.fd[tun.queues - 1]);
		cr_expect(eq(uint, if_nametoindex("vtest0"), 0));
	}
}

/* What is written to a queue makes the kernel answer on the same one. */
Test(tun, flow_is_answered_on_the_queue_it_was_written_to, .init = setup)
{
	struct tun tun = open_tun(
		(struct tun_settings){.name = "vtest0", .queue_len_pkts = 500, .queues = 3});
	struct sockaddr_in at = address_of("10.77.0.1", 7777);
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	configure(tun.name);
	cr_assert(eq(int, bind(sock, (struct sockaddr *)&at, sizeof at), 0));
	for (unsigned round = 0; round < 9; round++) {
		unsigned q = round % 3;
		struct ip_spec spec = {.protocol = UDP,
		                       .host = {2, 1},
		                       .ttl = 64,
		                       .has_no_checksum = true,
		                       .port = {(uint16_t)(5000 + q), 7777}};
		uint8_t packet[2048], got[64];
		size_t len = build(packet, &spec, (const uint8_t *)"hello", 5);
		struct sockaddr_in from;
		socklen_t from_len = sizeof from;
		struct pollfd readable = {.fd = sock, .events = POLLIN};

		memcpy(packet + 12, (uint8_t[]){10, 77, 0, 2, 10, 77, 0, 1}, 8);
		set_ipv4_checksum(packet);
		cr_assert(eq(int, (int)write(tun.fd[q], packet, len), (int)len));
		cr_assert(eq(int, poll(&readable, 1, 5000), 1));
		cr_assert(eq(int,
		             (int)recvfrom(sock, got, sizeof got, 0, (struct sockaddr *)&from,
		                           &from_len),
		             5));
		cr_assert(eq(int,
		             (int)sendto(sock, "back!", 5, 0, (struct sockaddr *)&from, from_len),
		             5));
		cr_assert(eq(int, (int)read_ipv4(tun.fd[q], packet, sizeof packet), 33), "queue %u",
		          q);
		cr_expect(eq(u16, load_be16(packet + 22), 5000 + q));
	}
	close(sock);
	tun_close(&tun);
}

/* A persistent device keeps the flags it was made with. */
Test(tun, persistent_device_of_one_queue_is_used_with_what_it_has, .init = setup)
{
	struct tun first = open_plain("vtest0"), tun;

	cr_assert(eq(int, ioctl(first.fd[0], TUNSETPERSIST, 1), 0));
	tun_close(&first);
	tun = open_with_offloads(4);
	cr_expect(eq(uint, tun.queues, 1));
	cr_expect(eq(str, tun.name, (char *)"vtest0"));
	cr_assert(eq(int, ioctl(tun.fd[0], TUNSETPERSIST, 0), 0));
	tun_close(&tun);
	cr_expect(eq(uint, if_nametoindex("vtest0"), 0));
}

/* Closes @tun, whose device stays. */
static void leave_device(struct tun *tun)
{
	cr_assert(eq(int, ioctl(tun->fd[0], TUNSETPERSIST, 1), 0));
	tun_close(tun);
	cr_assert(ne(uint, if_nametoindex("vtest0"), 0));
}

static void remove_device(struct tun *tun)
{
	cr_assert(eq(int, ioctl(tun->fd[0], TUNSETPERSIST, 0), 0));
	tun_close(tun);
	cr_expect(eq(uint, if_nametoindex("vtest0"), 0));
}

/* One call sends @len bytes in datagrams of @each: the kernel cuts them wherever the device does
 * not. Older kernels refuse that for a device which leaves checksums to them; then they go one by
 * one.
 */
static void send_cut(const uint8_t *payload, size_t len, int each)
{
	struct sockaddr_in to = address_of("10.77.0.2", 9);
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert(eq(int, connect(sock, (struct sockaddr *)&to, sizeof to), 0));
	cr_assert(eq(int, setsockopt(sock, IPPROTO_UDP, UDP_SEGMENT, &each, sizeof each), 0));
	if (send(sock, payload, len, 0) < 0) {
		cr_assert(eq(int, errno, EIO));
		cr_assert(eq(int,
		             setsockopt(sock, IPPROTO_UDP, UDP_SEGMENT, &(int){0}, sizeof(int)),
		             0));
		for (size_t at = 0; at < len; at += (size_t)each) {
			size_t n = len - at < (size_t)each ? len - at : (size_t)each;

			cr_assert(eq(sz, (size_t)send(sock, payload + at, n, 0), n));
		}
	}
	close(sock);
}

/* What its last user asked for would else come without being announced. */
Test(tun, persistent_device_of_offloads_gives_finished_packets_to_a_user_without, .init = setup)
{
	enum {
		LEN = 3500,
		EACH = 1000
	};
	struct tun tun = open_with_offloads(1);
	uint8_t payload[LEN], packet[2 * LEN];

	leave_device(&tun);
	tun = open_plain("vtest0");
	cr_expect(not(tun.has_header));
	cr_expect(not(tun.takes.tcp4 || tun.takes.tcp6 || tun.takes.udp4 || tun.takes.udp6));
	configure(tun.name);
	for (size_t i = 0; i < LEN; i++)
		payload[i] = (uint8_t)(i % 251);
	send_cut(payload, LEN, EACH);
	for (unsigned at = 0; at < LEN; at += EACH) {
		int len = at + EACH <= LEN ? EACH : LEN - at;

		cr_assert(eq(int, (int)read_ipv4(tun.fd[0], packet, sizeof packet), 28 + len));
		cr_expect(eq(int, memcmp(packet + 28, payload + at, (size_t)len), 0));
		cr_expect(eq(ptr, (void *)fault_of(packet, 28 + (size_t)len), NULL), "%s",
		          fault_of(packet, 28 + (size_t)len));
	}
	remove_device(&tun);
}

Test(tun, persistent_device_gets_the_header_we_know_whatever_it_had, .init = setup)
{
	struct tun tun = open_with_offloads(1);
	int len = sizeof(struct virtio_net_hdr_mrg_rxbuf);

	cr_assert(eq(int, ioctl(tun.fd[0], TUNSETVNETHDRSZ, &len), 0));
	leave_device(&tun);
	tun = open_with_offloads(1);
	cr_expect(tun.has_header);
	cr_assert(eq(int, ioctl(tun.fd[0], TUNGETVNETHDRSZ, &len), 0));
	cr_expect(eq(int, len, (int)sizeof(struct virtio_net_hdr)));
	remove_device(&tun);
}

/* With and without offloads. */
Test(tun, persistent_device_of_several_queues_serves_with_one, .init = setup)
{
	for (unsigned i = 0; i < 2; i++) {
		struct tun_settings set = {
			.name = "vtest0", .queue_len_pkts = 500, .queues = 3, .has_offloads = i};
		struct tun tun = open_tun(set);
		uint8_t packet[2048];
		struct ifreq ifr = {0};

		leave_device(&tun);
		set.queues = 1;
		tun = open_tun(set);
		cr_expect(eq(uint, tun.queues, 1));
		cr_expect(eq(int, tun.has_header, (int)i));
		cr_assert(ge(int, ioctl(tun.fd[0], TUNGETIFF, &ifr), 0));
		cr_expect(eq(str, ifr.ifr_name, (char *)"vtest0"));
		cr_expect(ne(int, ifr.ifr_flags &IFF_MULTI_QUEUE, 0));
		if (i == 0) {
			configure(tun.name);
			send_cut((const uint8_t *)"hello", 5, 1000);
			cr_expect(eq(int, (int)read_ipv4(tun.fd[0], packet, sizeof packet), 33));
		}
		remove_device(&tun);
	}
}
