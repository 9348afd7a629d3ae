/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "vtrunkd/ctl.h"
#include "vtrunkd/limits.h"

#define LONG_31 "abcdefghijklmnopqrstuvwxyz01234"
#define A_KEY   "oI6cc7Np6xzQ97Oymb0Z+jbeCClFBz8+PPfSkZnVU00="

static const struct {
	enum config_form form;
	const char *text;
	const char *fault; /* NULL: it is good */
} cases[] = {
	{CONFIG_FORM_DEVICE, "", "empty"},
	{CONFIG_FORM_DEVICE, "wg_0=+.-", NULL},
	{CONFIG_FORM_DEVICE, "abcdefghijklmno", NULL},
	{CONFIG_FORM_DEVICE, "abcdefghijklmnop", "too long"},
	{CONFIG_FORM_DEVICE, "eth0:1", "text with other characters"},
	{CONFIG_FORM_DEVICE, "vt%d", "text with other characters"},
	{CONFIG_FORM_DEVICE, ".", "a name that the kernel refuses"},
	{CONFIG_FORM_DEVICE, "..", "a name that the kernel refuses"},
	{CONFIG_FORM_DEVICE, "...", NULL},

	{CONFIG_FORM_NAME, "", "empty"},
	{CONFIG_FORM_NAME, "an office", NULL},
	{CONFIG_FORM_NAME, LONG_31, NULL},
	{CONFIG_FORM_NAME, LONG_31 "x", "too long"},
	{CONFIG_FORM_NAME, " a", "text with blanks around it"},
	{CONFIG_FORM_NAME, "a ", "text with blanks around it"},
	{CONFIG_FORM_NAME, " ", "text with blanks around it"},

	{CONFIG_FORM_IP, "10.0.0.1", NULL},
	{CONFIG_FORM_IP, "fd00::1", NULL},
	{CONFIG_FORM_IP, "10.0.0.1/24", "an address with a prefix length"},
	{CONFIG_FORM_IP, "10.0.0", ""},
	{CONFIG_FORM_IP, "", ""},

	{CONFIG_FORM_NETMASK, "0", NULL},
	{CONFIG_FORM_NETMASK, "24", NULL},
	{CONFIG_FORM_NETMASK, "128", NULL},
	{CONFIG_FORM_NETMASK, "129", ""},
	{CONFIG_FORM_NETMASK, "024", ""},
	{CONFIG_FORM_NETMASK, "", ""},
	{CONFIG_FORM_NETMASK, "0.0.0.0", NULL},
	{CONFIG_FORM_NETMASK, "255.255.255.255", NULL},
	{CONFIG_FORM_NETMASK, "255.255.254.0", NULL},
	{CONFIG_FORM_NETMASK, "255.0.255.0", "a netmask with holes"},
	{CONFIG_FORM_NETMASK, "0.0.0.255", "a netmask with holes"},
	{CONFIG_FORM_NETMASK, "ffff::", "an IPv6 address"},

	{CONFIG_FORM_PREFIX, "10.0.0.1/24", NULL},
	{CONFIG_FORM_PREFIX, "10.0.0.1", NULL},
	{CONFIG_FORM_PREFIX, "::/0", NULL},
	{CONFIG_FORM_PREFIX, "10.0.0.1/33", ""},
	{CONFIG_FORM_PREFIX, "fd00::/129", ""},

	{CONFIG_FORM_KEY, A_KEY, NULL},
	{CONFIG_FORM_KEY, " " A_KEY "\n", NULL},
	{CONFIG_FORM_KEY, "", "empty"},
	{CONFIG_FORM_KEY, "AAAA", "base64 of another length"},
	{CONFIG_FORM_KEY, "not base64 at all", "not base64"},

	{CONFIG_FORM_BIND, "0.0.0.0", NULL},
	{CONFIG_FORM_BIND, "192.0.2.1:51820", NULL},
	{CONFIG_FORM_BIND, "[::]:51820", NULL},
	{CONFIG_FORM_BIND, "::1", NULL},
	{CONFIG_FORM_BIND, "192.0.2.1:65536", ""},
	{CONFIG_FORM_BIND, "host:51820", ""},
	{CONFIG_FORM_BIND, "51820", ""},

	{CONFIG_FORM_ENDPOINT, "host.example:51820", NULL},
	{CONFIG_FORM_ENDPOINT, "a_b-c:1", NULL},
	{CONFIG_FORM_ENDPOINT, "192.0.2.1:65535", NULL},
	{CONFIG_FORM_ENDPOINT, "[2001:db8::1]:51820", NULL},
	{CONFIG_FORM_ENDPOINT, "[fe80::1%eth7]:51820", NULL},
	{CONFIG_FORM_ENDPOINT, "host.example", "text without a port"},
	{CONFIG_FORM_ENDPOINT, "192.0.2.1:0", ""},
	{CONFIG_FORM_ENDPOINT, "192.0.2.1:65536", ""},
	{CONFIG_FORM_ENDPOINT, "192.0.2:51820", "neither an address nor a host name"},
	{CONFIG_FORM_ENDPOINT, ".host:51820", "neither an address nor a host name"},
	{CONFIG_FORM_ENDPOINT, "-host:51820", "neither an address nor a host name"},
	{CONFIG_FORM_ENDPOINT, "ho..st:51820", "neither an address nor a host name"},
	{CONFIG_FORM_ENDPOINT, "ho/st:51820", ""},
	{CONFIG_FORM_ENDPOINT, "[host]:51820", ""},

	{CONFIG_FORM_PATH, "/", NULL},
	{CONFIG_FORM_PATH, "", "empty"},
	{CONFIG_FORM_PATH, "key", "a relative path"},

	{CONFIG_FORM_RUN_DIR, "none", NULL},
	{CONFIG_FORM_RUN_DIR, "/run/vt", NULL},
	{CONFIG_FORM_RUN_DIR, "None", "a relative path"},
	{CONFIG_FORM_RUN_DIR, "", "empty"},
};

Test(value, each_form_takes_what_it_should_and_says_what_else_it_is)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *fault = config_form_check(cases[i].form, cases[i].text);
		const char *got = fault ? fault : "(good)";
		const char *wanted = cases[i].fault ? cases[i].fault : "(good)";

		cr_expect(eq(str, (char *)got, (char *)wanted), "form %d: \"%s\"",
		          (int)cases[i].form, cases[i].text);
	}
}

/* A path of as many bytes as are allowed, and of one more. */
static void expect_longest(enum config_form form, size_t most)
{
	char *path = malloc(most + 2);

	memset(path, '/', most + 1);
	path[most + 1] = '\0';
	const char *fault = config_form_check(form, path);
	cr_expect(eq(str, (char *)(fault ? fault : "(good)"), (char *)"too long"));
	path[most] = '\0';
	cr_expect(eq(ptr, (void *)config_form_check(form, path), NULL));
	free(path);
}

Test(value, path_has_an_end)
{
	expect_longest(CONFIG_FORM_PATH, PATH_MAX - 1);
	expect_longest(CONFIG_FORM_RUN_DIR, CTL_DIRECTORY_LEN_MAX);
}

Test(value, host_name_has_an_end)
{
	char endpoint[300];

	memset(endpoint, 'a', sizeof endpoint);
	strcpy(endpoint + 253, ":1");
	cr_expect(eq(ptr, (void *)config_check_endpoint(endpoint), NULL));
	memset(endpoint, 'a', sizeof endpoint);
	strcpy(endpoint + 254, ":1");
	cr_expect(ne(ptr, (void *)config_check_endpoint(endpoint), NULL));
}

Test(value, netmask_fits_one_family_or_both)
{
	static const struct {
		const char *text;
		int ipv4, ipv6;
	} masks[] = {
		{"0", 0, 0},
		{"32", 32, 32},
		{"33", -1, 33},
		{"128", -1, 128},
		{"0.0.0.0", 0, -1},
		{"255.255.255.0", 24, -1},
		{"255.255.255.255", 32, -1},
		{"255.255.0.255", -1, -1},
	};

	for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		cr_expect(eq(int, config_netmask_len(masks[i].text, AF_INET), masks[i].ipv4), "%s",
		          masks[i].text);
		cr_expect(eq(int, config_netmask_len(masks[i].text, AF_INET6), masks[i].ipv6), "%s",
		          masks[i].text);
	}
}

/* YAML 1.2.2, 10.3.2, but for words that mean nothing to us. */
Test(value, plain_text_has_the_type_of_the_core_schema)
{
	static const struct {
		const char *text, *type;
	} texts[] = {
		{"0", "a number"},
		{"-12", "a number"},
		{"+7", "a number"},
		{"1.5", "a number"},
		{".5", "a number"},
		{"5.", "a number"},
		{"1e3", "a number"},
		{"1E-3", "a number"},
		{"1e", NULL},
		{".", NULL},
		{"-", NULL},
		{"0x1F", "a number"},
		{"0x", NULL},
		{"0xg", NULL},
		{"0o17", "a number"},
		{"0o8", NULL},
		{".inf", "a number"},
		{"-.Inf", "a number"},
		{".NaN", "a number"},
		{"true", "a boolean"},
		{"FALSE", "a boolean"},
		{"yes", NULL},
		{"1.2.3", NULL},
		{"10.0.0.1", NULL},
		{"1 ", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		const char *type = config_plain_type(texts[i].text);

		cr_expect(eq(str, (char *)(type ? type : "text"),
		             (char *)(texts[i].type ? texts[i].type : "text")),
		          "%s", texts[i].text);
	}
}

Test(value, printable_text_is_one_line_without_control_characters)
{
	static const struct {
		const char *text;
		bool is_printable;
	} texts[] = {
		{"", true},
		{"caf\u00e9 \u4e16", true},
		{"a\tb", false},
		{"a\nb", false},
		{"a\x7f", false},
		{"\xc2\x80", false},
		{"\xc2\x9f", false},
		{"\xc2\xa0", true},
		{"\xe2\x80\xa7", true},
		{"\xe2\x80\xa8", false},
		{"\xe2\x80\xa9", false},
		{"\xe2\x80\xaa", true},
	};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		cr_expect(eq(int, config_text_is_printable(texts[i].text, strlen(texts[i].text)),
		             texts[i].is_printable),
		          "text %zu", i);
	cr_expect(not(config_text_is_printable("a\0b", 3)));
}

Test(value, bind_without_a_port_has_port_zero)
{
	struct endpoint bind;

	cr_assert(zero(int, config_bind_parse("192.0.2.1", &bind)));
	cr_expect(eq(int, endpoint_port(&bind), 0));
	cr_assert(zero(int, config_bind_parse("[2001:db8::1]:7", &bind)));
	cr_expect(eq(int, endpoint_port(&bind), 7));
	cr_expect(ne(int, config_bind_parse("somewhere", &bind), 0));
}

/* [::]:PORT takes both families, unless another link has the port for IPv4. */
Test(value, bind_to_every_address_yields_the_port_of_ipv4)
{
	static const struct {
		const char *other, *any;
		bool has_it;
	} pairs[] = {
		{"0.0.0.0:7", "[::]:7", true},  {"192.0.2.1:7", "[::]:7", true},
		{"0.0.0.0:8", "[::]:7", false}, {"[::1]:7", "[::]:7", false},
		{"0.0.0.0", "::", false},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct endpoint other, any;

		cr_assert(zero(int, config_bind_parse(pairs[i].other, &other)));
		cr_assert(zero(int, config_bind_parse(pairs[i].any, &any)));
		cr_expect(config_bind_is_any_ipv6(&any));
		cr_expect(eq(int, config_bind_has_ipv4_of(&other, &any), pairs[i].has_it), "%s",
		          pairs[i].other);
		cr_expect(not(config_bind_is_any_ipv6(&other)));
	}
}

Test(value, family_of_an_endpoint_is_known_without_asking)
{
	cr_expect(eq(int, config_endpoint_family("192.0.2.1:7"), AF_INET));
	cr_expect(eq(int, config_endpoint_family("[2001:db8::1]:7"), AF_INET6));
	cr_expect(eq(int, config_endpoint_family("[fe80::1%absent0]:7"), AF_INET6));
	cr_expect(eq(int, config_endpoint_family("host:7"), AF_UNSPEC));
	cr_expect(eq(int, config_endpoint_family("192.0.2.1"), AF_UNSPEC));
}
