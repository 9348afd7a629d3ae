/* SPDX-License-Identifier: MIT */
/* What came with a datagram, as the system would have told it: control data made by hand. */
#include "dataplane/link_message.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/ecn.h"
#include "vtrunkd/limits.h"

enum {
	LEN = 3000,
};

static _Alignas(struct cmsghdr) uint8_t control[LINK_CONTROL_LEN];
static struct msghdr msg;

static void setup(void)
{
	msg = (struct msghdr){.msg_control = control};
}

TestSuite(link_message, .init = setup, .timeout = 60);

static void add(int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c = (void *)(control + msg.msg_controllen);

	cr_assert(le(sz, msg.msg_controllen + CMSG_SPACE(len), sizeof control), "no room");
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	msg.msg_controllen += CMSG_SPACE(len);
}

static void add_int(int level, int type, int value)
{
	add(level, type, &value, sizeof value);
}

static void add_stamp(void)
{
	static const struct timespec at = {.tv_sec = 7, .tv_nsec = 9};

	add(SOL_SOCKET, SCM_TIMESTAMPNS, &at, sizeof at);
}

static void add_local4(const char *text)
{
	struct in_pktinfo info = {.ipi_ifindex = 3};
	struct endpoint at;

	cr_assert(eq(int, endpoint_parse(text, 0, &at), 0));
	info.ipi_addr = at.in4.sin_addr;
	add(IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}

static void add_local6(const char *text)
{
	struct in6_pktinfo info = {.ipi6_ifindex = 3};
	struct endpoint at;

	cr_assert(eq(int, endpoint_parse(text, 0, &at), 0));
	info.ipi6_addr = at.in6.sin6_addr;
	add(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static struct link *const over = (struct link *)control; /* an address; nobody looks there */

static struct link_message message(void)
{
	struct link_message m = {0};

	link_read_message(over, &msg, LEN, &m);
	cr_expect(eq(uint, m.len, LEN));
	cr_expect(eq(ptr, m.route.link, over));
	return m;
}

static void expect_local(const struct link_message *m, const char *text)
{
	struct endpoint want;

	cr_assert(eq(int, endpoint_parse(text, 0, &want), 0));
	cr_expect(endpoint_equal(&m->route.local, &want));
}

Test(link_message, without_control_data_is_one_datagram_of_unknown_time)
{
	struct link_message m = message();

	cr_expect(eq(uint, m.step, LEN));
	cr_expect(eq(u64, m.stamp_ns, 0));
	cr_expect(eq(u8, m.ecn, ECN_NOT_ECT));
	cr_expect(eq(int, endpoint_family(&m.route.local), AF_UNSPEC));
}

/* All that is ever asked for has room together. */
Test(link_message, all_of_ipv4_is_read)
{
	struct link_message m;

	add_stamp();
	add_local4("192.0.2.1:0");
	add(IPPROTO_IP, IP_TOS, &(uint8_t){0x88 | ECN_CE}, 1);
	add_int(IPPROTO_UDP, UDP_GRO, 1000);
	m = message();
	cr_expect(eq(u64, m.stamp_ns, 7 * NS_PER_S + 9));
	cr_expect(eq(uint, m.step, 1000));
	cr_expect(eq(u8, m.ecn, ECN_CE));
	expect_local(&m, "192.0.2.1:0");
}

Test(link_message, all_of_ipv6_is_read)
{
	struct link_message m;

	add_stamp();
	add_int(IPPROTO_UDP, UDP_GRO, 1000);
	add_local6("[2001:db8::1]:0");
	add_int(IPPROTO_IPV6, IPV6_TCLASS, 0x88 | ECN_ECT_0);
	m = message();
	cr_expect(eq(u64, m.stamp_ns, 7 * NS_PER_S + 9));
	cr_expect(eq(u8, m.ecn, ECN_ECT_0));
	cr_expect(eq(uint, m.step, 1000));
	expect_local(&m, "[2001:db8::1]:0");
}

Test(link_message, address_of_one_link_keeps_its_scope)
{
	struct link_message m;

	add_local6("[fe80::1]:0");
	m = message();
	cr_expect(eq(u32, m.route.local.in6.sin6_scope_id, 3));
}

Test(link_message, datagrams_of_no_length_are_not_believed)
{
	add_int(IPPROTO_UDP, UDP_GRO, 0);
	cr_expect(eq(uint, message().step, LEN));
}

Test(link_message, train_ends_with_what_is_left)
{
	struct link_message m;

	add_int(IPPROTO_UDP, UDP_GRO, 1400);
	m = message();
	cr_expect(eq(uint, link_message_next_len(&m, 0), 1400));
	cr_expect(eq(uint, link_message_next_len(&m, 1400), 1400));
	cr_expect(eq(uint, link_message_next_len(&m, 2800), 200));
}
