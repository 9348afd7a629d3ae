/* SPDX-License-Identifier: MIT */
#include "config/diff_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/key_text.h"
#include "config/settings.h"
#include "sched/link_wishes.h"

static void write_setting(FILE *out, const struct change_list *list,
                          const struct desired_setting *setting)
{
	fprintf(out, "%s: ", setting->key);
	if (setting->write) {
		fputs("from ", out);
		setting->write(out, list->from);
		fputs(" to ", out);
		setting->write(out, list->to);
	} else {
		fputs("another one", out);
	}
	fputs("; needs a restart", out);
}

static void write_bind(FILE *out, const struct desired_link *link)
{
	char text[ENDPOINT_TEXT_LEN];

	if (endpoint_family(&link->bind) == AF_UNSPEC)
		fputs("any address", out);
	else
		fprintf(out, "%s%s", endpoint_format(&link->bind, text),
		        endpoint_is_wildcard(&link->bind) && link->both_families
		                ? " of both families"
		                : "");
}

static void write_device(FILE *out, const struct desired_link *link)
{
	fputs(link->any_device ? CONFIG_ANY_DEVICE
	      : link->device   ? link->device
	                       : "that of its address",
	      out);
}

static void write_fwmark(FILE *out, const struct desired_link *link)
{
	if (link->has_fwmark)
		fprintf(out, "0x%" PRIx32, link->fwmark);
	else
		fputs("none", out);
}

static void write_weight(FILE *out, const struct desired_link *link)
{
	fprintf(out, "%" PRIu32, link->weight);
}

static void write_role(FILE *out, const struct desired_link *link)
{
	fputs(link_role_name(link->role), out);
}

static void write_limit(FILE *out, const char *way, uint32_t kbps)
{
	if (kbps)
		fprintf(out, "%s %" PRIu32 " Mbit/s", way, kbps / 1000);
	else
		fprintf(out, "%s none", way);
}

static void write_limits(FILE *out, const struct desired_link *link)
{
	write_limit(out, "up", link->limits.up_kbps);
	write_limit(out, ", down", link->limits.down_kbps);
}

static void write_from_to(FILE *out, const struct change *change, const char *what,
                          void (*write)(FILE *out, const struct desired_link *link))
{
	fprintf(out, "%s from ", what);
	write(out, change->old_link);
	fputs(" to ", out);
	write(out, change->new_link);
}

static void write_link(FILE *out, const struct change *change)
{
	const struct desired_link *link = change->new_link ? change->new_link : change->old_link;

	fprintf(out, "link %s: ", link->name);
	switch (change->kind) {
	case CHANGE_LINK_ADD:
		fputs("added", out);
		break;
	case CHANGE_LINK_REMOVE:
		fputs("removed", out);
		break;
	case CHANGE_LINK_BIND:
		write_from_to(out, change, "bind", write_bind);
		break;
	case CHANGE_LINK_DEVICE:
		write_from_to(out, change, "device", write_device);
		break;
	case CHANGE_LINK_FWMARK:
		write_from_to(out, change, "fwmark", write_fwmark);
		break;
	case CHANGE_LINK_WEIGHT:
		write_from_to(out, change, "weight", write_weight);
		break;
	case CHANGE_LINK_ROLE:
		write_from_to(out, change, "role", write_role);
		break;
	default:
		write_from_to(out, change, "rate limit", write_limits);
		break;
	}
}

static void write_peer_key(FILE *out, const struct desired_peer *peer, const char *what)
{
	char key[KEY_TEXT_LEN];

	key_to_base64(key, peer->public_key);
	fprintf(out, "%s, public key %s", what, key);
}

static void write_endpoint(FILE *out, const struct desired *in,
                           const struct desired_endpoint *endpoint, const char *what)
{
	const char *link = desired_endpoint_link(in, endpoint);

	fprintf(out, "endpoint %s%s%s %s", endpoint->address, *link ? " by link " : "", link, what);
}

static void write_allowed_ip(FILE *out, const struct prefix *ip, const char *what)
{
	char text[PREFIX_TEXT_LEN];

	fprintf(out, "allowed IPs %s %s", prefix_format(ip, text), what);
}

static const char *preshared_key_change(const struct change *change)
{
	if (!change->old_peer->has_preshared_key)
		return "added";
	return change->new_peer->has_preshared_key ? "replaced" : "removed";
}

static void write_peer(FILE *out, const struct change_list *list, const struct change *change)
{
	const struct desired_peer *old = change->old_peer, *new = change->new_peer;

	fprintf(out, "peer %s: ", old ? old->name : new->name);
	switch (change->kind) {
	case CHANGE_PEER_ADD:
		write_peer_key(out, new, "added");
		break;
	case CHANGE_PEER_REMOVE:
		write_peer_key(out, old, "removed");
		break;
	case CHANGE_PEER_NAME:
		fprintf(out, "name from %s to %s", old->name, new->name);
		break;
	case CHANGE_PEER_PRESHARED_KEY:
		fprintf(out, "preshared key %s", preshared_key_change(change));
		break;
	case CHANGE_PEER_MODE:
		fprintf(out, "bonding mode from %s to %s", bonding_mode_name(old->mode),
		        bonding_mode_name(new->mode));
		break;
	case CHANGE_PEER_KEEPALIVE:
		fprintf(out, "persistent keepalive from %u s to %u s",
		        (unsigned)old->persistent_keepalive, (unsigned)new->persistent_keepalive);
		break;
	case CHANGE_ALLOWED_IP_ADD:
		write_allowed_ip(out, change->allowed_ip, "added");
		break;
	case CHANGE_ALLOWED_IP_REMOVE:
		write_allowed_ip(out, change->allowed_ip, "removed");
		break;
	case CHANGE_ENDPOINT_ADD:
		write_endpoint(out, list->to, change->endpoint, "added");
		break;
	default:
		write_endpoint(out, list->from, change->endpoint, "removed");
		break;
	}
}

void change_write(const struct change_list *list, const struct change *change, FILE *out)
{
	if (change->setting)
		write_setting(out, list, change->setting);
	else if (change->old_link || change->new_link)
		write_link(out, change);
	else
		write_peer(out, list, change);
}

void change_list_write(const struct change_list *list, FILE *out)
{
	for (size_t i = 0; i < list->count; i++) {
		change_write(list, &list->changes[i], out);
		fputc('\n', out);
	}
}
