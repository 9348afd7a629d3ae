/* SPDX-License-Identifier: MIT */
#include "cli/explain_text.h"

#include <string.h>

#include "cli/status_value.h"
#include "cli/text_wrap.h"

#define LINE_LEN 512u

/* Away from us; the capacity is learned from what the peer reports. */
static void print_out(FILE *out, const json_t *path)
{
	char line[LINE_LEN];

	snprintf(line, sizeof line,
	         "out: %s, share %s, capacity %s, round trip %s, queue %s, loss %s",
	         STATUS_VALUE(path, PATH_tx_bps), STATUS_VALUE(path, PATH_share_percent),
	         STATUS_VALUE(path, PATH_capacity_bps), STATUS_VALUE(path, PATH_rtt_ms),
	         STATUS_VALUE(path, PATH_queue_ms),
	         json_is_number(status_get(path, PATH_data_loss_percent))
	                 ? STATUS_VALUE(path, PATH_data_loss_percent)
	                 : STATUS_VALUE(path, PATH_loss_tx_percent));
	text_wrap(out, 4, line);
}

static void print_path(FILE *out, const json_t *path)
{
	char line[LINE_LEN];

	snprintf(line, sizeof line, "path %s, %s to %s:", STATUS_VALUE(path, PATH_id),
	         STATUS_VALUE(path, PATH_link), STATUS_VALUE(path, PATH_endpoint));
	text_wrap(out, 2, line);
	print_out(out, path);
	snprintf(line, sizeof line, "in: %s, loss %s", STATUS_VALUE(path, PATH_rx_bps),
	         STATUS_VALUE(path, PATH_loss_rx_percent));
	text_wrap(out, 4, line);
	text_wrap(out, 4, STATUS_VALUE(path, PATH_why));
}

/* What is sent to us is decided elsewhere. */
static void print_whose_choice(FILE *out, const json_t *peer)
{
	if (!strcmp(STATUS_VALUE(peer, PEER_bonding), "bonded"))
		text_wrap(out, 2,
		          "What comes in goes by what the peer has learned: vtrunkd explain "
		          "there tells its capacities and reasons.");
}

static void print_peer(FILE *out, const json_t *peer)
{
	const json_t *paths = status_get(peer, PEER_paths), *path;
	size_t i;

	fprintf(out, "peer: %s\n", STATUS_VALUE(peer, PEER_name));
	fprintf(out, "  mode: %s, bonding: %s\n", STATUS_VALUE(peer, PEER_mode),
	        STATUS_VALUE(peer, PEER_bonding));
	json_array_foreach(paths, i, path) print_path(out, path);
	if (!json_array_size(paths))
		fputs("  no path leads to it yet\n", out);
	else
		print_whose_choice(out, peer);
}

void explain_print(FILE *out, const json_t *peers)
{
	const json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		fputs(i ? "\n" : "", out);
		print_peer(out, peer);
	}
	if (!json_array_size(peers))
		fputs("no peers\n", out);
}
