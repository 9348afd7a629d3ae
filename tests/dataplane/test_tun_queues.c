/* SPDX-License-Identifier: MIT */
/* Several queues, and devices that were there before, with as many as they have; see tun_rig.h. */
#include "dataplane/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ip_rig.h"
#include "tun_rig.h"

TestSuite(tun_queues, .init = tun_setup);

Test(tun_queues, several_queues_are_descriptors_of_one_interface_that_goes_with_the_last)
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
Test(tun_queues, flow_is_answered_on_the_queue_it_was_written_to)
{
	struct tun tun = open_tun(
		(struct tun_settings){.name = "vtest0", .queue_len_pkts = 500, .queues = 3});
	struct sockaddr_in at = address_of(TUN_HERE, 7777);
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	configure_device(tun.name, TUN_HERE, 0);
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

/* ---- devices that stay ---- */

/* A persistent device keeps the flags it was made with. */
Test(tun_queues, persistent_device_of_one_queue_is_used_with_what_it_has)
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
	struct sockaddr_in to = address_of(TUN_THERE, 9);
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
Test(tun_queues, persistent_device_of_offloads_gives_finished_packets_to_a_user_without)
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
	configure_device(tun.name, TUN_HERE, 0);
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

Test(tun_queues, persistent_device_gets_the_header_we_know_whatever_it_had)
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
Test(tun_queues, persistent_device_of_several_queues_serves_with_one)
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
			configure_device(tun.name, TUN_HERE, 0);
			send_cut((const uint8_t *)"hello", 5, 1000);
			cr_expect(eq(int, (int)read_ipv4(tun.fd[0], packet, sizeof packet), 33));
		}
		remove_device(&tun);
	}
}
