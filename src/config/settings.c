/* SPDX-License-Identifier: MIT */
#include "config/settings.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "vtrunkd/ctl.h"

/* A setting whose value is compared and written by two expressions about `d`. */
#define NUMBER(name, member, divisor, unit)                                       \
	static bool same_##name(const struct desired *a, const struct desired *b) \
	{                                                                         \
		return a->member == b->member;                                    \
	}                                                                         \
	static void write_##name(FILE *out, const struct desired *d)              \
	{                                                                         \
		fprintf(out, "%" PRIu64 unit, (uint64_t)(d->member / (divisor))); \
	}

#define WORD(name, member, ...)                                                   \
	static bool same_##name(const struct desired *a, const struct desired *b) \
	{                                                                         \
		return a->member == b->member;                                    \
	}                                                                         \
	static void write_##name(FILE *out, const struct desired *d)              \
	{                                                                         \
		static const char *const words[] = {__VA_ARGS__};                 \
                                                                                  \
		fputs(words[d->member], out);                                     \
	}

NUMBER(mtu, mtu, 1, "")
NUMBER(buffer_size, buffer_size, 1, "")
NUMBER(error_backoff, error_backoff_ns, NS_PER_S, " s")
NUMBER(health_interval, health_interval_ns, NS_PER_MS, " ms")
NUMBER(health_timeout, health_timeout_ns, NS_PER_MS, " ms")
NUMBER(busy_poll, busy_poll_us, 1, " us")
WORD(routes, routes_auto, "none", "auto")
WORD(bonding, bonding, "auto", "require", "off")
WORD(peers, allows_everything, "peers", "peer_public_key")
WORD(crypto, crypto, "auto", "sodium", "ipsec-mb")
WORD(offloads, has_offloads, "off", "auto")
WORD(level, log_level, "error", "warning", "info", "debug")
WORD(format, log_format, "auto", "text", "json", "journal")

static bool same_interface(const struct desired *a, const struct desired *b)
{
	return !strcmp(a->interface, b->interface);
}

static void write_interface(FILE *out, const struct desired *d)
{
	fputs(*d->interface ? d->interface : "a name of the kernel's", out);
}

static bool same_addresses(const struct desired *a, const struct desired *b)
{
	if (a->address_count != b->address_count)
		return false;
	for (size_t i = 0; i < a->address_count; i++)
		if (!prefix_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	return true;
}

static void write_addresses(FILE *out, const struct desired *d)
{
	char text[PREFIX_TEXT_LEN];

	if (!d->address_count)
		fputs("none", out);
	for (size_t i = 0; i < d->address_count; i++)
		fprintf(out, "%s%s", i ? ", " : "", prefix_format(&d->addresses[i], text));
}

static bool same_destination(const struct desired *a, const struct desired *b)
{
	return a->destination.family == b->destination.family &&
	       (!a->destination.family || prefix_equal(&a->destination, &b->destination));
}

static void write_destination(FILE *out, const struct desired *d)
{
	char text[PREFIX_TEXT_LEN];

	fputs(d->destination.family ? prefix_format(&d->destination, text) : "none", out);
}

static bool same_private_key(const struct desired *a, const struct desired *b)
{
	return !memcmp(a->private_key, b->private_key, KEY_LEN);
}

static bool same_workers(const struct desired *a, const struct desired *b)
{
	return a->workers == b->workers;
}

static void write_workers(FILE *out, const struct desired *d)
{
	if (d->workers)
		fprintf(out, "%u", d->workers);
	else
		fputs("auto", out);
}

static const char *run_dir_of(const struct desired *d)
{
	return d->run_dir ? d->run_dir : CTL_DIRECTORY;
}

/* The default directory, when it is named, is one that must be usable. */
static bool same_run_dir(const struct desired *a, const struct desired *b)
{
	return !a->run_dir == !b->run_dir && !strcmp(run_dir_of(a), run_dir_of(b));
}

static void write_run_dir(FILE *out, const struct desired *d)
{
	fprintf(out, "%s%s", run_dir_of(d), d->run_dir ? "" : " by default");
}

static bool same_cpus(const struct desired_cpus *a, const struct desired_cpus *b)
{
	return a->count == b->count && !memcmp(a->cpu, b->cpu, a->count * sizeof *a->cpu);
}

static void write_cpus(FILE *out, const struct desired_cpus *cpus)
{
	if (!cpus->count)
		fputs("none", out);
	for (size_t i = 0; i < cpus->count; i++)
		fprintf(out, "%s%u", i ? ", " : "", (unsigned)cpus->cpu[i]);
}

#define CPUS(role)                                                                     \
	static bool same_cpus_##role(const struct desired *a, const struct desired *b) \
	{                                                                              \
		return same_cpus(&a->cpus_##role, &b->cpus_##role);                    \
	}                                                                              \
	static void write_cpus_##role(FILE *out, const struct desired *d)              \
	{                                                                              \
		write_cpus(out, &d->cpus_##role);                                      \
	}

CPUS(control)
CPUS(tun)
CPUS(rx)
CPUS(workers)

static bool same_rule(const struct traffic_rule *a, const struct traffic_rule *b)
{
	return a->dscp == b->dscp && a->max_bytes == b->max_bytes &&
	       !memcmp(a->protocol, b->protocol, sizeof a->protocol) && a->ports == b->ports &&
	       !memcmp(a->port, b->port, sizeof a->port) && a->treatment == b->treatment &&
	       !memcmp(&a->source, &b->source, sizeof a->source) &&
	       !memcmp(&a->destination, &b->destination, sizeof a->destination);
}

static bool same_classes(const struct desired *a, const struct desired *b)
{
	for (size_t i = 0; i < a->class_count && i < b->class_count; i++) {
		const struct desired_class *x = &a->classes[i], *y = &b->classes[i];

		if (!same_rule(&x->rule, &y->rule) || strcmp(x->link, y->link) ||
		    strcmp(x->name, y->name))
			return false;
	}
	return a->class_count == b->class_count;
}

static void write_classes(FILE *out, const struct desired *d)
{
	if (!d->class_count)
		fputs("none", out);
	for (size_t i = 0; i < d->class_count; i++)
		fprintf(out, "%s%s", i ? ", " : "", d->classes[i].name);
}

const struct desired_setting desired_settings[] = {
	{"network.mtu", same_mtu, write_mtu},
	{"network.buffer_size", same_buffer_size, write_buffer_size},
	{"network.interface", same_interface, write_interface},
	{"network.addresses", same_addresses, write_addresses},
	{"network.destination", same_destination, write_destination},
	{"network.routes", same_routes, write_routes},
	{"wireguard.private_key", same_private_key, NULL},
	{"wireguard", same_peers, write_peers},
	{"wireguard.bonding", same_bonding, write_bonding},
	{"wireguard.error_backoff_secs", same_error_backoff, write_error_backoff},
	{"wireguard.health_check_interval_ms", same_health_interval, write_health_interval},
	{"wireguard.health_check_timeout_ms", same_health_timeout, write_health_timeout},
	{"wireguard.classes", same_classes, write_classes},
	{"dataplane.workers", same_workers, write_workers},
	{"dataplane.cpus.control", same_cpus_control, write_cpus_control},
	{"dataplane.cpus.tun", same_cpus_tun, write_cpus_tun},
	{"dataplane.cpus.rx", same_cpus_rx, write_cpus_rx},
	{"dataplane.cpus.workers", same_cpus_workers, write_cpus_workers},
	{"dataplane.crypto", same_crypto, write_crypto},
	{"dataplane.busy_poll_us", same_busy_poll, write_busy_poll},
	{"dataplane.offloads", same_offloads, write_offloads},
	{"control.run_dir", same_run_dir, write_run_dir},
	{"logging.level", same_level, write_level},
	{"logging.format", same_format, write_format},
};
const size_t desired_setting_count = sizeof desired_settings / sizeof desired_settings[0];
