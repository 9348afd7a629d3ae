/* SPDX-License-Identifier: MIT */
/* Every value goes through one of the text_ functions: JSON in, what a person reads out, "-" for what
 * is not known. They return a struct so that a call can stand where its text is wanted.
 */
#include "cli/status_text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cli/text_table.h"

struct text {
	char s[48];
};

static const struct text unknown = {"-"};

static const char *text_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static struct text text_count(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	struct text t = unknown;

	if (json_is_integer(value))
		snprintf(t.s, sizeof t.s, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return t;
}

static struct text text_hex(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	struct text t = unknown;

	if (json_is_integer(value))
		snprintf(t.s, sizeof t.s, "%#" PRIx64, (uint64_t)json_integer_value(value));
	return t;
}

static struct text text_number(const json_t *object, const char *key, int digits, const char *unit)
{
	const json_t *value = json_object_get(object, key);
	struct text t = unknown;

	if (json_is_number(value))
		snprintf(t.s, sizeof t.s, "%.*f%s", digits, json_number_value(value), unit);
	return t;
}

static struct text text_yes(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		return unknown;
	return json_is_true(value) ? (struct text){"yes"} : (struct text){"no"};
}

/* @value in the largest unit that leaves it at 1 or above. */
static struct text text_scaled(const json_t *value, double step, const char *const *units,
                               unsigned unit_count)
{
	struct text t = unknown;
	double v = json_number_value(value);
	unsigned unit = 0;

	if (!json_is_number(value))
		return t;
	for (; v >= step && unit + 1 < unit_count; unit++)
		v /= step;
	snprintf(t.s, sizeof t.s, "%.*f %s", unit ? 2 : 0, v, units[unit]);
	return t;
}

static struct text text_bytes(const json_t *object, const char *key)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

	return text_scaled(json_object_get(object, key), 1024, units, 6);
}

static struct text text_rate(const json_t *object, const char *key)
{
	static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s"};

	return text_scaled(json_object_get(object, key), 1000, units, 4);
}

/* The two greatest units that are not zero: "3d 4h", "5m 12s", "7s". */
static struct text text_of_seconds(double seconds)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t left = seconds > 0 && seconds < 1e15 ? seconds : 0;
	struct text t = {"0s"};
	unsigned i = 0;

	while (i < 3 && left < units[i].seconds)
		i++;
	uint64_t high = left / units[i].seconds;
	uint64_t low = i < 3 ? left % units[i].seconds / units[i + 1].seconds : 0;

	if (low)
		snprintf(t.s, sizeof t.s, "%" PRIu64 "%c %" PRIu64 "%c", high, units[i].unit, low,
		         units[i + 1].unit);
	else
		snprintf(t.s, sizeof t.s, "%" PRIu64 "%c", high, units[i].unit);
	return t;
}

static struct text text_duration(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? text_of_seconds(json_number_value(value)) : unknown;
}

static const char *offload_name(const json_t *tun)
{
	if (json_is_true(json_object_get(tun, "udp_offload")))
		return "TCP and UDP";
	return json_is_true(json_object_get(tun, "tcp_offload")) ? "TCP" : "nothing";
}

static void print_interface(FILE *out, const json_t *status)
{
	const json_t *pool = json_object_get(status, "pool");
	const json_t *tun = json_object_get(status, "tun");

	fprintf(out, "interface: %s\n", text_string(status, "interface"));
	fprintf(out, "  public key: %s\n", text_string(status, "public_key"));
	fprintf(out, "  version: %s, process %s, up %s\n", text_string(status, "version"),
	        text_count(status, "pid").s, text_duration(status, "uptime_s").s);
	fprintf(out, "  mtu: %s, workers: %s, crypto: %s\n", text_count(status, "mtu").s,
	        text_count(status, "workers").s, text_string(status, "crypto"));
	if (json_is_object(tun))
		fprintf(out, "  tun: %s queue%s, offload of %s, dropped by the kernel: %s\n",
		        text_count(tun, "queues").s,
		        json_integer_value(json_object_get(tun, "queues")) == 1 ? "" : "s",
		        offload_name(tun), text_count(tun, "kernel_drops").s);
	if (json_is_object(pool))
		fprintf(out, "  packet buffers: %s batches, up to %s\n",
		        text_count(pool, "batches").s, text_bytes(pool, "bytes").s);
}

/* By the kernel: data and, where there are any, handshake messages. */
static struct text text_link_drops(const json_t *link)
{
	struct text data = text_count(link, "kernel_drops"), both;
	json_int_t handshakes = json_integer_value(json_object_get(link, "handshake_kernel_drops"));

	if (handshakes <= 0)
		return data;
	snprintf(both.s, sizeof both.s, "%.20s + %" JSON_INTEGER_FORMAT, data.s, handshakes);
	return both;
}

static void print_links(FILE *out, const json_t *links)
{
	static const char *const titles[] = {"NAME",     "STATE",  "SINCE",   "BIND",
	                                     "DEVICE",   "FWMARK", "WEIGHT",  "SENT",
	                                     "RECEIVED", "ERRORS", "DROPPED", "REASON"};
	struct text_table *table = text_table_create(titles, 12);
	const json_t *link;
	size_t i;

	json_array_foreach(links, i, link)
	{
		text_table_add(table, text_string(link, "name"));
		text_table_add(table, text_string(link, "state"));
		text_table_add(table, text_duration(link, "since_s").s);
		text_table_add(table, text_string(link, "bind"));
		text_table_add(table, text_string(link, "device"));
		text_table_add(table, text_hex(link, "fwmark").s);
		text_table_add(table, text_count(link, "weight").s);
		text_table_add(table, text_bytes(link, "tx_bytes").s);
		text_table_add(table, text_bytes(link, "rx_bytes").s);
		text_table_add(table, text_count(link, "tx_errors").s);
		text_table_add(table, text_link_drops(link).s);
		text_table_add(table, text_string(link, "reason"));
	}
	fputs("\nlinks:\n", out);
	text_table_print(table, 2, out);
	text_table_destroy(table);
}

static void print_paths(FILE *out, const json_t *paths)
{
	static const char *const titles[] = {
		"ID",       "LINK",    "ENDPOINT", "STATE",    "SINCE",   "IN USE",
		"WEIGHT",   "RTT",     "JITTER",   "LOSS OUT", "LOSS IN", "HEARD",
		"RATE OUT", "RATE IN", "SENT",     "RECEIVED", "REASON"};
	struct text_table *table = text_table_create(titles, 17);
	const json_t *path;
	size_t i;

	json_array_foreach(paths, i, path)
	{
		text_table_add(table, text_count(path, "id").s);
		text_table_add(table, text_string(path, "link"));
		text_table_add(table, text_string(path, "endpoint"));
		text_table_add(table, text_string(path, "state"));
		text_table_add(table, text_duration(path, "since_s").s);
		text_table_add(table, text_yes(path, "in_use").s);
		text_table_add(table, text_count(path, "weight").s);
		text_table_add(table, text_number(path, "rtt_ms", 1, " ms").s);
		text_table_add(table, text_number(path, "jitter_ms", 1, " ms").s);
		text_table_add(table, text_number(path, "loss_tx_percent", 1, " %").s);
		text_table_add(table, text_number(path, "loss_rx_percent", 1, " %").s);
		text_table_add(table, text_duration(path, "last_heard_s").s);
		text_table_add(table, text_rate(path, "tx_bps").s);
		text_table_add(table, text_rate(path, "rx_bps").s);
		text_table_add(table, text_bytes(path, "tx_bytes").s);
		text_table_add(table, text_bytes(path, "rx_bytes").s);
		text_table_add(table, text_string(path, "reason"));
	}
	fputs("  paths:\n", out);
	text_table_print(table, 4, out);
	text_table_destroy(table);
}

static void print_notes(FILE *out, const json_t *paths)
{
	const json_t *path;
	size_t i;

	json_array_foreach(paths, i, path)
	{
		if (json_is_string(json_object_get(path, "note")))
			fprintf(out, "    path %s: %s\n", text_count(path, "id").s,
			        text_string(path, "note"));
	}
}

static void print_session(FILE *out, const json_t *peer, time_t now)
{
	const char *session = text_string(peer, "session");
	const json_t *last = json_object_get(peer, "last_handshake");

	fprintf(out, "  session: %s", session);
	if (!strcmp(session, "established"))
		fprintf(out, " %s ago as %s", text_duration(peer, "session_age_s").s,
		        text_string(peer, "session_role"));
	fprintf(out, ", handshakes: %s", text_count(peer, "handshakes").s);
	if (json_is_number(last))
		fprintf(out, ", latest %s ago",
		        text_of_seconds(difftime(now, json_number_value(last))).s);
	fputc('\n', out);
	if (json_integer_value(json_object_get(peer, "unanswered_initiations")) > 0)
		fprintf(out, "  no answer to %s handshake initiations\n",
		        text_count(peer, "unanswered_initiations").s);
	if (json_integer_value(json_object_get(peer, "stale_initiations")) > 0)
		fprintf(out,
		        "  refused: %s handshake initiations of an older time, the peer's clock "
		        "seems %s behind\n",
		        text_count(peer, "stale_initiations").s,
		        text_duration(peer, "clock_behind_s").s);
}

static void print_allowed_ips(FILE *out, const json_t *prefixes)
{
	const json_t *prefix;
	size_t i;

	fputs("  allowed ips:", out);
	json_array_foreach(prefixes, i, prefix)
		fprintf(out, "%s %s", i ? "," : "",
	                json_is_string(prefix) ? json_string_value(prefix) : "-");
	fputs(json_array_size(prefixes) ? "\n" : " (none)\n", out);
}

static void print_peer(FILE *out, const json_t *peer, time_t now)
{
	const json_t *paths = json_object_get(peer, "paths");

	fprintf(out, "\npeer: %s\n", text_string(peer, "name"));
	fprintf(out, "  public key: %s\n", text_string(peer, "public_key"));
	fprintf(out, "  mode: %s, bonding: %s\n", text_string(peer, "mode"),
	        text_string(peer, "bonding"));
	print_session(out, peer, now);
	fprintf(out, "  endpoint: %s\n", text_string(peer, "endpoint"));
	print_allowed_ips(out, json_object_get(peer, "allowed_ips"));
	fprintf(out, "  transfer: %s received, %s sent\n", text_bytes(peer, "rx_bytes").s,
	        text_bytes(peer, "tx_bytes").s);
	if (json_integer_value(json_object_get(peer, "staged_packets")) > 0)
		fprintf(out, "  waiting for a session: %s packets\n",
		        text_count(peer, "staged_packets").s);
	if (json_array_size(paths))
		print_paths(out, paths);
	print_notes(out, paths);
}

/* Only reasons that were met. */
static void print_drops(FILE *out, json_t *drops)
{
	static const char *const titles[] = {"REASON", "PACKETS"};
	struct text_table *table;
	const char *reason;
	const json_t *count;
	bool has_any = false;

	json_object_foreach(drops, reason, count) has_any |= json_integer_value(count) > 0;
	if (!has_any)
		return;
	table = text_table_create(titles, 2);
	json_object_foreach(drops, reason, count)
	{
		if (json_integer_value(count) <= 0)
			continue;
		text_table_add(table, reason);
		text_table_add(table, text_count(drops, reason).s);
	}
	fputs("\ndrops:\n", out);
	text_table_print(table, 2, out);
	text_table_destroy(table);
}

static void print_lost_lines(FILE *out, const json_t *status)
{
	json_int_t lost = json_integer_value(json_object_get(status, "log_lines_lost"));

	if (lost > 0)
		fprintf(out, "\nlog: %lld lines lost, nobody took them in time\n", (long long)lost);
}

void status_print(FILE *out, const json_t *status, time_t now)
{
	const json_t *links = json_object_get(status, "links");
	const json_t *peer;
	size_t i;

	print_interface(out, status);
	if (json_array_size(links))
		print_links(out, links);
	json_array_foreach(json_object_get(status, "peers"), i, peer) print_peer(out, peer, now);
	print_drops(out, json_object_get(status, "drops"));
	print_lost_lines(out, status);
}
