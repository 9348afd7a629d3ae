/* SPDX-License-Identifier: MIT */
/* Peers are found by their key and allowed IPs by their bytes in sorted arrays of pointers, so that
 * a gateway's thousands of peers take n log n. Links are few.
 */
#include "config/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/settings.h"

struct diff {
	const struct desired *from, *to;
	const struct desired_peer **old_peers, **new_peers; /* sorted by key */
	size_t old_count, new_count;
	struct change_list *list;
	size_t room;
	bool is_out_of_memory;
};

static void add(struct diff *d, struct change change)
{
	struct change_list *list = d->list;

	if (list->count == d->room) {
		size_t room = d->room ? d->room * 2 : 64;
		struct change *grown = reallocarray(list->changes, room, sizeof *grown);

		if (!grown) {
			d->is_out_of_memory = true;
			return;
		}
		list->changes = grown;
		d->room = room;
	}
	list->changes[list->count++] = change;
}

/* ---- who is who ---- */

static const struct desired_link *find_link(const struct desired *in, const char *name)
{
	for (size_t i = 0; in && i < in->link_count; i++)
		if (!strcmp(in->links[i].name, name))
			return &in->links[i];
	return NULL;
}

static int compare_keys(const void *a, const void *b)
{
	const struct desired_peer *const *x = a, *const *y = b;

	return memcmp((*x)->public_key, (*y)->public_key, KEY_LEN);
}

/* NULL without memory, and for no peers. */
static const struct desired_peer **sort_peers(const struct desired *in, size_t *ret_count)
{
	size_t count = in ? in->peer_count : 0;
	const struct desired_peer **sorted = count ? calloc(count, sizeof *sorted) : NULL;

	*ret_count = count;
	for (size_t i = 0; sorted && i < count; i++)
		sorted[i] = &in->peers[i];
	if (sorted)
		qsort(sorted, count, sizeof *sorted, compare_keys);
	return sorted;
}

static const struct desired_peer *find_peer(const struct desired_peer *peer,
                                            const struct desired_peer **sorted, size_t count)
{
	const struct desired_peer **found =
		count ? bsearch(&peer, sorted, count, sizeof *sorted, compare_keys) : NULL;

	return found ? *found : NULL;
}

/* ---- settings ---- */

static void compare_settings(struct diff *d)
{
	for (size_t i = 0; d->from && d->to && i < desired_setting_count; i++)
		if (!desired_settings[i].is_same(d->from, d->to))
			add(d, (struct change){CHANGE_SETTING, .setting = &desired_settings[i]});
}

/* ---- links ---- */

static bool binds_alike(const struct desired_link *a, const struct desired_link *b)
{
	int family = endpoint_family(&a->bind);

	if (family != endpoint_family(&b->bind) || a->both_families != b->both_families)
		return false;
	return family == AF_UNSPEC || endpoint_equal(&a->bind, &b->bind);
}

static bool has_same_device(const struct desired_link *a, const struct desired_link *b)
{
	if (a->any_device != b->any_device || !a->device != !b->device)
		return false;
	return !a->device || !strcmp(a->device, b->device);
}

static void compare_link(struct diff *d, const struct desired_link *from,
                         const struct desired_link *to)
{
	struct change change = {.old_link = from, .new_link = to};
	const bool differs[] = {
		!binds_alike(from, to),
		!has_same_device(from, to),
		from->has_fwmark != to->has_fwmark || from->fwmark != to->fwmark,
		from->weight != to->weight,
		from->role != to->role,
		from->limits.up_kbps != to->limits.up_kbps ||
			from->limits.down_kbps != to->limits.down_kbps,
	};

	for (unsigned i = 0; i < sizeof differs / sizeof differs[0]; i++) {
		change.kind = CHANGE_LINK_BIND + i; /* in the order of the enum */
		if (differs[i])
			add(d, change);
	}
}

static void remove_links(struct diff *d)
{
	for (size_t i = d->from ? d->from->link_count : 0; i; i--) {
		const struct desired_link *link = &d->from->links[i - 1];

		if (!find_link(d->to, link->name))
			add(d, (struct change){CHANGE_LINK_REMOVE, .old_link = link});
	}
}

static void add_links(struct diff *d)
{
	for (size_t i = 0; d->to && i < d->to->link_count; i++) {
		const struct desired_link *link = &d->to->links[i];
		const struct desired_link *old = find_link(d->from, link->name);

		if (old)
			compare_link(d, old, link);
		else
			add(d, (struct change){CHANGE_LINK_ADD, .new_link = link});
	}
}

/* ---- peers ---- */

static int compare_prefixes(const void *a, const void *b)
{
	const struct prefix *const *x = a, *const *y = b;

	if ((*x)->family != (*y)->family)
		return (*x)->family < (*y)->family ? -1 : 1;
	if ((*x)->len != (*y)->len)
		return (*x)->len < (*y)->len ? -1 : 1;
	return memcmp((*x)->addr, (*y)->addr, sizeof(*x)->addr);
}

/* Those of @peer that @other has not, as operations of @kind. */
static void list_allowed_ips(struct diff *d, const struct desired_peer *peer,
                             const struct desired_peer *other, struct change change)
{
	const struct prefix **sorted = calloc(other->allowed_ip_count + 1, sizeof *sorted);

	if (!sorted) {
		d->is_out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < other->allowed_ip_count; i++)
		sorted[i] = &other->allowed_ips[i];
	qsort(sorted, other->allowed_ip_count, sizeof *sorted, compare_prefixes);
	for (size_t i = 0; i < peer->allowed_ip_count; i++) {
		const struct prefix *ip = &peer->allowed_ips[i];

		change.allowed_ip = ip;
		if (!bsearch(&ip, sorted, other->allowed_ip_count, sizeof *sorted,
		             compare_prefixes))
			add(d, change);
	}
	free(sorted);
}

static bool has_endpoint(const struct desired *in, const struct desired_peer *peer,
                         const char *link, const char *address)
{
	for (size_t i = 0; i < peer->endpoint_count; i++)
		if (!strcmp(desired_endpoint_link(in, &peer->endpoints[i]), link) &&
		    !strcmp(peer->endpoints[i].address, address))
			return true;
	return false;
}

/* Those of @peer, of the state @in, that @other of @other_in has not. */
static void list_endpoints(struct diff *d, const struct desired *in,
                           const struct desired_peer *peer, const struct desired *other_in,
                           const struct desired_peer *other, struct change change)
{
	for (size_t i = 0; i < peer->endpoint_count; i++) {
		const struct desired_endpoint *endpoint = &peer->endpoints[i];

		change.endpoint = endpoint;
		if (!has_endpoint(other_in, other, desired_endpoint_link(in, endpoint),
		                  endpoint->address))
			add(d, change);
	}
}

/* What leaves: whole peers, and what those that stay lose. */
static void remove_peers(struct diff *d)
{
	for (size_t i = d->from ? d->from->peer_count : 0; i; i--) {
		const struct desired_peer *old = &d->from->peers[i - 1];
		const struct desired_peer *new = find_peer(old, d->new_peers, d->new_count);
		struct change change = {.old_peer = old, .new_peer = new};

		if (!new) {
			change.kind = CHANGE_PEER_REMOVE;
			add(d, change);
			continue;
		}
		change.kind = CHANGE_ENDPOINT_REMOVE;
		list_endpoints(d, d->from, old, d->to, new, change);
		change.kind = CHANGE_ALLOWED_IP_REMOVE;
		list_allowed_ips(d, old, new, change);
	}
}

static bool has_same_preshared_key(const struct desired_peer *a, const struct desired_peer *b)
{
	if (a->has_preshared_key != b->has_preshared_key)
		return false;
	return !a->has_preshared_key || !memcmp(a->preshared_key, b->preshared_key, KEY_LEN);
}

static void compare_peer(struct diff *d, const struct desired_peer *from,
                         const struct desired_peer *to)
{
	struct change change = {.old_peer = from, .new_peer = to};
	const bool differs[] = {
		strcmp(from->name, to->name) != 0,
		!has_same_preshared_key(from, to),
		from->mode != to->mode,
		from->persistent_keepalive != to->persistent_keepalive,
	};

	for (unsigned i = 0; i < sizeof differs / sizeof differs[0]; i++) {
		change.kind = CHANGE_PEER_NAME + i; /* in the order of the enum */
		if (differs[i])
			add(d, change);
	}
	change.kind = CHANGE_ALLOWED_IP_ADD;
	list_allowed_ips(d, to, from, change);
	change.kind = CHANGE_ENDPOINT_ADD;
	list_endpoints(d, d->to, to, d->from, from, change);
}

static void add_peers(struct diff *d)
{
	for (size_t i = 0; d->to && i < d->to->peer_count; i++) {
		const struct desired_peer *new = &d->to->peers[i];
		const struct desired_peer *old = find_peer(new, d->old_peers, d->old_count);

		if (old)
			compare_peer(d, old, new);
		else
			add(d, (struct change){CHANGE_PEER_ADD, .new_peer = new});
	}
}

size_t desired_end_len(const struct desired *from)
{
	return from->peer_count + from->link_count;
}

struct change desired_end_step(const struct desired *from, size_t i)
{
	size_t left = desired_end_len(from) - 1 - i;

	if (left < from->link_count)
		return (struct change){CHANGE_LINK_REMOVE, .old_link = &from->links[left]};
	return (struct change){CHANGE_PEER_REMOVE,
	                       .old_peer = &from->peers[left - from->link_count]};
}

static void list_end(struct diff *d)
{
	for (size_t i = 0; i < desired_end_len(d->from); i++)
		add(d, desired_end_step(d->from, i));
}

static void compare(struct diff *d)
{
	d->old_peers = sort_peers(d->from, &d->old_count);
	d->new_peers = sort_peers(d->to, &d->new_count);
	d->is_out_of_memory = (d->old_count && !d->old_peers) || (d->new_count && !d->new_peers);
	if (!d->is_out_of_memory) {
		compare_settings(d);
		remove_peers(d);
		remove_links(d);
		add_links(d);
		add_peers(d);
	}
	free(d->old_peers);
	free(d->new_peers);
}

int desired_diff(const struct desired *from, const struct desired *to, struct change_list *ret)
{
	struct diff d = {.from = from, .to = to, .list = ret};

	*ret = (struct change_list){.from = from, .to = to};
	if (to)
		compare(&d);
	else
		list_end(&d);
	return d.is_out_of_memory ? -ENOMEM : 0;
}

void change_list_fini(struct change_list *list)
{
	free(list->changes);
	*list = (struct change_list){0};
}
