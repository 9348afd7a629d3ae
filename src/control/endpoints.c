/* SPDX-License-Identifier: MIT */
#include "control/endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int endpoints_init(struct endpoints *endpoints, const struct desired_endpoint *wanted, size_t count)
{
	*endpoints = (struct endpoints){0};
	if (endpoints_reserve(endpoints, count))
		return -ENOMEM;
	for (size_t e = 0; e < count; e++)
		endpoints_add(endpoints, wanted[e].address, wanted[e].link);
	return 0;
}

void endpoints_fini(struct endpoints *endpoints)
{
	free(endpoints->known);
	*endpoints = (struct endpoints){0};
}

int endpoints_reserve(struct endpoints *endpoints, size_t count)
{
	struct known_endpoint *grown;

	if (count <= endpoints->room)
		return 0;
	grown = reallocarray(endpoints->known, count, sizeof *grown);
	if (!grown)
		return -ENOMEM;
	endpoints->known = grown;
	endpoints->room = (unsigned)count;
	return 0;
}

void endpoints_add(struct endpoints *endpoints, const char *text, int link)
{
	struct known_endpoint *known = &endpoints->known[endpoints->count++];

	*known = (struct known_endpoint){.number = endpoints->next_number++, .link = link};
	snprintf(known->text, sizeof known->text, "%s", text);
}

void endpoints_remove(struct endpoints *endpoints, unsigned e)
{
	endpoints->count--;
	memmove(&endpoints->known[e], &endpoints->known[e + 1],
	        (endpoints->count - e) * sizeof *endpoints->known);
}

int endpoints_find(const struct endpoints *endpoints, const char *text, int link)
{
	for (unsigned e = 0; e < endpoints->count; e++) {
		const struct known_endpoint *known = &endpoints->known[e];

		if (known->link == link && !strcmp(known->text, text))
			return (int)e;
	}
	return -1;
}

int endpoints_find_number(const struct endpoints *endpoints, uint32_t number)
{
	for (unsigned e = 0; e < endpoints->count; e++)
		if (endpoints->known[e].number == number)
			return (int)e;
	return -1;
}

unsigned endpoints_addresses(const struct endpoints *endpoints, int e)
{
	return e < 0 || (unsigned)e >= endpoints->count ? 0 : endpoints->known[e].count;
}

bool endpoints_is_for(const struct endpoints *endpoints, unsigned e, unsigned uplink)
{
	int link = endpoints->known[e].link;

	return link < 0 || (unsigned)link == uplink;
}

bool endpoints_families(const struct endpoints *endpoints, unsigned uplink, bool ret[LINK_FAMILIES])
{
	bool is_any = false;

	for (unsigned e = 0; e < endpoints->count; e++) {
		struct endpoint address;

		if (!endpoints_is_for(endpoints, e, uplink))
			continue;
		is_any = true;
		if (endpoint_parse(endpoints->known[e].text, 0, &address) == 0)
			ret[endpoint_family(&address) == AF_INET6] = true;
	}
	return is_any;
}

/* ---- which address ---- */

/* The place of its path over that link, or ENDPOINT_NEW_PATH. */
static int place_of(const struct endpoint_facts *facts, unsigned e, unsigned uplink)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct endpoint_path *path = &facts->path[i];

		if (path->route && path->endpoint == (int)e &&
		    uplink_id_of(path->route->link) == uplink)
			return (int)i;
	}
	return ENDPOINT_NEW_PATH;
}

/* The path that goes this way, or NULL. */
static const struct endpoint_path *path_to(const struct endpoint_facts *facts,
                                           const struct route *route)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct endpoint_path *path = &facts->path[i];

		if (path->route && route_is_same_way(path->route, route))
			return path;
	}
	return NULL;
}

/* Its place among the addresses, or known->count. */
static unsigned index_of(const struct known_endpoint *known, const struct endpoint *address)
{
	unsigned i = 0;

	while (i < known->count && !endpoint_equal(&known->address[i], address))
		i++;
	return i;
}

bool endpoints_has_address(const struct endpoints *endpoints, unsigned e,
                           const struct endpoint *address)
{
	const struct known_endpoint *known = &endpoints->known[e];

	return index_of(known, address) < known->count;
}

/* Whether @path, NULL for a new one, may lead to @address: no other path goes the same way. */
static bool is_free(const struct endpoint_facts *facts, const struct endpoint_path *path,
                    unsigned e, const struct uplink *uplink, const struct endpoint *address)
{
	struct route route = {.link = uplink->pair[endpoint_family(address) == AF_INET6].link,
	                      .remote = *address};
	const struct endpoint_path *other = path_to(facts, &route);

	if (!other || other == path)
		return true;
	return !path && (other->endpoint < 0 || other->endpoint == (int)e);
}

static bool stays(const struct known_endpoint *known, const struct endpoint_path *path,
                  const struct uplink *uplink)
{
	if (!path->has_target)
		return false;
	return path->is_answered ||
	       (index_of(known, &path->route->remote) < known->count &&
	        (known->count == 1 || uplink_can_reach(uplink, &path->route->remote)));
}

/* The first that the link can reach, else the first that it may have sockets for: a device or a
 * route may still come. NULL: none.
 */
static const struct endpoint *first_address(const struct endpoints *endpoints, unsigned e,
                                            const struct endpoint_path *path,
                                            const struct uplink *uplink,
                                            const struct endpoint_facts *facts)
{
	const struct known_endpoint *known = &endpoints->known[e];
	const struct endpoint *fallback = NULL;

	for (unsigned i = 0; i < known->count; i++) {
		const struct endpoint *address = &known->address[i];

		if (!uplink_allows(uplink, endpoint_family(address)) ||
		    !is_free(facts, path, e, uplink, address))
			continue;
		if (known->count == 1 || uplink_can_reach(uplink, address))
			return address;
		if (!fallback)
			fallback = address;
	}
	return fallback;
}

const struct endpoint *endpoints_choose(const struct endpoints *endpoints, unsigned e,
                                        const struct uplink *uplink,
                                        const struct endpoint_facts *facts, int *ret_place)
{
	int place = place_of(facts, e, uplink->id);
	const struct endpoint_path *path = place < 0 ? NULL : &facts->path[place];

	if (!endpoints_is_for(endpoints, e, uplink->id) ||
	    (path && stays(&endpoints->known[e], path, uplink)))
		return NULL;
	*ret_place = place;
	return first_address(endpoints, e, path, uplink, facts);
}

const struct endpoint *endpoints_next(const struct endpoints *endpoints, unsigned place,
                                      const struct uplink *uplink,
                                      const struct endpoint_facts *facts)
{
	const struct endpoint_path *path = &facts->path[place];
	const struct known_endpoint *known;
	unsigned at;

	if (path->endpoint < 0)
		return NULL;
	known = &endpoints->known[path->endpoint];
	at = index_of(known, &path->route->remote);
	for (unsigned i = 1; i <= known->count; i++) {
		const struct endpoint *address = &known->address[(at + i) % known->count];

		if (uplink_allows(uplink, endpoint_family(address)) &&
		    !endpoint_equal(address, &path->route->remote) &&
		    is_free(facts, path, (unsigned)path->endpoint, uplink, address) &&
		    uplink_can_reach(uplink, address))
			return address;
	}
	return NULL;
}

uint64_t endpoints_leave_at(const struct endpoints *endpoints, int e,
                            const struct path_health *health, uint64_t timeout_ns)
{
	if (endpoints_addresses(endpoints, e) < 2 || health_carries_data(health) ||
	    health_answers(health))
		return NEVER_NS;
	return health->state == PATH_UNPROVEN ? health->since_ns + timeout_ns : 0;
}

/* ---- names ---- */

/* Whether it may be that the endpoint is elsewhere by now. A link that is away says nothing of it.
 */
static bool is_in_doubt(const struct endpoints *endpoints, unsigned e,
                        const struct uplinks *uplinks, const struct endpoint_facts *facts)
{
	if (facts->is_at_one_place)
		return facts->is_silent;
	for (unsigned i = 0; i < uplinks->count; i++) {
		int place;

		if (!uplinks->uplink[i].is_used || !endpoints_is_for(endpoints, e, i))
			continue;
		place = place_of(facts, e, i);
		if (place < 0 || (facts->path[place].can_leave && !facts->path[place].is_answered))
			return true;
	}
	return false;
}

uint64_t endpoints_ask_at(const struct endpoints *endpoints, unsigned e,
                          const struct uplinks *uplinks, const struct endpoint_facts *facts)
{
	const struct known_endpoint *known = &endpoints->known[e];

	if (known->is_asked)
		return NEVER_NS;
	if (!known->asked_ns)
		return 0;
	if (!known->count)
		return known->asked_ns + ENDPOINT_ASK_SOON_NS;
	return is_in_doubt(endpoints, e, uplinks, facts) ? known->asked_ns + ENDPOINT_ASK_AGAIN_NS
	                                                 : NEVER_NS;
}

enum endpoints_asked endpoints_ask(struct endpoints *endpoints, unsigned e, uint64_t now_ns,
                                   struct endpoint_question *ret)
{
	struct known_endpoint *known = &endpoints->known[e];
	struct resolve_answer itself = {.count = 1};

	known->asked_ns = now_ns;
	if (endpoint_parse(known->text, 0, &itself.endpoints[0]) == 0) {
		endpoints_take(endpoints, e, &itself);
		return ENDPOINTS_KNOWN;
	}
	known->is_asked = endpoint_split(known->text, ret->host, sizeof ret->host, &ret->port) == 0;
	return known->is_asked ? ENDPOINTS_LOOK_UP : ENDPOINTS_NO_NAME;
}

void endpoints_not_asked(struct endpoints *endpoints, unsigned e)
{
	endpoints->known[e].is_asked = false;
}

static enum endpoints_learnt fail(struct known_endpoint *known)
{
	bool is_first = !known->has_failed;

	known->has_failed = true;
	if (!is_first)
		return ENDPOINTS_FAILED_AGAIN;
	return known->count ? ENDPOINTS_KEPT : ENDPOINTS_FAILED;
}

enum endpoints_learnt endpoints_take(struct endpoints *endpoints, unsigned e,
                                     const struct resolve_answer *answer)
{
	struct known_endpoint *known = &endpoints->known[e];

	known->is_asked = false;
	if (answer->error)
		return fail(known);
	known->has_failed = false;
	known->count = answer->count;
	memcpy(known->address, answer->endpoints, answer->count * sizeof answer->endpoints[0]);
	return ENDPOINTS_LEARNT;
}
