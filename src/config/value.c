/* SPDX-License-Identifier: MIT */
#include "config/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/key_text.h"
#include "config/desired.h"
#include "vtrunkd/ctl.h"
#include "vtrunkd/limits.h"

#define DEVICE_LEN_MAX 15u  /* IFNAMSIZ without its zero */
#define HOST_LEN_MAX   253u /* RFC 1035 2.3.4, in text form */

static const char digits[] = "0123456789";

const char *config_check_device(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_=+.-";
	size_t len = strlen(text);

	if (!len)
		return "empty";
	if (len > DEVICE_LEN_MAX)
		return "too long";
	if (strspn(text, allowed) != len)
		return "text with other characters";
	if (!strcmp(text, ".") || !strcmp(text, ".."))
		return "a name that the kernel refuses";
	return NULL;
}

const char *config_check_name(const char *text)
{
	size_t len = strlen(text);

	if (!len)
		return "empty";
	if (len >= NAME_LEN)
		return "too long";
	if (text[0] == ' ' || text[len - 1] == ' ')
		return "text with blanks around it";
	return NULL;
}

const char *config_check_ip(const char *text)
{
	struct prefix parsed;

	if (prefix_parse(text, &parsed))
		return "";
	return strchr(text, '/') ? "an address with a prefix length" : NULL;
}

/* 0 .. 128 or -1. */
static int parse_prefix_len(const char *text)
{
	size_t len = strlen(text);

	if (!len || len > 3 || strspn(text, digits) != len || (text[0] == '0' && len > 1))
		return -1;
	int bits = atoi(text);
	return bits <= 128 ? bits : -1;
}

/* Length of a contiguous mask, or -1. */
static int mask_len(uint32_t mask)
{
	int bits = 0;

	while (bits < 32 && mask & 1u << (31 - bits))
		bits++;
	return bits == 32 || !(mask << bits) ? bits : -1;
}

const char *config_check_netmask(const char *text)
{
	struct in_addr mask;

	if (parse_prefix_len(text) >= 0)
		return NULL;
	if (inet_pton(AF_INET, text, &mask) != 1)
		return strchr(text, ':') ? "an IPv6 address" : "";
	return mask_len(ntohl(mask.s_addr)) < 0 ? "a netmask with holes" : NULL;
}

int config_netmask_len(const char *text, int family)
{
	struct in_addr mask;
	int bits = parse_prefix_len(text);

	if (bits >= 0)
		return family == AF_INET6 || bits <= 32 ? bits : -1;
	if (family != AF_INET || inet_pton(AF_INET, text, &mask) != 1)
		return -1;
	return mask_len(ntohl(mask.s_addr));
}

const char *config_check_prefix(const char *text)
{
	struct prefix parsed;

	return prefix_parse(text, &parsed) ? "" : NULL;
}

const char *config_check_key(const char *text)
{
	uint8_t key[KEY_LEN];
	int err = key_from_base64(key, text);

	explicit_bzero(key, sizeof key);
	if (err == -EMSGSIZE)
		return *text ? "base64 of another length" : "empty";
	return err ? "not base64" : NULL;
}

int config_bind_parse(const char *text, struct endpoint *ret)
{
	if (!endpoint_parse(text, 0, ret))
		return 0;
	if (endpoint_parse(text, 1, ret)) /* any port, to have a bare address accepted */
		return -EINVAL;
	endpoint_set_port(ret, 0);
	return 0;
}

bool config_bind_is_any_ipv6(const struct endpoint *bind)
{
	return endpoint_family(bind) == AF_INET6 && endpoint_is_wildcard(bind);
}

bool config_bind_has_ipv4_of(const struct endpoint *other, const struct endpoint *any)
{
	return endpoint_family(other) == AF_INET && endpoint_port(any) &&
	       endpoint_port(other) == endpoint_port(any);
}

const char *config_check_bind(const char *text)
{
	struct endpoint parsed;

	return config_bind_parse(text, &parsed) ? "" : NULL;
}

static int split_endpoint(const char *text, char host[static NI_MAXHOST])
{
	uint16_t port;

	return endpoint_split(text, host, NI_MAXHOST, &port);
}

static int host_family(const char *host)
{
	char address[NI_MAXHOST];
	uint8_t parsed[sizeof(struct in6_addr)];
	size_t len = strcspn(host, "%"); /* a scope may name a device that is not there yet */

	memcpy(address, host, len);
	address[len] = '\0';
	if (inet_pton(AF_INET6, address, parsed) == 1)
		return AF_INET6;
	return inet_pton(AF_INET, host, parsed) == 1 ? AF_INET : AF_UNSPEC;
}

int config_endpoint_family(const char *text)
{
	char host[NI_MAXHOST];

	return split_endpoint(text, host) ? AF_UNSPEC : host_family(host);
}

/* RFC 1123 2.1 and underscores, which are in use. */
static bool is_host_name(const char *host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.";
	size_t len = strlen(host);

	if (!len || len > HOST_LEN_MAX || strspn(host, allowed) != len)
		return false;
	if (host[0] == '.' || host[0] == '-' || strstr(host, ".."))
		return false;
	return strspn(host, "0123456789.") != len; /* that would be a broken IPv4 address */
}

const char *config_check_endpoint(const char *text)
{
	char host[NI_MAXHOST];

	if (split_endpoint(text, host))
		return strchr(text, ':') ? "" : "text without a port";
	if (host_family(host) != AF_UNSPEC || (text[0] != '[' && is_host_name(host)))
		return NULL;
	return "neither an address nor a host name";
}

const char *config_check_path(const char *text)
{
	if (text[0] != '/')
		return *text ? "a relative path" : "empty";
	return strlen(text) >= PATH_MAX ? "too long" : NULL;
}

const char *config_check_run_dir(const char *text)
{
	const char *fault = strcmp(text, CONFIG_RUN_DIR_NONE) ? config_check_path(text) : NULL;

	return fault || strlen(text) <= CTL_DIRECTORY_LEN_MAX ? fault : "too long";
}

/* An unquoted number of YAML 1.2 (core schema 10.3.2): integers, hexadecimal, octal, fractions. */
static bool is_number(const char *text)
{
	static const char *const words[] = {".inf", ".nan"};

	if (!strncmp(text, "0x", 2))
		return text[2] && !text[2 + strspn(text + 2, "0123456789abcdefABCDEF")];
	if (!strncmp(text, "0o", 2))
		return text[2] && !text[2 + strspn(text + 2, "01234567")];
	text += *text == '-' || *text == '+';
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (!strcasecmp(text, words[i]))
			return true;

	size_t whole = strspn(text, digits);
	text += whole;
	if (*text == '.') {
		size_t fraction = strspn(++text, digits);

		whole += fraction;
		text += fraction;
	}
	if (!whole)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		if (!isdigit((unsigned char)*text))
			return false;
		text += strspn(text, digits);
	}
	return !*text;
}

const char *config_plain_type(const char *text)
{
	if (is_number(text))
		return "a number";
	return !strcasecmp(text, "true") || !strcasecmp(text, "false") ? "a boolean" : NULL;
}

/* libyaml hands out valid UTF-8, so this looks for control characters only: below U+0020, U+007F to
 * U+009F, and the line separators U+2028 and U+2029.
 */
bool config_text_is_printable(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;

	for (size_t i = 0; i < len; i++) {
		if (at[i] < ' ' || at[i] == 0x7f)
			return false;
		if (at[i] == 0xc2 && i + 1 < len && at[i + 1] < 0xa0)
			return false;
		if (at[i] == 0xe2 && i + 2 < len && at[i + 1] == 0x80 && (at[i + 2] & 0xfe) == 0xa8)
			return false;
	}
	return true;
}

const char *config_form_check(enum config_form form, const char *text)
{
	static const char *(*const checks[])(const char *text) = {
		[CONFIG_FORM_DEVICE] = config_check_device,
		[CONFIG_FORM_NAME] = config_check_name,
		[CONFIG_FORM_IP] = config_check_ip,
		[CONFIG_FORM_NETMASK] = config_check_netmask,
		[CONFIG_FORM_PREFIX] = config_check_prefix,
		[CONFIG_FORM_KEY] = config_check_key,
		[CONFIG_FORM_BIND] = config_check_bind,
		[CONFIG_FORM_ENDPOINT] = config_check_endpoint,
		[CONFIG_FORM_PATH] = config_check_path,
		[CONFIG_FORM_RUN_DIR] = config_check_run_dir,
	};

	return checks[form](text);
}
