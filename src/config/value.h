/* SPDX-License-Identifier: MIT */
/* value.h - the forms that single values of the configuration have.
 *
 * Each check takes a text and returns NULL when it is good, else what it is instead, to stand after
 * "this is", or "" when there is nothing more to say. Pure functions, but that the scope of a
 * link-local bind must be an interface that exists.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/prefix.h"
#include "config/keys.h"

const char *config_check_device(const char *text);   /* name of a network interface */
const char *config_check_name(const char *text);     /* name of a link or a peer */
const char *config_check_ip(const char *text);       /* "IP" */
const char *config_check_netmask(const char *text);  /* "255.255.255.0" or "24" */
const char *config_check_prefix(const char *text);   /* "IP/LEN" or "IP" */
const char *config_check_key(const char *text);      /* base64 of 32 bytes */
const char *config_check_bind(const char *text);     /* "IP", "IP:PORT", "[IPv6]:PORT" */
const char *config_check_endpoint(const char *text); /* "HOST:PORT", "IP:PORT", "[IPv6]:PORT" */
const char *config_check_path(const char *text);     /* absolute, of a file */
const char *config_check_run_dir(const char *text);  /* absolute, with room for a socket; "none" */

/* The check of @form, which is one. */
const char *config_form_check(enum config_form form, const char *text);

/* What YAML takes an unquoted @text for: "a number", "a boolean", or NULL for text. */
const char *config_plain_type(const char *text);

/* Printable UTF-8 of one line, for @len bytes. */
bool config_text_is_printable(const char *text, size_t len);

/* A good value as an address and port; the port of a bare address is 0. Returns 0 or -EINVAL. */
int config_bind_parse(const char *text, struct endpoint *ret);

/* [::], with any port. */
bool config_bind_is_any_ipv6(const struct endpoint *bind);

/* Whether @other has for IPv4 the port of @any, so that @any, of config_bind_is_any_ipv6(), is left
 * with IPv6.
 */
bool config_bind_has_ipv4_of(const struct endpoint *other, const struct endpoint *any);

/* Length of a netmask for an address of @family, or -1 when it does not fit the family. */
int config_netmask_len(const char *text, int family);

/* AF_INET or AF_INET6 when the host of an endpoint is numeric, else AF_UNSPEC. */
int config_endpoint_family(const char *text);

#endif
