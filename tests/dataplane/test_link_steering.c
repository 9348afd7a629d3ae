/* SPDX-License-Identifier: MIT */
/* What comes to which of the two sockets of a link, also when its device was away, and what is
 * answered from them; see link_rig.h.
 */
#include "dataplane/link.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../bytes_rig.h"
#include "../descriptors.h"
#include "base/bytes.h"
#include "link_rig.h"
#include "tun_rig.h"

TestSuite(link_steering, .init = link_rig_setup, .fini = link_rig_teardown, .timeout = 60);

/* The address of @link with @host in place of the wildcard. */
static struct endpoint reach(const struct link *link, const char *host)
{
	struct endpoint ep = endpoint_of(host);

	endpoint_set_port(&ep, endpoint_port(&link->bound));
	return ep;
}

static void send_to(int fd, const struct endpoint *to, const void *data, size_t len)
{
	cr_assert(eq(int, (int)sendto(fd, data, len, 0, &to->sa, endpoint_len(to)), (int)len));
}

/* By the first byte alone, whatever the source port. */
static void expect_steering(const char *at)
{
	struct endpoint from, to;
	struct arrival arrival;

	open_link(&link_a, at);
	to = reach(&link_a, at);
	for (unsigned type = 0; type < 256; type++) {
		int fd = far_socket(at, &from);
		int want = type == 4 ? link_a.data_fd : link_a.handshake_fd;
		int other = type == 4 ? link_a.handshake_fd : link_a.data_fd;
		uint8_t msg[8] = {(uint8_t)type, 0, 0, 0, 4}, got[8];

		for (size_t len = 1; len <= sizeof msg; len += 7) {
			send_to(fd, &to, msg, len);
			cr_assert(eq(sz, receive(want, got, sizeof got, &arrival), len));
			cr_expect(eq(u8, got[0], type));
			cr_expect(endpoint_equal(&arrival.from, &from));
			cr_expect(not(is_readable(other, 0)), "type %u", type);
		}
		close(fd);
	}
	link_close(&link_a);
}

Test(link_steering, transport_data_goes_to_the_data_socket_all_else_to_the_other)
{
	expect_steering("127.0.0.1:0");
	expect_steering("[::1]:0");
}

/* A system without SO_ATTACH_REUSEPORT_CBPF, as sandboxes are. */
static void forbid_steering(void)
{
	const uint32_t option = offsetof(struct seccomp_data, args[2]) +
	                        (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, option),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_ATTACH_REUSEPORT_CBPF, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};

	cr_assert(eq(int, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0));
	cr_assert(eq(int, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0), "%s",
	          strerror(errno));
}

/* From where the RX thread passes the rest on. */
static void expect_all_at_the_data_socket(const char *at)
{
	struct endpoint from, to;
	struct arrival arrival;
	uint8_t got[8];

	to = reach(&link_a, at);
	for (unsigned type = 0; type < 256; type++) {
		uint8_t msg[8] = {(uint8_t)type, 0, 0, 0, 4};
		int fd = far_socket(at, &from);

		send_to(fd, &to, msg, sizeof msg);
		cr_assert(eq(sz, receive(link_a.data_fd, got, sizeof got, &arrival), sizeof msg));
		cr_expect(eq(u8, got[0], type));
		cr_expect(endpoint_equal(&arrival.from, &from));
		cr_assert(not(is_readable(link_a.handshake_fd, 0)), "type %u", type);
		close(fd);
	}
}

/* Both send from the one port all the same, and it is shared with nobody else. */
Test(link_steering, all_comes_to_the_data_socket_where_the_system_cannot_steer)
{
	static const char *const at[] = {"127.0.0.1:0", "[::1]:0"};

	forbid_steering();
	for (unsigned i = 0; i < 2; i++) {
		struct link_settings set = bound_to(at[i]);
		unsigned fds = open_fds();
		struct endpoint own = {0};
		socklen_t len = sizeof own;
		int other, one = 1;

		open_link(&link_a, at[i]);
		cr_expect(not(link_a.is_steered));
		cr_assert(eq(int, getsockname(link_a.handshake_fd, &own.sa, &len), 0));
		cr_expect(endpoint_equal(&own, &link_a.bound));
		expect_all_at_the_data_socket(at[i]);
		set.bind = link_a.bound;
		cr_expect(eq(int, link_open(&link_b, &set), -EADDRINUSE));
		other = socket(endpoint_family(&own), SOCK_DGRAM | SOCK_CLOEXEC, 0);
		setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		cr_expect(eq(int, bind(other, &own.sa, endpoint_len(&own)), -1));
		close(other);
		link_close(&link_a);
		cr_expect(eq(uint, open_fds(), fds));
	}
}

/* ---- a device that goes and comes back ---- */

/* A TUN device plays the uplink: what is written to it comes in there. 10.88.0.1/24. */
static int create_uplink(void)
{
	struct tun tun = open_plain("vtl0");

	configure_device("vtl0", "10.88.0.1", 0);
	return tun.fd[0];
}

/* A datagram of one byte from 10.88.0.2 to @port. */
static void come_in(int device, uint16_t port, uint8_t byte)
{
	uint8_t packet[29] = {0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 88, 0, 2, 10, 88, 0, 1};
	uint32_t sum = 0;

	for (unsigned i = 0; i < 20; i += 2)
		sum += load_be16(packet + i);
	store_be16(packet + 10, (uint16_t) ~(sum % 0xffff));
	store_be16(packet + 20, 5555);
	store_be16(packet + 22, port);
	store_be16(packet + 24, 9);
	packet[28] = byte;
	cr_assert(eq(int, (int)write(device, packet, sizeof packet), (int)sizeof packet));
}

static void expect_coming_in(int device)
{
	uint16_t port = endpoint_port(&link_a.bound);
	struct arrival arrival;
	uint8_t got[8];

	for (uint8_t type = 0; type < 8; type++) {
		int want = type == 4 ? link_a.data_fd : link_a.handshake_fd;

		come_in(device, port, type);
		cr_assert(eq(sz, receive(want, got, sizeof got, &arrival), 1), "type %u", type);
		cr_expect(eq(u8, got[0], type));
	}
	cr_expect(not(is_readable(link_a.data_fd, 0)));
	cr_expect(not(is_readable(link_a.handshake_fd, 0)));
}

Test(link_steering, device_that_comes_back_gets_the_same_port_and_steering)
{
	struct link_settings set = bound_to("0.0.0.0:0");
	struct endpoint before;
	unsigned fds, ifindex;
	int device;

	tun_setup();
	device = create_uplink();
	set.device = "vtl0";
	cr_assert(eq(int, link_open(&link_a, &set), 0));
	before = link_a.bound;
	ifindex = link_a.ifindex;
	expect_coming_in(device);
	close(device); /* and with it the interface */
	device = create_uplink();
	cr_assert(ne(uint, if_nametoindex("vtl0"), ifindex));
	fds = open_fds();
	for (unsigned i = 0; i < 2; i++) {
		cr_assert(eq(int, link_follow_device(&link_a, &set), 0));
		cr_expect(eq(uint, link_a.ifindex, if_nametoindex("vtl0")));
		cr_expect(endpoint_equal(&link_a.bound, &before));
		cr_expect(eq(uint, open_fds(), fds));
		expect_coming_in(device);
	}
	close(device);
	cr_expect(eq(int, link_follow_device(&link_a, &set), -ENODEV));
	cr_expect(link_a.is_open);
}

/* ---- handshake messages ---- */

/* Speaks to @host of a link bound to @bind and is answered by the route learnt. */
static void expect_answer(const char *bind, const char *host, const char *far)
{
	struct endpoint me, to, from;
	int fd = far_socket(far, &me);
	struct arrival arrival;
	struct link_message m;
	struct route route;
	uint8_t got[64];

	open_link(&link_a, bind);
	to = reach(&link_a, host);
	cr_expect(eq(int, link_receive_handshakes(&link_a, &m), -EAGAIN));
	send_to(fd, &to, "\1hello", 6);
	cr_assert(is_readable(link_a.handshake_fd, WAIT_MS));
	cr_assert(eq(int, link_receive_handshakes(&link_a, &m), 0));
	cr_assert(eq(uint, m.len, 6));
	cr_expect(eq(uint, m.step, 6));
	ASSERT_BYTES(m.at, "\1hello", 6);
	route = m.route;
	cr_expect(eq(ptr, route.link, &link_a));
	cr_expect(endpoint_equal(&route.remote, &me));
	from = endpoint_of(host);
	if (link_a.is_wildcard)
		cr_expect(endpoint_equal(&route.local, &from), "port is not known: 0");
	else
		cr_expect(eq(int, endpoint_family(&route.local), AF_UNSPEC));

	cr_assert(eq(int, link_send_handshake(&link_a, &route, "\2world!", 7), 0));
	cr_assert(eq(sz, receive(fd, got, sizeof got, &arrival), 7));
	ASSERT_BYTES(got, "\2world!", 7);
	cr_expect(endpoint_equal(&arrival.from, &to), "answers leave where was spoken to");
	cr_expect(eq(int, arrival.tos, 0x88));
	cr_expect(eq(u64, counter_read(&link_a.tx_packets), 1));
	cr_expect(eq(u64, counter_read(&link_a.tx_bytes), 7));
	link_close(&link_a);
	link_a = (struct link){0};
	close(fd);
}

Test(link_steering, handshake_is_answered_from_the_address_that_was_spoken_to)
{
	expect_answer("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0");
	expect_answer("[::1]:0", "[::1]:0", "[::1]:0");
	expect_answer("0.0.0.0:0", "127.0.0.9:0", "127.0.0.1:0");
	expect_answer("[::]:0", "[::1]:0", "[::1]:0");
}

Test(link_steering, handshakes_come_one_by_one_whatever_their_length)
{
	static const unsigned lens[] = {1, 148, 149, 2000, 60000};
	static uint8_t msg[60000] = {1};
	struct link_message m;
	struct endpoint me, to;
	int fd = far_socket("127.0.0.1:0", &me);

	open_link(&link_a, "127.0.0.1:0");
	to = link_a.bound;
	for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++)
		send_to(fd, &to, msg, lens[i]);
	for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++) {
		cr_assert(is_readable(link_a.handshake_fd, WAIT_MS));
		cr_assert(eq(int, link_receive_handshakes(&link_a, &m), 0));
		cr_expect(eq(uint, m.len, lens[i]));
		cr_expect(eq(uint, m.step, lens[i]));
		cr_expect(endpoint_equal(&m.route.remote, &me));
	}
	cr_expect(eq(int, link_receive_handshakes(&link_a, &m), -EAGAIN));
	close(fd);
}
