/* SPDX-License-Identifier: MIT */
#include "config/desired.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "crypto/secret.h"

static void peer_fini(struct desired_peer *peer)
{
	for (size_t i = 0; i < peer->endpoint_count; i++)
		free(peer->endpoints[i].address);
	free(peer->endpoints);
	free(peer->allowed_ips);
	secret_free(peer->preshared_key);
}

const char *desired_endpoint_link(const struct desired *desired,
                                  const struct desired_endpoint *endpoint)
{
	return endpoint->link < 0 ? "" : desired->links[endpoint->link].name;
}

enum traffic_treatment desired_treatment_of(const char *text)
{
	if (!strcasecmp(text, "fastest"))
		return TREAT_FASTEST;
	if (!strcasecmp(text, "duplicate"))
		return TREAT_DUPLICATE;
	return strcasecmp(text, "balanced") ? TREAT_LINK : TREAT_BALANCED;
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
	free(config->classes);
	free(config->addresses);
	secret_free(config->private_key);
	free(config->run_dir);
	free(config->path);
	free(config);
}
