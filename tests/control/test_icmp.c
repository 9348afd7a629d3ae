/* SPDX-License-Identifier: MIT */
#include "control/icmp.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#define V4_LEN 56u /* IP, ICMP, IP and eight bytes of UDP */
#define V6_LEN 56u /* ICMP, IP and UDP */

/* From 10.0.0.2:51820 to 192.0.2.1:443, says 10.9.9.9. */
static const uint8_t error4[V4_LEN] = {
	0x45, 0,    0, 56,   0, 0,  0, 0, 64, 1,  0, 0, 10, 9, 9, 9, 10,  0, 0, 2, /* IP */
	3,    1,    0, 0,    0, 0,  0, 0,                                          /* ICMP */
	0x45, 0,    0, 60,   0, 0,  0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 192, 0, 2, 1,
	0xca, 0x6c, 1, 0xbb, 0, 40, 0, 0,
};

/* From [fd00::2]:51820 to [fd00::1]:443. */
static const uint8_t error6[V6_LEN] = {
	1,    0, 0, 0, 0, 0,  0,  0, /* ICMP */
	0x60, 0, 0, 0, 0, 40, 17, 64, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0,    0,    0, 0,    0, 0,  0, 2,
	0xfd, 0, 0, 0, 0, 0,  0,  0,  0,    0, 0, 0, 0, 0, 0, 1, 0xca, 0x6c, 1, 0xbb, 0, 40, 0, 0,
};

static uint8_t message[64];
static struct icmp_error error;

static void begin(void)
{
	memset(message, 0, sizeof message);
}

TestSuite(icmp, .init = begin);

static bool read4(void)
{
	return icmp_read(AF_INET, message, V4_LEN, &error);
}

static bool read6(void)
{
	return icmp_read(AF_INET6, message, V6_LEN, &error);
}

static const char *text(const struct endpoint *ep)
{
	static char buf[2][ENDPOINT_TEXT_LEN];
	static unsigned n;

	return endpoint_format(ep, buf[n++ % 2]);
}

Test(icmp, names_the_two_ends_of_the_datagram)
{
	memcpy(message, error4, sizeof error4);
	cr_assert(read4());
	cr_expect(eq(str, (char *)text(&error.from), "10.0.0.2:51820"));
	cr_expect(eq(str, (char *)text(&error.to), "192.0.2.1:443"));
	memcpy(message, error6, sizeof error6);
	cr_assert(read6());
	cr_expect(eq(str, (char *)text(&error.from), "[fd00::2]:51820"));
	cr_expect(eq(str, (char *)text(&error.to), "[fd00::1]:443"));
}

static bool says4(uint8_t type, uint8_t code, const char *what)
{
	memcpy(message, error4, sizeof error4);
	message[20] = type;
	message[21] = code;
	return read4() && strstr(error.why, what);
}

static bool says6(uint8_t type, uint8_t code, const char *what)
{
	memcpy(message, error6, sizeof error6);
	message[0] = type;
	message[1] = code;
	return read6() && strstr(error.why, what);
}

Test(icmp, says_why)
{
	cr_expect(says4(3, 0, "network unreachable"));
	cr_expect(says4(3, 1, "host unreachable"));
	cr_expect(says4(3, 3, "port unreachable"));
	for (uint8_t code = 9; code <= 13; code++)
		cr_expect(eq(int, says4(3, code, "prohibited"), code <= 10 || code == 13));
	cr_expect(says4(11, 0, "circle"));
	cr_expect(says6(1, 0, "network unreachable"));
	cr_expect(says6(1, 1, "prohibited"));
	cr_expect(says6(1, 3, "host unreachable"));
	cr_expect(says6(1, 4, "port unreachable"));
	cr_expect(says6(1, 6, "prohibited"));
	cr_expect(says6(3, 0, "circle"));
}

Test(icmp, what_is_no_error_about_the_way_is_none)
{
	cr_expect(not(says4(3, 4, "")), "too long");
	cr_expect(not(says4(3, 2, "")), "a protocol, which UDP is not");
	cr_expect(not(says4(3, 16, "")));
	cr_expect(not(says4(3, 255, "")));
	cr_expect(not(says4(11, 1, "")), "fragments");
	cr_expect(not(says4(0, 0, "")), "an echo");
	cr_expect(not(says4(5, 1, "")), "a redirect");
	cr_expect(not(says6(2, 0, "")), "too long");
	cr_expect(not(says6(3, 1, "")), "fragments");
	cr_expect(not(says6(129, 0, "")), "an echo");
}

Test(icmp, errors_about_others_than_udp_are_none)
{
	memcpy(message, error4, sizeof error4);
	message[28 + 9] = 6;
	cr_expect(not(read4()));
	memcpy(message, error6, sizeof error6);
	message[8 + 6] = 6;
	cr_expect(not(read6()));
	memcpy(message, error4, sizeof error4);
	message[28 + 7] = 1; /* a later fragment, which has no ports */
	cr_expect(not(read4()));
}

Test(icmp, options_are_passed_over)
{
	memcpy(message, error4, 20);
	message[0] = 0x46; /* four bytes of them */
	memcpy(message + 24, error4 + 20, sizeof error4 - 20);
	cr_assert(icmp_read(AF_INET, message, V4_LEN + 4, &error));
	cr_expect(eq(str, (char *)text(&error.to), "192.0.2.1:443"));
}

/* With sanitizers nothing beyond is touched. */
Test(icmp, what_is_cut_off_is_none)
{
	for (size_t len = 0; len < V4_LEN; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, error4, len);
		cr_expect(not(icmp_read(AF_INET, cut, len, &error)), "%zu", len);
		memcpy(cut, error6, len);
		cr_expect(not(icmp_read(AF_INET6, cut, len, &error)), "%zu", len);
		free(cut);
	}
}

Test(icmp, headers_that_lie_about_their_length_are_none)
{
	for (unsigned i = 0; i < 16; i++) {
		memcpy(message, error4, sizeof error4);
		message[0] = (uint8_t)(0x40 | i);
		cr_expect(eq(int, read4(), i == 5), "%u", i);
		memcpy(message, error4, sizeof error4);
		message[28] = (uint8_t)(0x40 | i);
		cr_expect(eq(int, read4(), i == 5), "%u", i);
	}
}
