/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/endpoint.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

Test(endpoint, good_text_is_read_and_written_back)
{
	static const struct {
		const char *text;
		int default_port;
		const char *back;
		int family;
	} table[] = {
		{"192.0.2.1:51820", 0, "192.0.2.1:51820", AF_INET},
		{"192.0.2.1:51820", 7, "192.0.2.1:51820", AF_INET},
		{"0.0.0.0:0", 0, "0.0.0.0:0", AF_INET},
		{"255.255.255.255:65535", 0, "255.255.255.255:65535", AF_INET},
		{"192.0.2.1", 7, "192.0.2.1:7", AF_INET},
		{"[::]:0", 0, "[::]:0", AF_INET6},
		{"[2001:db8:0:0::1]:51820", 0, "[2001:db8::1]:51820", AF_INET6},
		{"2001:db8::1", 65535, "[2001:db8::1]:65535", AF_INET6},
		{"fd00::1:5182", 7, "[fd00::1:5182]:7",
	         AF_INET6}, /* an address: no brackets, no port */
		{"[fe80::1%lo]:9", 0, "[fe80::1%lo]:9", AF_INET6},
		{"[fe80::1%1]:9", 0, "[fe80::1%lo]:9", AF_INET6}, /* lo is always the first */
		{"fe80::1%4294967295", 9, "[fe80::1%4294967295]:9", AF_INET6},
		{"[::ffff:192.0.2.1]:9", 0, "[::ffff:192.0.2.1]:9", AF_INET6},
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct endpoint ep;
		char buf[ENDPOINT_TEXT_LEN];

		cr_assert(eq(int, endpoint_parse(table[i].text, table[i].default_port, &ep), 0),
		          "%s", table[i].text);
		cr_expect(eq(int, endpoint_family(&ep), table[i].family));
		cr_expect(eq(str, (char *)endpoint_format(&ep, buf), (char *)table[i].back));
	}
}

Test(endpoint, bad_text_is_refused_and_leaves_the_result_alone)
{
	static const struct {
		const char *text;
		int default_port;
	} table[] = {
		{"", 0},
		{"", 7},
		{":", 7},
		{":51820", 7},
		{"192.0.2.1", 0},
		{"192.0.2.1:", 7},
		{"192.0.2.1:65536", 7},
		{"192.0.2.1:-1", 7},
		{"192.0.2.1:+1", 7},
		{"192.0.2.1: 1", 7},
		{"192.0.2.1:1 ", 7},
		{"192.0.2.1:0x1", 7},
		{"192.0.2.1:18446744073709551617", 7}, /* 1 modulo 2^64 */
		{"192.0.2.1:99999999999999999999999", 7},
		{"192.0.2:1", 7},
		{"192.0.2.256:1", 7},
		{" 192.0.2.1:1", 7},
		{"example.org:1", 7},
		{"example.org", 7},
		{"[192.0.2.1]:1", 7},
		{"::1", 0},
		{"::1:51820", 0},
		{"[::1]", 7},
		{"[::1]1", 7},
		{"[::1", 7},
		{"[::1:1", 7},
		{"[]:1", 7},
		{"::1]:1", 7},
		{"[[::1]]:1", 7},
		{"[fe80::1%]:1", 7},
		{"[fe80::1%0]:1", 7},
		{"[fe80::1%no-such-link]:1", 7},
		{"[fe80::1%4294967296]:1", 7},
		{"[2001:db8::1%lo]:1", 7}, /* a scope says nothing about this address */
		{"192.0.2.1%lo:1", 7},
		{"1111:1111:1111:1111:1111:1111:1111:1111%a-name-too-long-for-any-interface", 7},
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct endpoint ep = {.sa.sa_family = 77};

		cr_expect(
			eq(int, endpoint_parse(table[i].text, table[i].default_port, &ep), -EINVAL),
			"\"%s\"", table[i].text);
		cr_expect(eq(int, endpoint_family(&ep), 77));
	}
}

Test(endpoint, default_port_outside_its_range_means_none)
{
	struct endpoint ep;

	cr_expect(eq(int, endpoint_parse("192.0.2.1", -1, &ep), -EINVAL));
	cr_expect(eq(int, endpoint_parse("192.0.2.1", 65536, &ep), -EINVAL));
	cr_expect(eq(int, endpoint_parse("192.0.2.1", 65535, &ep), 0));
}

Test(endpoint, longest_text_fits_its_buffer)
{
	struct endpoint ep = {.in6 = {.sin6_family = AF_INET6,
	                              .sin6_port = htons(65535),
	                              .sin6_scope_id = UINT32_MAX}};
	char buf[ENDPOINT_TEXT_LEN];

	memset(&ep.in6.sin6_addr, 0xff, sizeof ep.in6.sin6_addr);
	ep.in6.sin6_addr.s6_addr[1] = 0x02; /* multicast, link-local: has a scope */
	cr_expect(eq(str, (char *)endpoint_format(&ep, buf),
	             (char *)"[ff02:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535"));
}

Test(endpoint, equal_looks_at_what_names_the_other_side)
{
	static const struct {
		const char *a, *b;
		int equal;
	} table[] = {
		{"192.0.2.1:1", "192.0.2.1:1", 1},
		{"192.0.2.1:1", "192.0.2.1:2", 0},
		{"192.0.2.1:1", "192.0.2.2:1", 0},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", 0},
		{"[2001:db8::1]:1", "[2001:db8:0::1]:1", 1},
		{"[2001:db8::1]:1", "[2001:db8::2]:1", 0},
		{"[2001:db8::1]:1", "[2001:db8::1]:2", 0},
		{"[fe80::1%7]:1", "[fe80::1%7]:1", 1},
		{"[fe80::1%7]:1", "[fe80::1%8]:1", 0},
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		struct endpoint a, b;

		cr_assert(eq(int, endpoint_parse(table[i].a, 0, &a), 0));
		cr_assert(eq(int, endpoint_parse(table[i].b, 0, &b), 0));
		cr_expect(eq(int, endpoint_equal(&a, &b), table[i].equal), "%s %s", table[i].a,
		          table[i].b);
	}
}

Test(endpoint, scope_and_flow_of_a_global_address_do_not_count)
{
	struct endpoint a, b;

	cr_assert(eq(int, endpoint_parse("[2001:db8::1]:1", 0, &a), 0));
	b = a;
	b.in6.sin6_scope_id = 3;
	b.in6.sin6_flowinfo = htonl(5);
	cr_expect(endpoint_equal(&a, &b));
}

Test(endpoint, none_is_a_value_of_its_own)
{
	struct endpoint none = {0}, other = {0}, some;
	char buf[ENDPOINT_TEXT_LEN];

	cr_assert(eq(int, endpoint_parse("0.0.0.0:0", 0, &some), 0));
	endpoint_set_port(&none, 5);
	cr_expect(eq(str, (char *)endpoint_format(&none, buf), (char *)"none"));
	cr_expect(endpoint_equal(&none, &other));
	cr_expect(not(endpoint_equal(&none, &some)));
	cr_expect(eq(int, endpoint_port(&none), 0));
	cr_expect(eq(uint, endpoint_len(&none), 0));
}

Test(endpoint, port_and_length_follow_the_family)
{
	struct endpoint v4, v6;

	cr_assert(eq(int, endpoint_parse("192.0.2.1:1", 0, &v4), 0));
	cr_assert(eq(int, endpoint_parse("[::1]:1", 0, &v6), 0));
	endpoint_set_port(&v4, 0x1234);
	endpoint_set_port(&v6, 0xfedc);
	cr_expect(eq(uint, endpoint_port(&v4), 0x1234));
	cr_expect(eq(uint, endpoint_port(&v6), 0xfedc));
	cr_expect(eq(uint, v4.in4.sin_port, htons(0x1234)));
	cr_expect(eq(uint, endpoint_len(&v4), sizeof(struct sockaddr_in)));
	cr_expect(eq(uint, endpoint_len(&v6), sizeof(struct sockaddr_in6)));
}

Test(endpoint, split_cuts_names_and_addresses_without_looking_them_up)
{
	static const struct {
		const char *text, *host;
		unsigned port;
	} table[] = {
		{"vpn.example.org:51820", "vpn.example.org", 51820},
		{"a:1", "a", 1},
		{"192.0.2.1:65535", "192.0.2.1", 65535},
		{"[2001:db8::1]:9", "2001:db8::1", 9},
		{"[fe80::1%wwan0]:9", "fe80::1%wwan0", 9}, /* need not be there yet */
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		char host[64];
		uint16_t port;

		cr_assert(eq(int, endpoint_split(table[i].text, host, sizeof host, &port), 0), "%s",
		          table[i].text);
		cr_expect(eq(str, host, (char *)table[i].host));
		cr_expect(eq(uint, port, table[i].port));
	}
}

Test(endpoint, split_refuses_bad_forms_and_leaves_results_alone)
{
	static const char *const table[] = {
		"",       "a",       ":1",        "a:",    "a:0",           "a:65536",
		"a:1x",   "a:-1",    "a b:1",     "a:b:1", "::1",           "[::1]",
		"[::1]:", "[::1]:0", "[a.org]:1", "[]:1",  "[::1]x:1",      "http://a:1",
		"a/b:1",  "\n:1",    "[::1]]:1",  "a]:1",  "[192.0.2.1]:1", "a:1:",
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		char host[8] = "kept";
		uint16_t port = 7;

		cr_expect(eq(int, endpoint_split(table[i], host, sizeof host, &port), -EINVAL),
		          "\"%s\"", table[i]);
		cr_expect(eq(str, host, (char *)"kept"));
		cr_expect(eq(uint, port, 7));
	}
}

Test(endpoint, split_tells_when_the_host_does_not_fit)
{
	char host[6], text[400];
	uint16_t port;

	cr_expect(eq(int, endpoint_split("abcde:1", host, 6, &port), 0));
	cr_expect(eq(int, endpoint_split("abcde:1", host, 5, &port), -ENAMETOOLONG));
	memset(text, 'a', sizeof text);
	strcpy(text + 300, ":1");
	cr_expect(eq(int, endpoint_split(text, host, sizeof host, &port), -ENAMETOOLONG));
}

Test(endpoint, wildcard_is_no_address_whatever_the_port)
{
	static const struct {
		const char *text;
		bool is_wildcard;
	} table[] = {{"0.0.0.0:0", true},  {"0.0.0.0:51820", true}, {"[::]:0", true},
	             {"[::]:51820", true}, {"127.0.0.1:0", false},  {"[::1]:0", false},
	             {"0.0.0.1:0", false}, {"[1::]:0", false}};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct endpoint ep = {0};

		cr_assert(eq(int, endpoint_parse(table[i].text, 0, &ep), 0));
		cr_expect(eq(int, endpoint_is_wildcard(&ep), table[i].is_wildcard), "%s",
		          table[i].text);
	}
}
