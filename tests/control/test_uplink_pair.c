/* SPDX-License-Identifier: MIT */
#include "control/uplink_pair.h"

#include <errno.h>

#include "route_rig.h"

TestSuite(uplink_pair, .init = route_rig_start);

static struct link sockets; /* of the pair under test */
static struct uplink_pair pair;

static void prepare(int family, const char *bind)
{
	struct line line = {0};

	if (bind)
		cr_assert(eq(int, endpoint_parse(bind, 0, &line.bind), 0));
	uplink_pair_init(&pair, &sockets, family, &line, false);
}

static const char *bound(void)
{
	static char text[ENDPOINT_TEXT_LEN];

	return endpoint_format(&sockets.bound, text);
}

/* Another program's socket on a port of the system's choice, which is returned. */
static uint16_t take_port(void)
{
	struct endpoint at = {.sa.sa_family = AF_INET};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	cr_assert(eq(int, bind(fd, &at.sa, endpoint_len(&at)), 0));
	cr_assert(eq(int, getsockname(fd, &at.sa, &len), 0));
	return endpoint_port(&at);
}

Test(uplink_pair, family_without_an_address_gets_any_address_on_the_same_port)
{
	prepare(AF_INET, "[::]:51820");
	cr_assert(eq(int, uplink_pair_open(&pair, 0), 0));
	cr_expect(eq(str, (char *)bound(), "0.0.0.0:51820"));
	link_close(&sockets);
	prepare(AF_INET6, NULL);
	cr_assert(eq(int, uplink_pair_open(&pair, 51821), 0));
	cr_expect(eq(str, (char *)bound(), "[::]:51821"));
	link_close(&sockets);
}

Test(uplink_pair, wanted_port_that_is_taken_gives_way_to_another)
{
	uint16_t taken = take_port();

	prepare(AF_INET, NULL);
	cr_assert(eq(int, uplink_pair_open(&pair, taken), 0));
	cr_expect(ne(uint, endpoint_port(&sockets.bound), taken));
	link_close(&sockets);
}

Test(uplink_pair, configured_port_that_is_taken_is_an_error)
{
	char text[ENDPOINT_TEXT_LEN];

	snprintf(text, sizeof text, "0.0.0.0:%u", take_port());
	prepare(AF_INET, text);
	cr_expect(eq(int, uplink_pair_open(&pair, 0), -EADDRINUSE));
	cr_expect(not(sockets.is_open));
}

Test(uplink_pair, is_tied_to_the_device_of_its_address)
{
	prepare(AF_INET, "10.1.0.2:0");
	cr_assert(eq(int, uplink_pair_find_device(&pair), 0));
	cr_expect(eq(str, pair.device, "wan0"));
	cr_assert(eq(int, uplink_pair_open(&pair, 0), 0));
	cr_expect(eq(uint, sockets.ifindex, if_nametoindex("wan0")));
	ip("link set wan0 down");
	cr_expect(eq(int, uplink_pair_find_device(&pair), -ENODEV));
	link_close(&sockets);
}

Test(uplink_pair, address_that_went_is_found_out)
{
	prepare(AF_INET, "10.1.0.2:0");
	cr_assert(eq(int, uplink_pair_find_device(&pair), 0));
	cr_assert(eq(int, uplink_pair_open(&pair, 0), 0));
	cr_expect(eq(int, uplink_pair_check_address(&pair), 0));
	ip("address del 10.1.0.2/24 dev wan0");
	cr_expect(eq(int, uplink_pair_check_address(&pair), -EADDRNOTAVAIL));
	link_close(&sockets);
}

Test(uplink_pair, address_on_another_device_is_followed_on_the_same_port)
{
	uint16_t port;

	prepare(AF_INET, "10.1.0.2:0");
	cr_assert(eq(int, uplink_pair_find_device(&pair), 0));
	cr_assert(eq(int, uplink_pair_open(&pair, 0), 0));
	port = endpoint_port(&sockets.bound);
	ip("address del 10.1.0.2/24 dev wan0");
	ip("address add 10.1.0.2/24 dev wan1");
	cr_assert(eq(int, uplink_pair_find_device(&pair), 0));
	cr_assert(eq(int, uplink_pair_follow(&pair), 0));
	cr_expect(eq(uint, sockets.ifindex, if_nametoindex("wan1")));
	cr_expect(eq(uint, endpoint_port(&sockets.bound), port));
	link_close(&sockets);
}
