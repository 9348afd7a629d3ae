/* SPDX-License-Identifier: MIT */
#include "config/desired.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/secret.h"

static void peer_fini(struct desired_peer *peer)
{
	for (size_t i = 0; i < peer->endpoint_count; i++)
		free(peer->endpoints[i].address);
	free(peer->endpoints);
	free(peer->allowed_ips);
	secret_free(peer->preshared_key);
}

static int copy_endpoints(struct desired_peer *copy, const struct desired_peer *peer)
{
	if (!peer->endpoint_count)
		return 0;
	copy->endpoints = calloc(peer->endpoint_count, sizeof *copy->endpoints);
	if (!copy->endpoints)
		return -ENOMEM;
	for (size_t i = 0; i < peer->endpoint_count; i++) {
		copy->endpoints[i].link = peer->endpoints[i].link;
		copy->endpoints[i].address = strdup(peer->endpoints[i].address);
		if (!copy->endpoints[i].address)
			return -ENOMEM;
		copy->endpoint_count++;
	}
	return 0;
}

static int copy_allowed_ips(struct desired_peer *copy, const struct desired_peer *peer)
{
	if (!peer->allowed_ip_count)
		return 0;
	copy->allowed_ips = calloc(peer->allowed_ip_count, sizeof *copy->allowed_ips);
	if (!copy->allowed_ips)
		return -ENOMEM;
	memcpy(copy->allowed_ips, peer->allowed_ips,
	       peer->allowed_ip_count * sizeof *copy->allowed_ips);
	copy->allowed_ip_count = peer->allowed_ip_count;
	return 0;
}

struct desired_peer *desired_peer_copy(const struct desired_peer *peer)
{
	struct desired_peer *copy = malloc(sizeof *copy);

	if (!copy)
		return NULL;
	*copy = *peer;
	copy->preshared_key = NULL;
	copy->allowed_ips = NULL;
	copy->endpoints = NULL;
	copy->allowed_ip_count = copy->endpoint_count = 0;
	if (copy_allowed_ips(copy, peer) || copy_endpoints(copy, peer)) {
		desired_peer_free(copy);
		return NULL;
	}
	return copy;
}

void desired_peer_free(struct desired_peer *copy)
{
	if (copy)
		peer_fini(copy);
	free(copy);
}

const char *desired_endpoint_link(const struct desired *desired,
                                  const struct desired_endpoint *endpoint)
{
	return endpoint->link < 0 ? "" : desired->links[endpoint->link].name;
}

int desired_set_run_dir(struct desired *config, const char *run_dir)
{
	char *copy = strdup(run_dir);

	if (!copy)
		return -ENOMEM;
	free(config->run_dir);
	config->run_dir = copy;
	return 0;
}

void desired_free(struct desired *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->link_count; i++) {
		free(config->links[i].endpoint);
		free(config->links[i].device);
	}
	for (size_t i = 0; i < config->peer_count; i++)
		peer_fini(&config->peers[i]);
	free(config->links);
	free(config->peers);
	free(config->addresses);
	secret_free(config->private_key);
	free(config->run_dir);
	free(config->path);
	free(config);
}
