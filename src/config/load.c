/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <assert.h>
#include <cyaml/cyaml.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/key_text.h"
#include "config/check.h"
#include "config/value.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

#define ERROR_BACKOFF_DEFAULT_S    5u
#define HEALTH_INTERVAL_DEFAULT_MS 1000u
#define HEALTH_TIMEOUT_DEFAULT_MS  5000u
#define INTERVALS_PER_TIMEOUT      5u /* the defaults' proportion */

/* The normal form as libcyaml loads it. Zero and NULL mean absent everywhere, so the values of
 * enumerations are one more than what they stand for.
 */
struct raw_network {
	uint32_t mtu, buffer_size;
	char *interface, *address, *netmask, *destination;
	char **addresses;
	unsigned addresses_count;
	int routes;
};

struct raw_endpoint {
	char *link, *address;
};

struct raw_peer {
	char *name, *public_key;
	uint32_t preshared_key;
	char **allowed_ips;
	unsigned allowed_ips_count;
	int bonding_mode;
	uint16_t persistent_keepalive;
	struct raw_endpoint *endpoints;
	unsigned endpoints_count;
};

struct raw_link {
	char *name, *bind, *endpoint, *device;
	uint32_t weight;
	uint32_t *fwmark; /* 0 is a value */
};

struct raw_wireguard {
	uint32_t private_key, private_key_file;
	char *peer_public_key;
	uint32_t preshared_key;
	uint16_t persistent_keepalive, listen_port;
	int bonding_mode, bonding;
	uint64_t error_backoff_secs, health_check_interval_ms, health_check_timeout_ms;
	struct raw_peer *peers;
	unsigned peers_count;
	struct raw_link *links;
	unsigned links_count;
};

struct raw_cpus {
	uint16_t *control, *tun, *rx, *workers;
	unsigned control_count, tun_count, rx_count, workers_count;
};

struct raw_dataplane {
	char *workers;
	struct raw_cpus cpus;
	int crypto, offloads;
	uint32_t busy_poll_us;
};

struct raw_control {
	char *run_dir;
};

struct raw_logging {
	int level, format;
};

struct raw_config {
	struct raw_network network;
	struct raw_wireguard wireguard;
	struct raw_dataplane dataplane;
	struct raw_control control;
	struct raw_logging logging;
};

#define OPTIONAL     CYAML_FLAG_OPTIONAL
#define OPTIONAL_PTR (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)

#define STRING(type, member) \
	CYAML_FIELD_STRING_PTR(#member, OPTIONAL_PTR, struct type, member, 0, CYAML_UNLIMITED)
#define UINT(type, member) CYAML_FIELD_UINT(#member, OPTIONAL, struct type, member)
#define WORD(type, member, words)                                                           \
	CYAML_FIELD_ENUM(#member, OPTIONAL | CYAML_FLAG_STRICT, struct type, member, words, \
	                 CYAML_ARRAY_LEN(words))
#define LIST(type, member, entry) \
	CYAML_FIELD_SEQUENCE(#member, OPTIONAL_PTR, struct type, member, entry, 0, CYAML_UNLIMITED)
#define MAPPING(type, member, fields) \
	CYAML_FIELD_MAPPING(#member, OPTIONAL, struct type, member, fields)

static const cyaml_strval_t route_words[] = {{"auto", 1}, {"none", 2}};
static const cyaml_strval_t policy_words[] = {
	{"auto", 1 + BONDING_POLICY_AUTO},
	{"require", 1 + BONDING_POLICY_REQUIRE},
	{"off", 1 + BONDING_POLICY_OFF},
};
static const cyaml_strval_t mode_words[] = {
	{"aggregate", 1 + BONDING_AGGREGATE}, {"bonding", 1 + BONDING_AGGREGATE},
	{"bonded", 1 + BONDING_AGGREGATE},    {"redundant", 1 + BONDING_REDUNDANT},
	{"failover", 1 + BONDING_FAILOVER},
};
static const cyaml_strval_t crypto_words[] = {
	{"auto", 1 + CIPHER_AUTO},
	{"sodium", 1 + CIPHER_SODIUM},
	{"ipsec-mb", 1 + CIPHER_IPSEC_MB},
};
static const cyaml_strval_t offload_words[] = {{"auto", 1}, {"off", 2}};
static const cyaml_strval_t level_words[] = {
	{"error", 1 + LOG_LEVEL_ERROR},
	{"warning", 1 + LOG_LEVEL_WARNING},
	{"info", 1 + LOG_LEVEL_INFO},
	{"debug", 1 + LOG_LEVEL_DEBUG},
};
static const cyaml_strval_t format_words[] = {
	{"auto", 1 + LOG_FORMAT_AUTO},
	{"text", 1 + LOG_FORMAT_TEXT},
	{"json", 1 + LOG_FORMAT_JSON},
	{"journal", 1 + LOG_FORMAT_JOURNAL},
};

static const cyaml_schema_value_t string_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED)};
static const cyaml_schema_value_t cpu_entry = {CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint16_t)};

static const cyaml_schema_field_t network_fields[] = {
	UINT(raw_network, mtu),
	UINT(raw_network, buffer_size),
	STRING(raw_network, interface),
	STRING(raw_network, address),
	STRING(raw_network, netmask),
	STRING(raw_network, destination),
	LIST(raw_network, addresses, &string_entry),
	WORD(raw_network, routes, route_words),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t endpoint_fields[] = {
	STRING(raw_endpoint, link),
	STRING(raw_endpoint, address),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t endpoint_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_endpoint, endpoint_fields)};
static const cyaml_schema_field_t peer_fields[] = {
	STRING(raw_peer, name),
	STRING(raw_peer, public_key),
	UINT(raw_peer, preshared_key),
	LIST(raw_peer, allowed_ips, &string_entry),
	WORD(raw_peer, bonding_mode, mode_words),
	UINT(raw_peer, persistent_keepalive),
	LIST(raw_peer, endpoints, &endpoint_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t peer_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_peer, peer_fields)};
static const cyaml_schema_field_t link_fields[] = {
	STRING(raw_link, name),
	STRING(raw_link, bind),
	STRING(raw_link, endpoint),
	STRING(raw_link, device),
	UINT(raw_link, weight),
	CYAML_FIELD_UINT_PTR("fwmark", OPTIONAL_PTR, struct raw_link, fwmark),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t link_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_link, link_fields)};
static const cyaml_schema_field_t wireguard_fields[] = {
	UINT(raw_wireguard, private_key),
	UINT(raw_wireguard, private_key_file),
	STRING(raw_wireguard, peer_public_key),
	UINT(raw_wireguard, preshared_key),
	UINT(raw_wireguard, persistent_keepalive),
	UINT(raw_wireguard, listen_port),
	WORD(raw_wireguard, bonding_mode, mode_words),
	WORD(raw_wireguard, bonding, policy_words),
	UINT(raw_wireguard, error_backoff_secs),
	UINT(raw_wireguard, health_check_interval_ms),
	UINT(raw_wireguard, health_check_timeout_ms),
	LIST(raw_wireguard, peers, &peer_entry),
	LIST(raw_wireguard, links, &link_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t cpus_fields[] = {
	LIST(raw_cpus, control, &cpu_entry),
	LIST(raw_cpus, tun, &cpu_entry),
	LIST(raw_cpus, rx, &cpu_entry),
	LIST(raw_cpus, workers, &cpu_entry),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t dataplane_fields[] = {
	STRING(raw_dataplane, workers),
	MAPPING(raw_dataplane, cpus, cpus_fields),
	WORD(raw_dataplane, crypto, crypto_words),
	UINT(raw_dataplane, busy_poll_us),
	WORD(raw_dataplane, offloads, offload_words),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t control_fields[] = {
	STRING(raw_control, run_dir),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t logging_fields[] = {
	WORD(raw_logging, level, level_words),
	WORD(raw_logging, format, format_words),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t document_fields[] = {
	MAPPING(raw_config, network, network_fields),
	MAPPING(raw_config, wireguard, wireguard_fields),
	MAPPING(raw_config, dataplane, dataplane_fields),
	MAPPING(raw_config, control, control_fields),
	MAPPING(raw_config, logging, logging_fields),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t document_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, document_fields)};

static const cyaml_config_t cyaml_settings = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

/* The content of a configuration file. */
struct file {
	char *text;
	size_t len;
	bool is_world_readable;
};

static int read_open_file(int fd, struct file *file)
{
	struct stat st;
	ssize_t got;

	if (fstat(fd, &st))
		return -errno;
	file->is_world_readable = S_ISREG(st.st_mode) && st.st_mode & S_IROTH;
	while (file->len <= CONFIG_BYTES_MAX &&
	       (got = read(fd, file->text + file->len, CONFIG_BYTES_MAX + 1 - file->len))) {
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			file->len += (size_t)got;
	}
	return file->len > CONFIG_BYTES_MAX ? -EFBIG : 0;
}

static void file_fini(struct file *file)
{
	if (file->text)
		explicit_bzero(file->text, file->len);
	free(file->text);
}

/* @file is to be finished also after failure. */
static int read_file(const char *path, struct file *file)
{
	file->text = malloc(CONFIG_BYTES_MAX + 1);
	if (!file->text)
		return -ENOMEM;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int err = read_open_file(fd, file);
	close(fd);
	return err;
}

static void use_default_u64(uint64_t *value, uint64_t by_default)
{
	if (!*value)
		*value = by_default;
}

static int build_network(struct config *config, const struct raw_network *raw)
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

static int build_link(struct config_link *link, const struct raw_link *raw, size_t index)
{
	if (raw->name)
		snprintf(link->name, sizeof link->name, "%s", raw->name);
	else
		snprintf(link->name, sizeof link->name, "link-%zu", index);
	link->weight = raw->weight ? raw->weight : 1;
	link->has_fwmark = raw->fwmark;
	link->fwmark = raw->fwmark ? *raw->fwmark : 0;
	if (raw->bind && config_bind_parse(raw->bind, &link->bind))
		return -EINVAL;

	int err = copy_string(raw->endpoint, &link->endpoint);
	link->any_device = raw->device && !strcmp(raw->device, CONFIG_ANY_DEVICE);
	return err || link->any_device ? err : copy_string(raw->device, &link->device);
}

/* As wg's ListenPort does, unless another link has the port for IPv4. */
static bool takes_both(const struct config *config, const struct config_link *link)
{
	if (!config_bind_is_any_ipv6(&link->bind))
		return false;
	for (size_t i = 0; i < config->link_count; i++)
		if (config_bind_has_ipv4_of(&config->links[i].bind, &link->bind))
			return false;
	return true;
}

static int build_links(struct config *config, const struct raw_wireguard *raw)
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

static int add_endpoint(struct config_peer *peer, int link, const char *address)
{
	struct config_peer_endpoint *endpoint = &peer->endpoints[peer->endpoint_count];

	endpoint->link = link;
	endpoint->address = strdup(address);
	if (!endpoint->address)
		return -ENOMEM;
	peer->endpoint_count++;
	return 0;
}

/* The peer of the keys that stand in wireguard itself. */
static int build_single_peer(struct config *config, const struct raw_wireguard *raw,
                             struct config_secrets *secrets)
{
	static const struct prefix everything[] = {{.family = AF_INET}, {.family = AF_INET6}};
	struct config_peer *peer = &config->peers[0];

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

static int find_link(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->link_count; i++)
		if (!strcmp(config->links[i].name, name))
			return (int)i;
	return -1;
}

static int build_allowed_ips(struct config_peer *peer, const struct raw_peer *raw)
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

static int build_endpoints(const struct config *config, struct config_peer *peer,
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

static int build_peer(struct config *config, size_t index, const struct raw_peer *raw,
                      struct config_secrets *secrets)
{
	struct config_peer *peer = &config->peers[index];

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

static int build_peers(struct config *config, const struct raw_wireguard *raw,
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
static void build_health(struct config *config, const struct raw_wireguard *raw)
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

static int build_wireguard(struct config *config, const struct raw_wireguard *raw,
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
	return err ? err : build_peers(config, raw, secrets);
}

static void build_cpus(struct config_cpus *cpus, const uint16_t *list, unsigned count)
{
	assert(count <= CONFIG_CPUS_MAX);
	cpus->count = count;
	if (count)
		memcpy(cpus->cpu, list, count * sizeof *list);
}

static void build_dataplane(struct config *config, const struct raw_dataplane *raw)
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

static int build_config(struct config *config, const char *path, const struct raw_config *raw,
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

/* Loads a normal form, which libcyaml can refuse only for want of memory. */
static int load_normal_form(const char *path, const char *normal, struct config_secrets *secrets,
                            struct config **ret)
{
	struct raw_config *raw = NULL;
	struct config *config;

	cyaml_err_t outcome =
		cyaml_load_data((const uint8_t *)normal, strlen(normal), &cyaml_settings,
	                        &document_schema, (cyaml_data_t **)&raw, NULL);
	if (outcome != CYAML_OK)
		return outcome == CYAML_ERR_OOM ? -ENOMEM : -EINVAL;

	config = calloc(1, sizeof *config);
	int err = config ? build_config(config, path, raw, secrets) : -ENOMEM;
	cyaml_free(&cyaml_settings, &document_schema, raw, 0);
	if (err) {
		config_free(config);
		return err;
	}
	*ret = config;
	return 0;
}

/* The same, with a message when it fails. */
static int read_file_or_tell(const char *path, struct file *file, FILE *messages)
{
	int err = read_file(path, file);

	if (err == -EFBIG)
		fprintf(messages, "%s:1:1: document: must be at most %u bytes\n", path,
		        CONFIG_BYTES_MAX);
	else if (err == -ENOENT)
		fprintf(messages,
		        "%s:1:1: document: cannot be read: %s; `vtrunkd config --output %s` writes "
		        "a file to start from, -c FILE names another\n",
		        path, strerror(-err), path);
	else if (err)
		fprintf(messages, "%s:1:1: document: cannot be read: %s%s\n", path, strerror(-err),
		        err == -EACCES ? "; it holds a key, so its owner has to do this" : "");
	return err;
}

int config_public_key(const char *path, FILE *messages, uint8_t ret[static KEY_LEN])
{
	struct config_secrets secrets = {0};
	struct file file = {0};
	uint64_t number;
	uint8_t clamped[KEY_LEN];

	int err = read_file_or_tell(path, &file, messages);
	if (!err)
		err = config_check_identity(
			&(struct config_source){.path = path, .text = file.text, .len = file.len},
			messages, &secrets, &number);
	if (!err) {
		memcpy(clamped, secrets.keys[number - 1], KEY_LEN);
		dh_clamp(clamped);
		dh_public(ret, clamped);
		secret_wipe(clamped, sizeof clamped);
	}
	file_fini(&file);
	config_secrets_fini(&secrets);
	secret_wipe_stack();
	return err;
}

int config_load(const char *path, FILE *messages, struct config **ret)
{
	struct config_secrets secrets = {0};
	struct file file = {0};
	char *normal = NULL;

	int err = read_file_or_tell(path, &file, messages);
	if (!err)
		err = config_check(
			&(struct config_source){.path = path,
		                                .text = file.text,
		                                .len = file.len,
		                                .is_world_readable = file.is_world_readable},
			messages, &normal, &secrets);
	if (!err) {
		err = load_normal_form(path, normal, &secrets, ret);
		if (err)
			fprintf(messages, "%s:1:1: document: cannot be loaded: %s\n", path,
			        strerror(-err));
	}
	file_fini(&file);
	free(normal);
	config_secrets_fini(&secrets);
	/* The registers hold pieces of the normal form by now, which has no keys. */
	secret_wipe_stack();
	return err;
}

static void free_peer(struct config_peer *peer)
{
	for (size_t i = 0; i < peer->endpoint_count; i++)
		free(peer->endpoints[i].address);
	free(peer->endpoints);
	free(peer->allowed_ips);
	secret_free(peer->preshared_key);
}

int config_set_run_dir(struct config *config, const char *run_dir)
{
	char *copy = strdup(run_dir);

	if (!copy)
		return -ENOMEM;
	free(config->run_dir);
	config->run_dir = copy;
	return 0;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->link_count; i++) {
		free(config->links[i].endpoint);
		free(config->links[i].device);
	}
	for (size_t i = 0; i < config->peer_count; i++)
		free_peer(&config->peers[i]);
	free(config->links);
	free(config->peers);
	free(config->addresses);
	secret_free(config->private_key);
	free(config->run_dir);
	free(config->path);
	free(config);
}
