/* SPDX-License-Identifier: MIT */
#include "control/endpoints.h"

#include "control/control.h"

/* A host name that could not be resolved is asked for again after this. */
#define RESOLVE_RETRY_NS (5 * NS_PER_S)

/* Endpoint @e of @peer has the addresses of @answer: the first that fits goes to each link it is
 * meant for.
 */
static void place_endpoint(struct peer *peer, unsigned e, const struct resolve_answer *answer,
                           uint64_t now_ns)
{
	const struct config_peer_endpoint *config = &peer->config->endpoints[e];
	struct control *control = peer->control;

	for (unsigned i = 0; i < control->uplink_count; i++) {
		struct uplink *uplink = &control->uplink[i];
		const struct endpoint *fit = NULL;
		struct route route = {.link = uplink->link};
		struct path *path = NULL;

		if (config->link >= 0 && (unsigned)config->link != i)
			continue;
		if (uplink->family == AF_UNSPEC) {
			uplink->family = endpoint_family(&answer->endpoints[0]);
			uplink_open(uplink, now_ns);
		}
		for (unsigned k = 0; k < answer->count && !fit; k++) {
			if (endpoint_family(&answer->endpoints[k]) == uplink->family)
				fit = &answer->endpoints[k];
		}
		if (!fit)
			continue;
		route.remote = *fit;
		for (unsigned k = 0; k < PATHS_MAX && !path; k++) {
			if (peer->path[k].is_used && peer->path[k].endpoint == (int)e &&
			    peer->path[k].uplink == uplink)
				path = &peer->path[k];
		}
		if (!path)
			path = path_add(peer, uplink, &route, (int)e, now_ns);
		if (path)
			path_set_route(peer, path, &route, now_ns);
	}
}

void endpoints_answered(struct control *control, const struct resolve_answer *answer, uint64_t now_ns)
{
	struct peer *peer = control->peers[answer->id >> 32];
	unsigned e = (unsigned)(uint32_t)answer->id;

	if (answer->error) {
		log_warning("peer=%s: no address of %s, %s; asking again in 5 s", peer->name,
		            peer->config->endpoints[e].address, answer->text);
		peer->resolve_ns = now_ns + RESOLVE_RETRY_NS;
	} else {
		place_endpoint(peer, e, answer, now_ns);
		if (!session_is_alive(peer, now_ns) && !peer->next && !peer->handshake.is_pending)
			handshake_initiate(peer, false, now_ns);
	}
	peer_service(peer, now_ns);
}

void endpoints_ask(struct peer *peer)
{
	struct control *control = peer->control;
	char host[RESOLVE_HOST_LEN];
	uint64_t index = 0;
	uint16_t port;

	while (control->peers[index] != peer)
		index++;
	peer->resolve_ns = NEVER_NS;
	for (size_t e = 0; e < peer->config->endpoint_count; e++) {
		const char *address = peer->config->endpoints[e].address;
		struct resolve_answer answer = {.id = index << 32 | e, .count = 1};

		if (endpoint_parse(address, 0, &answer.endpoints[0]) == 0)
			endpoints_answered(control, &answer, control->loop.now_ns);
		else if (endpoint_split(address, host, sizeof host, &port) ||
		         resolve_request(control->resolver, answer.id, host, port))
			peer->resolve_ns = control->loop.now_ns + RESOLVE_RETRY_NS;
	}
}
