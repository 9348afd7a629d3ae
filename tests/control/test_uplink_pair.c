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

Test(uplink_pair, what_peers_are_told_is_why_it_cannot_be_sent_on)
{
	prepare(AF_INET, NULL);
	cr_expect(eq(int, uplink_pair_link_state(&pair), LINK_STATE_NO_DEVICE), "not open yet");
	pair.leaves_for = LINK_STATE_DRAINING;
	cr_expect(eq(int, uplink_pair_link_state(&pair), LINK_STATE_DRAINING));
	uplink_pair_set_state(&pair, UPLINK_UP, "open", 1);
	cr_expect(eq(int, uplink_pair_link_state(&pair), LINK_STATE_CARRIES));
	uplink_pair_set_state(&pair, UPLINK_RESTING, "refused", 1);
	cr_expect(eq(int, uplink_pair_link_state(&pair), LINK_STATE_REFUSED));
}

Test(uplink_pair, has_a_port_while_it_is_open)
{
	struct endpoint from = {.sa.sa_family = AF_INET};

	prepare(AF_INET, NULL);
	cr_assert(eq(int, uplink_pair_open(&pair, 0), 0));
	endpoint_set_port(&from, endpoint_port(&sockets.bound));
	cr_expect(uplink_pair_has_port(&pair, &from));
	from.sa.sa_family = AF_INET6;
	cr_expect(not(uplink_pair_has_port(&pair, &from)), "another family");
	from.sa.sa_family = AF_INET;
	endpoint_set_port(&from, (uint16_t)(endpoint_port(&from) ^ 1));
	cr_expect(not(uplink_pair_has_port(&pair, &from)), "another port");
	endpoint_set_port(&from, endpoint_port(&sockets.bound));
	link_close(&sockets);
	cr_expect(not(uplink_pair_has_port(&pair, &from)));
}
