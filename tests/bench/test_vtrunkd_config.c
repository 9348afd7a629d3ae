/* SPDX-License-Identifier: MIT */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdlib.h>

#include "bench/vtrunkd_config.h"

static json_t *config_of(enum side side, unsigned links, const json_t *settings)
{
	char *text = vtrunkd_config_text(&(struct vtrunkd_config){
		.side = side,
		.links = links,
		.interface = "vb1",
		.address = "10.99.0.1",
		.private_key = "PRIVATE",
		.peer_public_key = "PUBLIC",
		.settings = settings,
	});
	json_t *config = text ? json_loads(text, 0, NULL) : NULL;

	free(text);
	cr_assert(config != NULL);
	return config;
}

static const char *link_text(json_t *config, size_t i, const char *key)
{
	json_t *links = json_object_get(json_object_get(config, "wireguard"), "links");

	return json_string_value(json_object_get(json_array_get(links, i), key));
}

Test(vtrunkd_config, only_the_client_knows_where_its_peer_is)
{
	json_t *none = json_object();
	json_t *client = config_of(CLIENT, 2, none), *server = config_of(SERVER, 2, none);

	cr_expect(eq(str, (char *)link_text(client, 0, "bind"), "10.77.1.1"));
	cr_expect(eq(str, (char *)link_text(client, 0, "endpoint"), "10.77.1.2:51820"));
	cr_expect(eq(str, (char *)link_text(client, 1, "endpoint"), "10.77.2.2:51820"));
	cr_expect(eq(ptr, (void *)link_text(client, 2, "name"), NULL));
	cr_expect(eq(str, (char *)link_text(server, 1, "bind"), "10.77.2.2:51820"));
	cr_expect(eq(ptr, (void *)link_text(server, 1, "endpoint"), NULL));
	json_decref(client);
	json_decref(server);
	json_decref(none);
}

Test(vtrunkd_config, settings_come_last_and_leave_the_rest_of_a_section)
{
	json_t *settings = json_pack("{s:{s:i}, s:{s:s}}", "dataplane", "workers", 4, "wireguard",
	                             "bonding_mode", "redundant");
	json_t *config = config_of(CLIENT, 1, settings);
	const char *mode, *key, *address;
	int workers, mtu;

	cr_assert(eq(int,
	             json_unpack(config, "{s:{s:s, s:s}, s:{s:i}, s:{s:i, s:[s]}}", "wireguard",
	                         "bonding_mode", &mode, "private_key", &key, "dataplane", "workers",
	                         &workers, "network", "mtu", &mtu, "addresses", &address),
	             0));
	cr_expect(eq(str, (char *)mode, "redundant"));
	cr_expect(eq(str, (char *)key, "PRIVATE"));
	cr_expect(eq(str, (char *)address, "10.99.0.1/24"));
	cr_expect(eq(int, workers, 4));
	cr_expect(eq(int, mtu, TUNNEL_MTU));
	json_decref(config);
	json_decref(settings);
}
