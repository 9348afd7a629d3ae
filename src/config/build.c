/* SPDX-License-Identifier: MIT */
#include "config/build.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/key_text.h"
#include "config/build_classes.h"
#include "config/value.h"
#include "crypto/aead.h"

#define ERROR_BACKOFF_DEFAULT_S    5u
#define HEALTH_INTERVAL_DEFAULT_MS 1000u
#define HEALTH_TIMEOUT_DEFAULT_MS  5000u
#define KBPS_PER_MBPS              1000u
#define INTERVALS_PER_TIMEOUT      5u /* the defaults' proportion */

static void use_default_u64(uint64_t *value, uint64_t by_default)
{
	if (!*value)
		*value = by_default;
}

static int build_network(struct desired *config, const struct raw_network *raw)
{
	unsigned count = raw->address ? 1 : raw->addresses_count;

	config->mtu = raw->mtu ? raw->mtu : CONFIG_MTU_DEFAULT;
	config->buffer_size =
		raw->buffer_size ? raw->buffer_size : config->mtu + CONFIG_TUNNEL_OVERHEAD;
	config->routes_auto = raw->routes != 2;
	if (raw->interface)
		snprintf(config->interface, sizeof config->interface, "%s", raw->interface);
	if (raw->destination && prefix_parse(raw->destination, &config->destination))
		return -EINVAL;
	if (!count)
		return 0;

	config->addresses = calloc(count, sizeof *config->addresses);
	if (!config->addresses)
		return -ENOMEM;
	for (; config->address_count < count; config->address_count++)
		if (prefix_parse(raw->address ? raw->address
		                              : raw->addresses[config->address_count],
		                 &config->addresses[config->address_count]))
			return -EINVAL;
	if (raw->netmask)
		config->addresses[0].len =
			(uint8_t)config_netmask_len(raw->netmask, config->addresses[0].family);
	return 0;
}

static int copy_string(const char *text, char **ret)
{
	if (!text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int build_link(struct desired_link *link, const struct raw_link *raw, size_t index)
{
	if (raw->name)
		snprintf(link->name, sizeof link->name, "%s", raw->name);
	else
		snprintf(link->name, sizeof link->name, "link-%zu", index);
	link->weight = raw->weight ? raw->weight : 1;
	link->role = raw->role ? (enum link_role)(raw->role - 1) : LINK_ROLE_PRIMARY;
	link->limits.up_kbps = raw->rate_limit_mbps.up * KBPS_PER_MBPS;
	link->limits.down_kbps = raw->rate_limit_mbps.down * KBPS_PER_MBPS;
	link->has_fwmark = raw->fwmark;
	link->fwmark = raw->fwmark ? *raw->fwmark : 0;
	if (raw->bind && config_bind_parse(raw->bind, &link->bind))
		return -EINVAL;

	int err = copy_string(raw->endpoint, &link->endpoint);
	link->any_device = raw->device && !strcmp(raw->device, CONFIG_ANY_DEVICE);
	return err || link->any_device ? err : copy_string(raw->device, &link->device);
}

/* As wg's ListenPort does, unless another link has the port for IPv4. */
static bool takes_both(const struct desired *config, const struct desired_link *link)
{
	if (!config_bind_is_any_ipv6(&link->bind))
		return false;
	for (size_t i = 0; i < config->link_count; i++)
		if (config_bind_has_ipv4_of(&config->links[i].bind, &link->bind))
			return false;
	return true;
}

static int build_links(struct desired *config, const struct raw_wireguard *raw)
{
	config->links = calloc(raw->links_count, sizeof *config->links);
	if (!config->links)
		return -ENOMEM;
	config->link_count = raw->links_count;
	for (size_t i = 0; i < config->link_count; i++) {
		int err = build_link(&config->links[i], &raw->links[i], i);

		if (err)
			return err;
	}
	if (raw->listen_port && !raw->links[0].bind) {
		config->links[0].bind = (struct endpoint){.in6.sin6_family = AF_INET6};
		endpoint_set_port(&config->links[0].bind, raw->listen_port);
	}
	for (size_t i = 0; i < config->link_count; i++)
		config->links[i].both_families = takes_both(config, &config->links[i]);
	return 0;
}

/* Secret @number, 0 for none, leaves @secrets for *@ret. */
static void take_secret(struct config_secrets *secrets, uint32_t number, uint8_t **ret)
{
	if (!number)
		return;
	*ret = secrets->keys[number - 1];
	secrets->keys[number - 1] = NULL;
}

static int add_endpoint(struct desired_peer *peer, int link, const char *address)
{
	struct desired_endpoint *endpoint = &peer->endpoints[peer->endpoint_count];

	endpoint->link = link;
	endpoint->address = strdup(address);
	if (!endpoint->address)
		return -ENOMEM;
	peer->endpoint_count++;
	return 0;
}

/* The peer of the keys that stand in wireguard itself. */
static int build_single_peer(struct desired *config, const struct raw_wireguard *raw,
                             struct config_secrets *secrets)
{
	static const struct prefix everything[] = {{.family = AF_INET}, {.family = AF_INET6}};
	struct desired_peer *peer = &config->peers[0];

	config->allows_everything = true;
	strcpy(peer->name, "peer");
	peer->persistent_keepalive = raw->persistent_keepalive;
	take_secret(secrets, raw->preshared_key, &peer->preshared_key);
	peer->has_preshared_key = peer->preshared_key;
	if (key_from_base64(peer->public_key, raw->peer_public_key))
		return -EINVAL;

	peer->allowed_ips = malloc(sizeof everything);
	peer->endpoints = calloc(config->link_count, sizeof *peer->endpoints);
	if (!peer->allowed_ips || !peer->endpoints)
		return -ENOMEM;
	memcpy(peer->allowed_ips, everything, sizeof everything);
	peer->allowed_ip_count = sizeof everything / sizeof everything[0];
	for (size_t i = 0; i < config->link_count; i++) {
		const char *address = config->links[i].endpoint;

		if (address && add_endpoint(peer, (int)i, address))
			return -ENOMEM;
	}
	return 0;
}

static int find_link(const struct desired *config, const char *name)
{
	for (size_t i = 0; i < config->link_count; i++)
		if (!strcmp(config->links[i].name, name))
			return (int)i;
	return -1;
}

static int build_allowed_ips(struct desired_peer *peer, const struct raw_peer *raw)
{
	peer->allowed_ips = calloc(raw->allowed_ips_count, sizeof *peer->allowed_ips);
	if (!peer->allowed_ips)
		return -ENOMEM;
	for (; peer->allowed_ip_count < raw->allowed_ips_count; peer->allowed_ip_count++) {
		struct prefix *prefix = &peer->allowed_ips[peer->allowed_ip_count];

		if (prefix_parse(raw->allowed_ips[peer->allowed_ip_count], prefix))
			return -EINVAL;
		prefix_mask(prefix);
	}
	return 0;
}

static int build_endpoints(const struct desired *config, struct desired_peer *peer,
                           const struct raw_peer *raw)
{
	if (!raw->endpoints_count)
		return 0;
	peer->endpoints = calloc(raw->endpoints_count, sizeof *peer->endpoints);
	if (!peer->endpoints)
		return -ENOMEM;
	for (size_t i = 0; i < raw->endpoints_count; i++) {
		const struct raw_endpoint *endpoint = &raw->endpoints[i];
		int link = endpoint->link ? find_link(config, endpoint->link) : -1;

		if (add_endpoint(peer, link, endpoint->address))
			return -ENOMEM;
	}
	return 0;
}

static int build_peer(struct desired *config, size_t index, const struct raw_peer *raw,
                      struct config_secrets *secrets)
{
	struct desired_peer *peer = &config->peers[index];

	if (raw->name)
		snprintf(peer->name, sizeof peer->name, "%s", raw->name);
	else
		snprintf(peer->name, sizeof peer->name, "peer-%zu", index + 1);
	if (raw->bonding_mode)
		peer->mode = (enum bonding_mode)(raw->bonding_mode - 1);
	peer->persistent_keepalive = raw->persistent_keepalive;
	take_secret(secrets, raw->preshared_key, &peer->preshared_key);
	peer->has_preshared_key = peer->preshared_key;
	if (key_from_base64(peer->public_key, raw->public_key))
		return -EINVAL;

	int err = build_allowed_ips(peer, raw);
	return err ? err : build_endpoints(config, peer, raw);
}

static int build_peers(struct desired *config, const struct raw_wireguard *raw,
                       struct config_secrets *secrets)
{
	size_t count = raw->peers_count ? raw->peers_count : 1;
	int err = 0;

	config->peers = calloc(count, sizeof *config->peers);
	if (!config->peers)
		return -ENOMEM;
	config->peer_count = count;
	for (size_t i = 0; i < count; i++)
		if (raw->bonding_mode)
			config->peers[i].mode = (enum bonding_mode)(raw->bonding_mode - 1);
	if (!raw->peers_count)
		return build_single_peer(config, raw, secrets);
	for (size_t i = 0; i < count && !err; i++)
		err = build_peer(config, i, &raw->peers[i], secrets);
	return err;
}

/* When one of the two is given and the other's default would contradict it, the other follows in
 * the proportion of the defaults: files that give only one keep working.
 */
static void build_health(struct desired *config, const struct raw_wireguard *raw)
{
	uint64_t interval_ms = raw->health_check_interval_ms;
	uint64_t timeout_ms = raw->health_check_timeout_ms;

	if (!interval_ms && timeout_ms && timeout_ms <= HEALTH_INTERVAL_DEFAULT_MS)
		interval_ms = (timeout_ms + INTERVALS_PER_TIMEOUT - 1) / INTERVALS_PER_TIMEOUT;
	use_default_u64(&interval_ms, HEALTH_INTERVAL_DEFAULT_MS);
	if (!timeout_ms && interval_ms >= HEALTH_TIMEOUT_DEFAULT_MS)
		timeout_ms = interval_ms * INTERVALS_PER_TIMEOUT;
	use_default_u64(&timeout_ms, HEALTH_TIMEOUT_DEFAULT_MS);
	config->health_interval_ns = interval_ms * NS_PER_MS;
	config->health_timeout_ns = timeout_ms * NS_PER_MS;
}

static int build_wireguard(struct desired *config, const struct raw_wireguard *raw,
                           struct config_secrets *secrets)
{
	uint64_t backoff_s = raw->error_backoff_secs;

	use_default_u64(&backoff_s, ERROR_BACKOFF_DEFAULT_S);
	config->error_backoff_ns = backoff_s * NS_PER_S;
	if (raw->bonding)
		config->bonding = (enum bonding_policy)(raw->bonding - 1);
	build_health(config, raw);
	take_secret(secrets, raw->private_key ? raw->private_key : raw->private_key_file,
	            &config->private_key);
	dh_clamp(config->private_key);

	int err = build_links(config, raw);
	if (!err)
		err = desired_build_classes(config, raw);
	return err ? err : build_peers(config, raw, secrets);
}

static void build_cpus(struct desired_cpus *cpus, const uint16_t *list, unsigned count)
{
	assert(count <= CONFIG_CPUS_MAX);
	cpus->count = count;
	if (count)
		memcpy(cpus->cpu, list, count * sizeof *list);
}

static void build_dataplane(struct desired *config, const struct raw_dataplane *raw)
{
	const struct raw_cpus *cpus = &raw->cpus;

	if (raw->workers) /* "auto" is no number and gives 0 */
		config->workers = (unsigned)strtoul(raw->workers, NULL, 10);
	build_cpus(&config->cpus_control, cpus->control, cpus->control_count);
	build_cpus(&config->cpus_tun, cpus->tun, cpus->tun_count);
	build_cpus(&config->cpus_rx, cpus->rx, cpus->rx_count);
	build_cpus(&config->cpus_workers, cpus->workers, cpus->workers_count);
	config->crypto = raw->crypto ? (enum cipher_library)(raw->crypto - 1) : CIPHER_AUTO;
	config->busy_poll_us = raw->busy_poll_us;
	config->has_offloads = raw->offloads != 2;
}

int desired_build(struct desired *config, const char *path, const struct raw_config *raw,
                  struct config_secrets *secrets)
{
	int err = copy_string(path, &config->path);

	config->log_level =
		raw->logging.level ? (enum log_level)(raw->logging.level - 1) : LOG_LEVEL_INFO;
	config->log_format =
		raw->logging.format ? (enum log_format)(raw->logging.format - 1) : LOG_FORMAT_AUTO;
	build_dataplane(config, &raw->dataplane);
	if (!err && raw->control.run_dir)
		err = copy_string(raw->control.run_dir, &config->run_dir);
	if (!err)
		err = build_network(config, &raw->network);
	return err ? err : build_wireguard(config, &raw->wireguard, secrets);
}
