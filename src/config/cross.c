/* SPDX-License-Identifier: MIT */
/* What several keys have to do with each other. Every check asks for its values with value(), which
 * gives only such as are present and were found good before: one mistake, one message.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "base/key_text.h"
#include "base/prefix.h"
#include "config/check.h"
#include "config/config.h"
#include "config/report.h"
#include "config/tree.h"
#include "config/value.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

#define KEY_FILE_MAX 4096u /* bytes; a key and a lot of blanks */

struct cross {
	struct config_report *report;
	struct config_secrets *secrets;
	struct config_node *network, *wireguard;
	struct config_node *links, *peers; /* NULL: absent or refused */
	bool is_world_readable;
};

/* The value of @key when it is given and good, else NULL. @mapping may be NULL. */
static struct config_node *value(const struct config_node *mapping, const char *key)
{
	return config_tree_good(mapping, key);
}

/* Given at all, be it wrong: then somebody wanted it, and nothing is missing. */
static bool is_given(const struct config_node *mapping, const char *key)
{
	const struct config_node *node = config_tree_find(mapping, key);

	if (!node)
		return config_tree_means(mapping, key);
	return node->is_refused || !config_node_is_null(node);
}

/* Something that must be unique. */
struct claim {
	const void *data;
	size_t len;
	size_t order; /* in the file */
	size_t owner; /* claims of one owner may be equal; else give each its own */
	struct config_node *node;
};

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	int order = memcmp(x->data, y->data, x->len);
	if (order)
		return order;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* Reports every claim that an earlier one of another owner makes already. Sorts them. */
static void refuse_twins(struct cross *c, struct claim *claims, size_t count, const char *what)
{
	const struct claim *first = claims;

	if (count > 1) /* the array may be NULL without a claim */
		qsort(claims, count, sizeof *claims, compare_claims);
	for (size_t i = 1; i < count; i++) {
		const struct claim *claim = &claims[i];

		if (claim->len != first->len || memcmp(claim->data, first->data, claim->len))
			first = claim;
		else if (claim->owner != first->owner)
			config_error(c->report, claim->node,
			             "%s must be unique; line %zu has the same", what,
			             first->node->at.line);
	}
}

static void check_mtu(struct cross *c, bool uses_ipv6)
{
	const struct config_node *mtu = value(c->network, "mtu");
	struct config_node *buffer_size = value(c->network, "buffer_size");
	uint64_t bytes = mtu ? mtu->number : CONFIG_MTU_DEFAULT;

	if (!mtu && is_given(c->network, "mtu"))
		return;
	if (buffer_size && buffer_size->number < bytes)
		config_error(c->report, buffer_size,
		             "must be at least network.mtu, which is %" PRIu64 "%s", bytes,
		             mtu ? "" : " by default");
	if (!mtu)
		return;
	if (mtu->number < 576)
		config_warning(c->report, mtu, "below 576 many IPv4 programs fail");
	else if (mtu->number < 1280 && uses_ipv6)
		config_warning(c->report, mtu,
		               "IPv6 needs 1280 at least; the kernel will refuse "
		               "the IPv6 address");
	if (mtu->number > INNER_MTU_MAX - CONFIG_TUNNEL_OVERHEAD)
		config_warning(
			c->report, mtu,
			"above %u a full packet does not fit into UDP with WireGuard's header",
			INNER_MTU_MAX - CONFIG_TUNNEL_OVERHEAD);
}

static int text_family(const struct config_node *node)
{
	return strchr(node->text, ':') ? AF_INET6 : AF_INET;
}

static void check_netmask(struct cross *c, const struct config_node *address)
{
	struct config_node *netmask = value(c->network, "netmask");

	if (!netmask)
		return;
	if (address && config_netmask_len(netmask->text, text_family(address)) < 0)
		config_error(
			c->report, netmask,
			text_family(address) == AF_INET6
				? "must be a prefix length, 0..128, for an IPv6 address"
				: "must be a prefix length, 0..32, or a dotted netmask for an IPv4 "
				  "address");
	else if (!is_given(c->network, "address") && !is_given(c->network, "addresses"))
		config_error_key(c->report, netmask, "needs network.address");
}

/* True when one of the addresses is of @family. */
static bool has_address_of(const struct cross *c, int family)
{
	const struct config_node *address = value(c->network, "address");
	const struct config_node *addresses = value(c->network, "addresses");

	if (address)
		return text_family(address) == family;
	if (!addresses)
		return false;
	for (const struct config_node *entry = addresses->first; entry; entry = entry->next)
		if (!entry->is_refused && text_family(entry) == family)
			return true;
	return false;
}

static void check_destination(struct cross *c)
{
	struct config_node *destination = value(c->network, "destination");
	const struct config_node *address = config_tree_find(c->network, "address");
	const struct config_node *addresses = config_tree_find(c->network, "addresses");

	if (!destination || (address && address->is_refused) ||
	    (addresses && addresses->is_refused))
		return;
	if (!has_address_of(c, text_family(destination)))
		config_error(c->report, destination,
		             "needs an %s address in network.address or "
		             "network.addresses",
		             text_family(destination) == AF_INET6 ? "IPv6" : "IPv4");
}

static int check_addresses(struct cross *c)
{
	struct config_node *addresses = value(c->network, "addresses");
	size_t count = 0;

	if (!addresses)
		return 0;
	for (const char *const *key = (const char *const[]){"address", "netmask", NULL}; *key;
	     key++) {
		struct config_node *node = value(c->network, *key);

		if (node)
			config_error_key(c->report, node,
			                 "excludes network.addresses; give one of them");
	}
	if (!addresses->count)
		return 0;

	struct claim *claims = calloc(addresses->count, sizeof *claims);
	struct prefix *prefixes = calloc(addresses->count, sizeof *prefixes);
	for (struct config_node *entry = addresses->first; claims && prefixes && entry;
	     entry = entry->next) {
		if (entry->is_refused || prefix_parse(entry->text, &prefixes[count]))
			continue;
		prefixes[count].len = 0; /* one address cannot have two lengths */
		claims[count] = (struct claim){&prefixes[count], sizeof prefixes[count], count,
		                               count, entry};
		count++;
	}
	int err = claims && prefixes ? 0 : -ENOMEM;
	refuse_twins(c, claims, count, "an address");
	free(claims);
	free(prefixes);
	return err;
}

static int check_network(struct cross *c)
{
	check_mtu(c, has_address_of(c, AF_INET6));
	check_netmask(c, value(c->network, "address"));
	check_destination(c);
	return check_addresses(c);
}

static void check_health(struct cross *c)
{
	const struct config_node *interval = value(c->wireguard, "health_check_interval_ms");
	struct config_node *timeout = value(c->wireguard, "health_check_timeout_ms");

	if (interval && timeout && timeout->number <= interval->number)
		config_error(c->report, timeout,
		             "must be more than wireguard.health_check_interval_ms, which is "
		             "%" PRIu64,
		             interval->number);
}

/* Reads at most @size bytes. Returns how many, or a negative errno; -EPERM when others may read. */
static ssize_t read_key_file(const char *path, char *buf, size_t size)
{
	struct stat st;
	ssize_t len = 0, got;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		len = -errno;
	else if (!S_ISREG(st.st_mode))
		len = -EINVAL;
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		len = -EPERM;
	while (len >= 0 && (size_t)len < size && (got = read(fd, buf + len, size - (size_t)len))) {
		if (got < 0 && errno != EINTR)
			len = -errno;
		else if (got > 0)
			len += got;
	}
	close(fd);
	return len;
}

static int load_key_file(struct cross *c, struct config_node *node)
{
	char text[KEY_FILE_MAX + 1];
	ssize_t len = read_key_file(node->text, text, KEY_FILE_MAX);
	int err = -EINVAL;
	uint8_t *key = config_secrets_add(c->secrets, &node->number);

	if (!key) {
		explicit_bzero(text, sizeof text);
		return -ENOMEM;
	}
	bool is_empty = !len;
	if (len >= 0) {
		text[len] = '\0';
		err = strlen(text) == (size_t)len ? key_from_base64(key, text) : -EINVAL;
	}
	explicit_bzero(text, sizeof text);

	if (len == -EPERM)
		config_error(c->report, node,
		             "the file must not be accessible by group or others; mode 0600 or "
		             "0400 is allowed");
	else if (len == -EINVAL)
		config_error(c->report, node, "must name a regular file");
	else if (len < 0)
		config_error(c->report, node, "the file cannot be read: %s%s", strerror((int)-len),
		             len == -ENOENT ? "; `umask 077; vtrunkd genkey >FILE` makes one" : "");
	else if (err)
		config_error(c->report, node,
		             "the file must hold a key, base64 of 32 bytes (44 characters); it "
		             "holds %s",
		             is_empty           ? "nothing"
		             : err == -EMSGSIZE ? "base64 of another length"
		                                : "no base64");
	return 0;
}

/* *@ret_number is that of our private key when there is a good one, else 0. */
static int check_private_key(struct cross *c, uint64_t *ret_number)
{
	const struct config_node *key = value(c->wireguard, "private_key");
	struct config_node *file = value(c->wireguard, "private_key_file");
	bool is_key_given = is_given(c->wireguard, "private_key");

	*ret_number = 0;
	if (file && is_key_given) {
		config_error_key(c->report, file,
		                 "excludes wireguard.private_key; give one of them");
		return 0;
	}
	if (!is_key_given && !is_given(c->wireguard, "private_key_file")) {
		config_error_missing(c->report, c->wireguard, "private_key",
		                     "required but missing; give it or private_key_file; "
		                     "`vtrunkd genkey` makes one");
		return 0;
	}
	if (file) {
		int err = load_key_file(c, file);

		if (err)
			return err;
		key = file->is_refused ? NULL : file;
	}
	if (key)
		*ret_number = key->number;
	return 0;
}

int config_cross_private_key(struct config_node *wireguard, struct config_report *report,
                             struct config_secrets *secrets, uint64_t *ret_number)
{
	struct cross c = {.report = report, .secrets = secrets, .wireguard = wireguard};

	return check_private_key(&c, ret_number);
}

/* Refuses our own key and keys with which no handshake can succeed. */
static void check_public_key(struct cross *c, struct config_node *node, const uint8_t *private_key)
{
	uint8_t ours[KEY_LEN], theirs[KEY_LEN], shared[KEY_LEN];

	if (!node || !private_key || key_from_base64(theirs, node->text))
		return;
	dh_public(ours, private_key);
	if (!memcmp(ours, theirs, KEY_LEN))
		config_error(
			c->report, node,
			"must be the peer's public key; this one belongs to our own private key");
	else if (!dh(shared, private_key, theirs))
		config_error(c->report, node,
		             "must be a usable public key; this one is of low order");
	secret_wipe(shared, sizeof shared);
}

/* The keys that speak of the one peer, where a list of peers is given too. */
static void check_single_or_list(struct cross *c)
{
	static const char *const single[] = {"peer_public_key", "preshared_key",
	                                     "persistent_keepalive"};

	if (!is_given(c->wireguard, "peers")) {
		if (!is_given(c->wireguard, "peer_public_key"))
			config_error_missing(c->report, c->wireguard, "peer_public_key",
			                     "required but missing; give it or peers; `vtrunkd "
			                     "pubkey -c FILE` at the other end prints it");
		return;
	}
	for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
		struct config_node *node = value(c->wireguard, single[i]);

		if (node)
			config_error_key(c->report, node, "excludes wireguard.peers; %s",
			                 i ? "set it for each peer" : "give one of them");
	}
	for (struct config_node *link = c->links ? c->links->first : NULL; link;
	     link = link->next) {
		struct config_node *endpoint = value(link, "endpoint");

		if (endpoint)
			config_error_key(c->report, endpoint,
			                 "excludes wireguard.peers; set endpoints for each peer");
	}
}

/* Names of links or peers; one that is not given counts with its default. */
static int check_names(struct cross *c, const struct config_node *list, const char *prefix,
                       unsigned first)
{
	size_t count = 0;

	if (!list || !list->count)
		return 0;
	struct claim *claims = calloc(list->count, sizeof *claims);
	char(*names)[NAME_LEN] = calloc(list->count, sizeof *names);
	for (struct config_node *entry = list->first; claims && names && entry;
	     entry = entry->next) {
		struct config_node *name = value(entry, "name");

		if (entry->kind != CONFIG_NODE_MAPPING || (!name && is_given(entry, "name")))
			continue;
		if (name)
			snprintf(names[count], NAME_LEN, "%s", name->text);
		else
			snprintf(names[count], NAME_LEN, "%s-%zu", prefix, entry->index + first);
		claims[count] = (struct claim){names[count], strlen(names[count]), count, count,
		                               name ? name : entry};
		count++;
	}
	int err = claims && names ? 0 : -ENOMEM;
	refuse_twins(c, claims, count, "a name, given or by default,");
	free(claims);
	free(names);
	return err;
}

static int check_peer_keys(struct cross *c, const uint8_t *private_key)
{
	size_t count = 0;

	if (!c->peers || !c->peers->count)
		return 0;
	struct claim *claims = calloc(c->peers->count, sizeof *claims);
	uint8_t(*keys)[KEY_LEN] = calloc(c->peers->count, sizeof *keys);
	for (struct config_node *peer = c->peers->first; claims && keys && peer;
	     peer = peer->next) {
		struct config_node *node = value(peer, "public_key");

		if (!node || key_from_base64(keys[count], node->text))
			continue;
		check_public_key(c, node, private_key);
		claims[count] = (struct claim){keys[count], KEY_LEN, count, count, node};
		count++;
	}
	int err = claims && keys ? 0 : -ENOMEM;
	refuse_twins(c, claims, count, "a public key");
	free(claims);
	free(keys);
	return err;
}

static size_t count_allowed_ips(const struct config_node *peers)
{
	size_t count = 0;

	for (const struct config_node *peer = peers->first; peer; peer = peer->next) {
		const struct config_node *list = value(peer, "allowed_ips");

		count += list ? list->count : 0;
	}
	return count;
}

/* Adds the claims of one peer behind the first @count. Returns how many there are then. */
static size_t claim_allowed_ips(const struct config_node *peer, struct claim *claims,
                                struct prefix *prefixes, size_t count)
{
	const struct config_node *list = value(peer, "allowed_ips");

	for (struct config_node *entry = list ? list->first : NULL; entry; entry = entry->next) {
		struct prefix *prefix = &prefixes[count];

		if (entry->is_refused || prefix_parse(entry->text, prefix))
			continue;
		prefix_mask(prefix);
		claims[count] = (struct claim){prefix, sizeof *prefix, count, peer->index, entry};
		count++;
	}
	return count;
}

static int check_allowed_ips(struct cross *c)
{
	size_t max = c->peers ? count_allowed_ips(c->peers) : 0, count = 0;

	if (!max)
		return 0;
	if (max > ALLOWED_IPS_MAX) {
		config_error(c->report, c->peers,
		             "at most %u allowed_ips are allowed for all peers together",
		             ALLOWED_IPS_MAX);
		return 0;
	}
	struct claim *claims = calloc(max, sizeof *claims);
	struct prefix *prefixes = calloc(max, sizeof *prefixes);
	for (struct config_node *peer = c->peers->first; claims && prefixes && peer;
	     peer = peer->next)
		count = claim_allowed_ips(peer, claims, prefixes, count);
	int err = claims && prefixes ? 0 : -ENOMEM;
	refuse_twins(c, claims, count, "a prefix among the allowed_ips of all peers");
	free(claims);
	free(prefixes);
	return err;
}

/* AF_UNSPEC when the link may have sockets of both families. */
static int bind_family(const struct config_node *link)
{
	const struct config_node *bind = value(link, "bind");
	struct endpoint ours, other;

	if (!bind || config_bind_parse(bind->text, &ours))
		return AF_UNSPEC;
	if (!config_bind_is_any_ipv6(&ours))
		return endpoint_family(&ours);
	for (const struct config_node *l = link->parent->first; l; l = l->next) {
		bind = value(l, "bind");
		if (bind && !config_bind_parse(bind->text, &other) &&
		    config_bind_has_ipv4_of(&other, &ours))
			return AF_INET6;
	}
	return AF_UNSPEC;
}

/* Whether a socket of @link can reach @endpoint, as far as is known without asking DNS. */
static bool families_fit(const struct config_node *link, const struct config_node *endpoint)
{
	int ours = bind_family(link), theirs = config_endpoint_family(endpoint->text);

	return ours == AF_UNSPEC || theirs == AF_UNSPEC || ours == theirs;
}

static void refuse_family(struct cross *c, struct config_node *endpoint)
{
	bool is_ipv6 = config_endpoint_family(endpoint->text) == AF_INET6;

	config_error(c->report, endpoint,
	             "must be of the family of the link's bind, %s; this is %s",
	             is_ipv6 ? "IPv4" : "IPv6", is_ipv6 ? "IPv6" : "IPv4");
}

/* The link called @name, which may be a default name. */
static const struct config_node *find_link(const struct cross *c, const char *name)
{
	for (const struct config_node *link = c->links->first; link; link = link->next) {
		const struct config_node *given = value(link, "name");
		char by_default[NAME_LEN];

		snprintf(by_default, sizeof by_default, "link-%zu", link->index);
		if (!strcmp(name, given ? given->text : by_default))
			return link;
	}
	return NULL;
}

static void check_linked_endpoint(struct cross *c, struct config_node *entry)
{
	struct config_node *name = value(entry, "link"), *address = value(entry, "address");
	const struct config_node *link = name ? find_link(c, name->text) : NULL;

	if (name && !link)
		config_error(c->report, name, "must be the name of one of wireguard.links");
	if (link && address && !families_fit(link, address))
		refuse_family(c, address);
}

/* An endpoint for every link needs one link at least that can reach it. */
static void check_free_endpoint(struct cross *c, struct config_node *address)
{
	for (const struct config_node *link = c->links->first; link; link = link->next)
		if (families_fit(link, address))
			return;
	config_error(c->report, address, "no link can reach it; all of them are bound to %s",
	             config_endpoint_family(address->text) == AF_INET6 ? "IPv4" : "IPv6");
}

static const char *text_or_empty(const struct config_node *node)
{
	return node && node->text ? node->text : "";
}

static void check_endpoint(struct cross *c, struct config_node *entry)
{
	bool is_mapping = entry->kind == CONFIG_NODE_MAPPING;
	struct config_node *address = is_mapping ? value(entry, "address") : entry;
	const char *link = text_or_empty(is_mapping ? value(entry, "link") : NULL);

	if (is_mapping && is_given(entry, "link"))
		check_linked_endpoint(c, entry);
	else if (address)
		check_free_endpoint(c, address);

	for (const struct config_node *other = entry->parent->first; address && other != entry;
	     other = other->next) {
		bool is_other_mapping = other->kind == CONFIG_NODE_MAPPING;
		const struct config_node *its = is_other_mapping ? value(other, "address") : other;

		if (!strcmp(link, text_or_empty(is_other_mapping ? value(other, "link") : NULL)) &&
		    !strcmp(address->text, text_or_empty(its))) {
			config_error(c->report, address,
			             "must be unique for the peer and link; line %zu has the same",
			             other->at.line);
			return;
		}
	}
}

static void check_endpoints(struct cross *c)
{
	if (!c->links)
		return;
	for (struct config_node *link = c->links->first; link; link = link->next) {
		struct config_node *endpoint = value(link, "endpoint");

		if (endpoint && !families_fit(link, endpoint))
			refuse_family(c, endpoint);
	}
	for (struct config_node *peer = c->peers ? c->peers->first : NULL; peer;
	     peer = peer->next) {
		const struct config_node *list = value(peer, "endpoints");

		for (struct config_node *entry = list ? list->first : NULL; entry;
		     entry = entry->next)
			if (!entry->is_refused)
				check_endpoint(c, entry);
	}
}

/* The device that is named for a link, "" for none. */
static const char *device_of(const struct config_node *link)
{
	const char *device = text_or_empty(value(link, "device"));

	return strcmp(device, CONFIG_ANY_DEVICE) ? device : "";
}

/* Two sockets may share an address and port when they are tied to different devices. */
static bool binds_clash(const struct config_node *a, const struct config_node *b)
{
	const struct config_node *bind_a = value(a, "bind"), *bind_b = value(b, "bind");
	const char *device_a = device_of(a), *device_b = device_of(b);
	struct endpoint x, y;

	if (!bind_a || !bind_b || config_bind_parse(bind_a->text, &x) ||
	    config_bind_parse(bind_b->text, &y))
		return false;
	if (!endpoint_port(&x) || !endpoint_equal(&x, &y))
		return false;
	return !*device_a || !*device_b || !strcmp(device_a, device_b);
}

static void check_binds(struct cross *c)
{
	for (struct config_node *link = c->links ? c->links->first : NULL; link;
	     link = link->next) {
		for (struct config_node *other = c->links->first; other != link;
		     other = other->next) {
			if (!binds_clash(other, link))
				continue;
			config_error(c->report, config_tree_find(link, "bind"),
			             "an address and port must be unique; wireguard.links[%zu] has "
			             "the same",
			             other->index);
			break;
		}
	}
}

/* It stands for the bind of a link. */
static void check_listen_port(struct cross *c)
{
	struct config_node *port = value(c->wireguard, "listen_port");

	if (!port || !c->links || !c->links->first)
		return;
	if (c->links->first->next)
		config_error_key(c->report, port,
		                 "is for a single link; with several give each a bind");
	else if (is_given(c->links->first, "bind"))
		config_error_key(c->report, port, "excludes bind of the link; give one of them");
}

static void warn_of_readers(struct cross *c)
{
	const struct config_node *secret = value(c->wireguard, "private_key");

	if (!secret)
		secret = value(c->wireguard, "preshared_key");
	for (const struct config_node *peer = c->peers ? c->peers->first : NULL; peer && !secret;
	     peer = peer->next)
		secret = value(peer, "preshared_key");
	if (secret && c->is_world_readable)
		config_warning(c->report, secret,
		               "everybody can read this file and the key in it; chmod 0600 keeps "
		               "it secret");
}

static int check_wireguard(struct cross *c)
{
	uint64_t number;
	int err = check_private_key(c, &number);

	if (err)
		return err;
	const uint8_t *private_key = number ? c->secrets->keys[number - 1] : NULL;
	check_health(c);
	check_single_or_list(c);
	check_public_key(c, value(c->wireguard, "peer_public_key"), private_key);
	check_binds(c);
	check_listen_port(c);
	check_endpoints(c);
	warn_of_readers(c);
	if ((err = check_names(c, c->links, "link", 0)))
		return err;
	if ((err = check_names(c, c->peers, "peer", 1)))
		return err;
	if ((err = check_peer_keys(c, private_key)))
		return err;
	if ((err = check_allowed_ips(c)))
		return err;
	return config_routes_check(c->network, c->wireguard, c->report);
}

int config_cross_check(struct config_node *root, bool is_world_readable,
                       struct config_report *report, struct config_secrets *secrets)
{
	struct cross c = {
		.report = report,
		.secrets = secrets,
		.network = value(root, "network"),
		.wireguard = value(root, "wireguard"),
		.is_world_readable = is_world_readable,
	};
	int err = 0;

	c.links = value(c.wireguard, "links");
	c.peers = value(c.wireguard, "peers");
	if (c.network)
		err = check_network(&c);
	return err || !c.wireguard ? err : check_wireguard(&c);
}
