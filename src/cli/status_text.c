/* SPDX-License-Identifier: MIT */
/* Every value goes through cli/status_value.h, which knows its unit; here is what stands where. */
#include "cli/status_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "cli/status_value.h"
#include "cli/text_table.h"

#define COLUMNS_MAX 21u

/* Of a table with a row for each object of a list. */
struct column {
	const char *title;
	enum status_member member;
	/* In the place of the member's value, where it says more than that. */
	const char *(*cell)(const json_t *object, char room[static STATUS_VALUE_LEN]);
};

static const char *offload_name(const json_t *tun)
{
	if (json_is_true(status_get(tun, TUN_udp_offload)))
		return "TCP and UDP";
	return json_is_true(status_get(tun, TUN_tcp_offload)) ? "TCP" : "nothing";
}

static void print_interface(FILE *out, const json_t *status)
{
	const json_t *pool = status_get(status, STATUS_pool);
	const json_t *tun = status_get(status, STATUS_tun);

	fprintf(out, "interface: %s\n", STATUS_VALUE(status, STATUS_interface));
	fprintf(out, "  public key: %s\n", STATUS_VALUE(status, STATUS_public_key));
	fprintf(out, "  version: %s, process %s, up %s\n", STATUS_VALUE(status, STATUS_version),
	        STATUS_VALUE(status, STATUS_pid), STATUS_VALUE(status, STATUS_uptime_s));
	fprintf(out, "  mtu: %s, workers: %s, crypto: %s\n", STATUS_VALUE(status, STATUS_mtu),
	        STATUS_VALUE(status, STATUS_workers), STATUS_VALUE(status, STATUS_crypto));
	if (json_is_object(tun))
		fprintf(out, "  tun: %s queue%s, offload of %s, dropped by the kernel: %s\n",
		        STATUS_VALUE(tun, TUN_queues),
		        status_integer(tun, TUN_queues) == 1 ? "" : "s", offload_name(tun),
		        STATUS_VALUE(tun, TUN_kernel_drops));
	if (json_is_object(pool))
		fprintf(out, "  packet buffers: %s batches, up to %s\n",
		        STATUS_VALUE(pool, POOL_batches), STATUS_VALUE(pool, POOL_bytes));
}

static void print_table(FILE *out, const struct column *columns, unsigned count, unsigned indent,
                        const json_t *objects)
{
	const char *titles[COLUMNS_MAX];
	const json_t *object;
	size_t i;

	for (unsigned c = 0; c < count; c++)
		titles[c] = columns[c].title;
	struct text_table *table = text_table_create(titles, count);
	json_array_foreach(objects, i, object)
	{
		for (const struct column *c = columns; c < columns + count; c++) {
			char room[STATUS_VALUE_LEN];

			text_table_add(table, c->cell ? c->cell(object, room)
			                              : status_value(object, c->member, room));
		}
	}
	text_table_print(table, indent, out);
	text_table_destroy(table);
}

/* By the kernel: data and, where there are any, handshake messages. */
static const char *link_drops(const json_t *link, char room[static STATUS_VALUE_LEN])
{
	const char *data = STATUS_VALUE(link, LINK_kernel_drops);
	int64_t handshakes = status_integer(link, LINK_handshake_kernel_drops);

	if (handshakes > 0)
		snprintf(room, STATUS_VALUE_LEN, "%.20s + %lld", data, (long long)handshakes);
	else
		snprintf(room, STATUS_VALUE_LEN, "%s", data);
	return room;
}

static void print_links(FILE *out, const json_t *links)
{
	static const struct column columns[] = {
		{"NAME", LINK_name},
		{"STATE", LINK_state},
		{"SINCE", LINK_since_s},
		{"BIND", LINK_bind},
		{"DEVICE", LINK_device},
		{"FWMARK", LINK_fwmark},
		{"WEIGHT", LINK_weight},
		{"ROLE", LINK_role},
		{"LIMIT OUT", LINK_tx_limit_bps},
		{"LIMIT IN", LINK_rx_limit_bps},
		{"SENT", LINK_tx_bytes},
		{"RECEIVED", LINK_rx_bytes},
		{"ERRORS", LINK_tx_errors},
		{"DROPPED", LINK_kernel_drops, link_drops},
		{"REASON", LINK_reason},
	};

	fputs("\nlinks:\n", out);
	print_table(out, columns, sizeof columns / sizeof *columns, 2, links);
}

static void print_paths(FILE *out, const json_t *paths)
{
	static const struct column columns[] = {
		{"ID", PATH_id},
		{"LINK", PATH_link},
		{"ENDPOINT", PATH_endpoint},
		{"STATE", PATH_state},
		{"SINCE", PATH_since_s},
		{"IN USE", PATH_in_use},
		{"WEIGHT", PATH_weight},
		{"ROLE", PATH_role},
		{"LIMIT", PATH_tx_limit_bps},
		{"MTU", PATH_mtu},
		{"RTT", PATH_rtt_ms},
		{"JITTER", PATH_jitter_ms},
		{"LOSS OUT", PATH_loss_tx_percent},
		{"LOSS IN", PATH_loss_rx_percent},
		{"HEARD", PATH_last_heard_s},
		{"RATE OUT", PATH_tx_bps},
		{"SHARE", PATH_share_percent},
		{"RATE IN", PATH_rx_bps},
		{"SENT", PATH_tx_bytes},
		{"RECEIVED", PATH_rx_bytes},
		{"REASON", PATH_reason},
	};

	_Static_assert(sizeof columns / sizeof *columns <= COLUMNS_MAX, "the widest table");
	fputs("  paths:\n", out);
	print_table(out, columns, sizeof columns / sizeof *columns, 4, paths);
}

/* Of paths whose peer reports. */
static void print_learned(FILE *out, const json_t *paths)
{
	static const struct column columns[] = {
		{"ID", PATH_id},
		{"WAY", PATH_way_ms},
		{"JITTER", PATH_way_jitter_ms},
		{"QUEUE", PATH_queue_ms},
		{"ARRIVED", PATH_arrived_bps},
		{"CAPACITY", PATH_capacity_bps},
		{"LOSS", PATH_data_loss_percent},
	};
	bool has_any = false;
	const json_t *path;
	size_t i;

	json_array_foreach(paths, i, path) has_any |=
		json_is_number(status_get(path, PATH_way_ms));
	if (!has_any)
		return;
	fputs("  learned of the way there:\n", out);
	print_table(out, columns, sizeof columns / sizeof *columns, 4, paths);
}

static void print_notes(FILE *out, const json_t *paths)
{
	const json_t *path;
	size_t i;

	json_array_foreach(paths, i, path)
	{
		if (json_is_string(status_get(path, PATH_note)))
			fprintf(out, "    path %s: %s\n", STATUS_VALUE(path, PATH_id),
			        STATUS_VALUE(path, PATH_note));
	}
}

static void print_session(FILE *out, const json_t *peer, time_t now)
{
	const char *session = STATUS_VALUE(peer, PEER_session);
	char age[STATUS_VALUE_LEN];
	const json_t *last = status_get(peer, PEER_last_handshake);

	fprintf(out, "  session: %s", session);
	if (!strcmp(session, "established"))
		fprintf(out, " %s ago as %s", STATUS_VALUE(peer, PEER_session_age_s),
		        STATUS_VALUE(peer, PEER_session_role));
	fprintf(out, ", handshakes: %s", STATUS_VALUE(peer, PEER_handshakes));
	if (json_is_number(last))
		fprintf(out, ", latest %s ago",
		        status_duration(difftime(now, json_number_value(last)), age));
	fputc('\n', out);
	if (status_integer(peer, PEER_unanswered_initiations) > 0)
		fprintf(out, "  no answer to %s handshake initiations\n",
		        STATUS_VALUE(peer, PEER_unanswered_initiations));
	if (status_integer(peer, PEER_stale_initiations) > 0)
		fprintf(out,
		        "  refused: %s handshake initiations of an older time, the peer's clock "
		        "seems %s behind\n",
		        STATUS_VALUE(peer, PEER_stale_initiations),
		        STATUS_VALUE(peer, PEER_clock_behind_s));
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
	const json_t *paths = status_get(peer, PEER_paths);

	fprintf(out, "\npeer: %s\n", STATUS_VALUE(peer, PEER_name));
	fprintf(out, "  public key: %s\n", STATUS_VALUE(peer, PEER_public_key));
	fprintf(out, "  mode: %s, bonding: %s\n", STATUS_VALUE(peer, PEER_mode),
	        STATUS_VALUE(peer, PEER_bonding));
	print_session(out, peer, now);
	fprintf(out, "  endpoint: %s\n", STATUS_VALUE(peer, PEER_endpoint));
	print_allowed_ips(out, status_get(peer, PEER_allowed_ips));
	fprintf(out, "  transfer: %s received, %s sent\n", STATUS_VALUE(peer, PEER_rx_bytes),
	        STATUS_VALUE(peer, PEER_tx_bytes));
	if (status_integer(peer, PEER_staged_packets) > 0)
		fprintf(out, "  waiting to be sent: %s packets\n",
		        STATUS_VALUE(peer, PEER_staged_packets));
	if (json_array_size(paths))
		print_paths(out, paths);
	print_learned(out, paths);
	print_notes(out, paths);
}

/* Only reasons that were met. */
static void print_drops(FILE *out, json_t *drops)
{
	static const char *const titles[] = {"REASON", "PACKETS"};
	struct text_table *table;
	char packets[STATUS_VALUE_LEN];
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
		snprintf(packets, sizeof packets, "%" JSON_INTEGER_FORMAT,
		         json_integer_value(count));
		text_table_add(table, packets);
	}
	fputs("\ndrops:\n", out);
	text_table_print(table, 2, out);
	text_table_destroy(table);
}

/* Only when there is something to tell. */
static void print_marks(FILE *out, const json_t *ecn)
{
	int64_t made = status_integer(ecn, ECN_marked), carried = status_integer(ecn, ECN_carried);
	int64_t unexpected = status_integer(ecn, ECN_unexpected);

	if (made <= 0 && carried <= 0 && unexpected <= 0)
		return;
	fprintf(out, "\necn: %lld packets marked, marks of %lld carried on", (long long)made,
	        (long long)carried);
	if (unexpected > 0)
		fprintf(out, ", %lld came with a field that nobody sends", (long long)unexpected);
	fputs("\n", out);
}

static void print_lost_lines(FILE *out, const json_t *status)
{
	json_int_t lost = status_integer(status, STATUS_log_lines_lost);

	if (lost > 0)
		fprintf(out, "\nlog: %lld lines lost, nobody took them in time\n", (long long)lost);
}

void status_print(FILE *out, const json_t *status, time_t now)
{
	const json_t *links = status_get(status, STATUS_links);
	const json_t *peer;
	size_t i;

	print_interface(out, status);
	if (json_array_size(links))
		print_links(out, links);
	json_array_foreach(status_get(status, STATUS_peers), i, peer) print_peer(out, peer, now);
	print_drops(out, status_get(status, STATUS_drops));
	print_marks(out, status_get(status, STATUS_ecn));
	print_lost_lines(out, status);
}
