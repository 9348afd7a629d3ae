/* SPDX-License-Identifier: MIT */
#include "config/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/similar.h"
#include "config/desired.h"

#define WORDS(...)                     \
	.words = (const char *const[]) \
	{                              \
		__VA_ARGS__, NULL      \
	}
#define SECONDS_MAX 1000000000u /* far beyond use, and no overflow in nanoseconds */

#define A_DEVICE    "a name of 1..15 characters from a-z A-Z 0-9 _ = + . -"
#define A_NAME      "a name of 1..31 bytes, without blanks around it"
#define AN_IP       "an IPv4 or IPv6 address"
#define A_NETMASK   "a prefix length, 0..128, or for IPv4 a dotted netmask"
#define A_PREFIX    "an address and prefix length such as 10.10.0.2/24 or fd00::2/64"
#define A_KEY       "a key, base64 of 32 bytes (44 characters)"
#define A_BIND      "IP, IP:PORT or [IPv6]:PORT"
#define AN_ENDPOINT "HOST:PORT, IP:PORT or [IPv6]:PORT"
#define A_PATH      "an absolute path"
#define A_RUN_DIR   "an absolute path of at most 86 bytes, or none"

#define THEIR_KEY   "`vtrunkd pubkey -c FILE` at the other end prints it"
#define OUR_KEY     "`vtrunkd genkey` makes one"
#define OUR_ADDRESS "`ip -br address` lists those of this machine"
#define OUR_DEVICE  "`ip -br link` lists those of this machine"
#define THEIR_PORT  "the other end's, as it is reached from here"
#define AN_EXAMPLE  "`vtrunkd config --output FILE` writes a file to start from"
#define SOME_LINKS                                                                     \
	"such as [{endpoint: \"HOST:PORT\"}], or [{bind: \"0.0.0.0:51820\"}] to wait " \
	"for the other end"
#define SOME_IPS "the addresses that the peer has inside the tunnel"

#define TEXT(check, text) .kind = CONFIG_TEXT, .form = check, .allowed = text
#define KEY               .kind = CONFIG_TEXT | CONFIG_SECRET, .form = config_check_key, .allowed = A_KEY
#define PUBLIC_KEY        TEXT(config_check_key, A_KEY), .cure = THEIR_KEY
#define MODES             .kind = CONFIG_WORD, WORDS("aggregate", "bonding", "bonded", "redundant", "failover")
#define KEEPALIVE         .kind = CONFIG_INTEGER, .min = 0, .max = 65535

static const struct config_rule one_prefix = {TEXT(config_check_prefix, A_PREFIX)};
static const struct config_rule one_cpu = {.kind = CONFIG_INTEGER, .min = 0, .max = 1023};

static const struct config_rule network_keys[] = {
	{"mtu", CONFIG_INTEGER, .min = 1, .max = INNER_MTU_MAX},
	{"buffer_size", CONFIG_INTEGER, .min = 1, .max = UINT32_MAX},
	{"interface", TEXT(config_check_device, A_DEVICE)},
	{"address", TEXT(config_check_ip, AN_IP)},
	{"netmask", CONFIG_INTEGER | CONFIG_TEXT, .min = 0, .max = 128,
         .form = config_check_netmask, .allowed = A_NETMASK},
	{"destination", TEXT(config_check_ip, AN_IP)},
	{"addresses", CONFIG_LIST, .max = ALLOWED_IPS_MAX, .inner = &one_prefix},
	{"routes", CONFIG_WORD, WORDS("auto", "none")},
	{0},
};

static const struct config_rule endpoint_keys[] = {
	{"link", TEXT(config_check_name, "the name of one of wireguard.links")},
	{"address", TEXT(config_check_endpoint, AN_ENDPOINT), .is_required = true,
         .cure = THEIR_PORT},
	{0},
};

static const struct config_rule one_endpoint = {.kind = CONFIG_TEXT | CONFIG_MAPPING,
                                                .form = config_check_endpoint,
                                                .allowed = AN_ENDPOINT
                                                " or a mapping with link and address",
                                                .cure = THEIR_PORT,
                                                .inner = endpoint_keys};

static const struct config_rule peer_keys[] = {
	{"name", TEXT(config_check_name, A_NAME)},
	{"public_key", PUBLIC_KEY, .is_required = true},
	{"preshared_key", KEY},
	{"allowed_ips", CONFIG_LIST, .is_required = true, .min = 1, .max = ALLOWED_IPS_MAX,
         .inner = &one_prefix, .cure = SOME_IPS},
	{"bonding_mode", MODES},
	{"persistent_keepalive", KEEPALIVE},
	{"endpoints", CONFIG_LIST, .max = PATHS_MAX, .inner = &one_endpoint},
	{0},
};

static const struct config_rule link_keys[] = {
	{"name", TEXT(config_check_name, A_NAME)},
	{"bind", TEXT(config_check_bind, A_BIND), .cure = OUR_ADDRESS},
	{"endpoint", TEXT(config_check_endpoint, AN_ENDPOINT), .cure = THEIR_PORT},
	{"weight", CONFIG_INTEGER, .min = 1, .max = 1000000},
	{"device", TEXT(config_check_device, A_DEVICE), .cure = OUR_DEVICE},
	{"fwmark", CONFIG_INTEGER | CONFIG_HEX, .min = 0, .max = UINT32_MAX},
	{0},
};

static const struct config_rule one_peer = {.kind = CONFIG_MAPPING, .inner = peer_keys};
static const struct config_rule one_link = {.kind = CONFIG_MAPPING, .inner = link_keys};

static const struct config_rule wireguard_keys[] = {
	{"private_key", KEY, .cure = OUR_KEY},
	{"private_key_file", CONFIG_TEXT | CONFIG_SECRET_FILE, .form = config_check_path,
         .allowed = A_PATH},
	{"peer_public_key", PUBLIC_KEY},
	{"preshared_key", KEY},
	{"persistent_keepalive", KEEPALIVE},
	{"bonding_mode", MODES},
	{"bonding", CONFIG_WORD, WORDS("auto", "require", "off")},
	{"error_backoff_secs", CONFIG_INTEGER, .min = 1, .max = SECONDS_MAX},
	{"health_check_interval_ms", CONFIG_INTEGER, .min = 1, .max = SECONDS_MAX},
	{"health_check_timeout_ms", CONFIG_INTEGER, .min = 2, .max = SECONDS_MAX},
	{"listen_port", CONFIG_INTEGER, .min = 1, .max = 65535},
	{"peers", CONFIG_LIST, .min = 1, .max = PEERS_MAX, .inner = &one_peer},
	{"links", CONFIG_LIST, .is_required = true, .min = 1, .max = LINKS_MAX, .inner = &one_link,
         .cure = SOME_LINKS},
	{0},
};

#define CPUS .kind = CONFIG_LIST, .max = CONFIG_CPUS_MAX, .inner = &one_cpu

static const struct config_rule cpus_keys[] = {
	{"control", CPUS}, {"tun", CPUS}, {"rx", CPUS}, {"workers", CPUS}, {0},
};

static const struct config_rule dataplane_keys[] = {
	{"workers", CONFIG_WORD | CONFIG_INTEGER, .min = 1, .max = 64, WORDS("auto")},
	{"cpus", CONFIG_MAPPING, .inner = cpus_keys},
	{"crypto", CONFIG_WORD, WORDS("auto", "sodium", "ipsec-mb")},
	{"busy_poll_us", CONFIG_INTEGER, .min = 0, .max = 1000},
	{"offloads", CONFIG_WORD, WORDS("auto", "off")},
	{0},
};

static const struct config_rule logging_keys[] = {
	{"level", CONFIG_WORD, WORDS("error", "warning", "info", "debug")},
	{"format", CONFIG_WORD, WORDS("auto", "text", "json", "journal")},
	{0},
};

static const struct config_rule control_keys[] = {
	{"run_dir", TEXT(config_check_run_dir, A_RUN_DIR)},
	{0},
};

static const struct config_rule document_keys[] = {
	{"network", CONFIG_MAPPING, .is_required = true, .inner = network_keys, .cure = AN_EXAMPLE},
	{"wireguard", CONFIG_MAPPING, .is_required = true, .inner = wireguard_keys,
         .cure = AN_EXAMPLE},
	{"dataplane", CONFIG_MAPPING, .inner = dataplane_keys},
	{"control", CONFIG_MAPPING, .inner = control_keys},
	{"logging", CONFIG_MAPPING, .inner = logging_keys},
	{0},
};

const struct config_rule config_schema = {.kind = CONFIG_MAPPING, .inner = document_keys};

/* "error, warning, info or debug" */
static void describe_words(FILE *out, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		fprintf(out, "%s%s", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

static void describe_number(FILE *out, const struct config_rule *rule)
{
	if (rule->kind & CONFIG_WORD)
		fputs(" or ", out);
	if (rule->kind & CONFIG_HEX)
		fprintf(out, "a whole number, 0..0x%" PRIx64 ", decimal or 0x...", rule->max);
	else
		fprintf(out, "a whole number, %" PRIu64 "..%" PRIu64, rule->min, rule->max);
}

const char *config_rule_describe(const struct config_rule *rule,
                                 char buf[static CONFIG_DESCRIPTION_LEN])
{
	FILE *out = fmemopen(buf, CONFIG_DESCRIPTION_LEN, "w");

	buf[0] = '\0';
	if (!out)
		return buf;
	if (rule->allowed) {
		fputs(rule->allowed, out);
	} else if (rule->kind & CONFIG_MAPPING) {
		fputs("a mapping", out);
	} else if (rule->kind & CONFIG_LIST) {
		fprintf(out, "a list of %s%" PRIu64 " entries", rule->min ? "1.." : "at most ",
		        rule->max);
	} else {
		if (rule->kind & CONFIG_WORD)
			describe_words(out, rule->words);
		if (rule->kind & CONFIG_INTEGER)
			describe_number(out, rule);
	}
	fclose(out);
	return buf;
}

const struct config_rule *config_rule_find(const struct config_rule *inner, const char *key)
{
	for (; inner->key; inner++)
		if (!strcmp(inner->key, key))
			return inner;
	return NULL;
}

/* Depth first; @place is what stands before the keys of @inner. */
static bool find_place(const struct config_rule *inner, const char *key, const char *place,
                       char ret[static CONFIG_DESCRIPTION_LEN])
{
	for (const struct config_rule *rule = inner; rule->key; rule++) {
		bool is_list = rule->kind & CONFIG_LIST;
		const struct config_rule *below = is_list ? rule->inner->inner : rule->inner;
		char there[CONFIG_DESCRIPTION_LEN];

		if (!similar_distance(key, rule->key)) {
			snprintf(ret, CONFIG_DESCRIPTION_LEN, "%s",
			         *place ? place : "the document");
			return true;
		}
		snprintf(there, sizeof there, "%.100s%s%s%s", place, *place ? "." : "", rule->key,
		         is_list ? "[]" : "");
		if (below && find_place(below, key, there, ret))
			return true;
	}
	return false;
}

bool config_rule_place(const char *key, char ret[static CONFIG_DESCRIPTION_LEN])
{
	return *key && find_place(config_schema.inner, key, "", ret);
}

bool config_rule_word(const struct config_rule *rule, const char *text, uint64_t *ret)
{
	for (size_t i = 0; rule->kind & CONFIG_WORD && rule->words[i]; i++) {
		if (!strcasecmp(rule->words[i], text)) {
			*ret = i;
			return true;
		}
	}
	return false;
}
