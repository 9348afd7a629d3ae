/* SPDX-License-Identifier: MIT */
/* Two links of a configuration over loopback, with an engine whose threads read their data. */
#include "control/links.h"

#include "dataplane/statistics.h"
#include <errno.h>
#include <sched.h>

#include "links_rig.h"
#include "peer_rig.h"

static struct desired_link links[2];
static struct desired_peer config_peer;
static struct desired config = {
	.links = links, .link_count = 2, .peers = &config_peer, .error_backoff_ns = 5 * NS_PER_S};
static struct control control;
static struct noise_identity identity;

static void setup(void)
{
	struct engine_settings set = {
		.tun = {.queues = 1}, .mtu = 1420, .workers = 1, .cipher = CIPHER_SODIUM};

	log_set_level(LOG_LEVEL_ERROR);
	cr_assert(eq(int, crypto_init(), 0));
	rcu_register_thread();
	cr_assert(eq(int, loop_init(&control.loop), 0));
	cr_assert(eq(int, deadline_reserve(&control.loop.deadlines, 16), 0));
	cr_assert(eq(int, engine_create(&set, &control.engine), 0));
	control_make_effects(&control);
	control.messages.fx = &control.effects.fx;
	cr_assert(eq(int, gate_create(control.engine, &identity, &control.gate), 0));
	strcpy(links[0].name, "dsl");
	strcpy(links[1].name, "lte");
}

static void teardown(void)
{
	gate_destroy(control.gate);
	engine_stop(control.engine);
	engine_destroy(control.engine);
	loop_fini(&control.loop);
	rcu_barrier();
	rcu_unregister_thread();
}

TestSuite(links, .init = setup, .fini = teardown);

static struct link *sockets(unsigned link, int family)
{
	return control.uplinks.uplink[link].pair[family == AF_INET6].link;
}

static void open_links(void)
{
	make_links(&control, &config);
	cr_assert(eq(int, links_open(&control.links, control.loop.now_ns), 0));
}

Test(links, settings_are_copied)
{
	const struct uplink *lte = &control.uplinks.uplink[1];
	char device[] = "wwan0";

	links[1].device = device;
	links[1].weight = 7;
	links[1].has_fwmark = true;
	links[1].fwmark = 9;
	config.cpus_rx.count = 2;
	config.cpus_rx.cpu[1] = 5;
	make_links(&control, &config);
	memset(device, 0, sizeof device);
	memset(links, 0, sizeof links);
	cr_expect(eq(uint, control.uplinks.count, 2));
	cr_expect(eq(str, (char *)lte->name, "lte"));
	cr_expect(eq(str, (char *)lte->line.device, "wwan0"));
	cr_expect(eq(u32, lte->wishes.weight, 7));
	cr_expect(lte->line.has_fwmark);
	cr_expect(eq(u32, lte->line.fwmark, 9));
	cr_expect(eq(int, lte->rx_cpu, 5));
}

Test(links, that_is_meant_for_nothing_waits_over_ipv4)
{
	open_links();
	for (unsigned i = 0; i < 2; i++) {
		cr_expect(sockets(i, AF_INET)->is_open);
		cr_expect(not(sockets(i, AF_INET6)->is_open));
	}
}

static void ignore(struct deadline *d, uint64_t now_ns)
{
	(void)d, (void)now_ns;
}

Test(links, numeric_endpoint_names_the_family_of_its_link)
{
	static char address[] = "[::1]:51820";

	static const struct desired_endpoint endpoint = {.link = 1, .address = address};
	static struct peer peer = {.conduct = peer_conduct, .deadline.expired = ignore};
	static struct peer *peers[] = {&peer};

	cr_assert(eq(int, endpoints_init(&peer.endpoints, &endpoint, 1), 0));
	control.peers.at = peers;
	control.peers.count = 1;
	open_links();
	cr_expect(sockets(0, AF_INET)->is_open);
	cr_expect(not(sockets(1, AF_INET)->is_open));
	cr_expect(sockets(1, AF_INET6)->is_open);
	endpoints_fini(&peer.endpoints);
}

Test(links, handshake_socket_is_read_by_the_gate)
{
	static const uint8_t message[] = {1, 0, 0, 0}; /* of an initiation, too short */
	uint64_t end_ns = clock_boot_ns() + 10 * NS_PER_S;
	struct endpoint from, to;
	struct link_message m;
	int fd = rig_socket(&from);

	open_links();
	cr_assert(eq(int, gate_start(control.gate), 0));
	cr_assert(eq(int, endpoint_parse("127.0.0.1:1", 0, &to), 0));
	endpoint_set_port(&to, endpoint_port(&sockets(0, AF_INET)->bound));
	cr_assert(eq(long, sendto(fd, message, sizeof message, 0, &to.sa, endpoint_len(&to)), 4));
	while (!engine_drops(control.engine, DROP_MALFORMED)) {
		cr_assert(lt(u64, clock_boot_ns(), end_ns), "nothing was read");
		sched_yield();
	}
	gate_destroy(control.gate);
	control.gate = NULL;
	cr_expect(eq(u64, engine_drops(control.engine, DROP_MALFORMED), 1));
	cr_expect(eq(int, link_receive_handshakes(sockets(0, AF_INET), &m), -EAGAIN));
	close(fd);
}
