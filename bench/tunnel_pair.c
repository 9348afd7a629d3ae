/* SPDX-License-Identifier: MIT */
#include "bench/tunnel_pair.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/echo.h"
#include "bench/vtrunkd_config.h"
#include "bench/wait.h"
#include "vtrunkd/ctl.h"

#define START_LIMIT_NS    (15 * NS_PER_SECOND)
#define COMMAND_LIMIT_NS  (10 * NS_PER_SECOND)
#define ASK_INTERVAL_NS   (20 * NS_PER_MS)
#define KEY_TEXT_LEN      45 /* 44 characters of base64 and zero */
#define WIREGUARD_SOCKETS "/run/wireguard"

struct key_pair {
	char private_key[KEY_TEXT_LEN], public_key[KEY_TEXT_LEN];
};

static enum side other(enum side side)
{
	return side == CLIENT ? SERVER : CLIENT;
}

static const char *vtrunkd_of(const struct tunnel_pair *pair)
{
	return pair->variant->program ? pair->variant->program : pair->programs->vtrunkd;
}

/* Runs a command of ours to its end; 0 or a negative errno. */
static int run(const struct tunnel_pair *pair, const char *const *argv, const char *text,
               char **ret_text)
{
	struct process_spec spec = {.argv = argv, .errors = pair->bed->log};
	int status = process_run(&spec, text, wait_deadline_ns(COMMAND_LIMIT_NS), ret_text);

	return status > 0 ? -EREMOTEIO : status;
}

/* ---- keys ---- */

static int make_key(const struct tunnel_pair *pair, const char *command, const char *text,
                    char ret[static KEY_TEXT_LEN])
{
	const char *const argv[] = {pair->programs->vtrunkd, command, NULL};
	char *said;
	int err = run(pair, argv, text, &said);

	if (err)
		return err;
	size_t len = strcspn(said, "\n");
	if (len == KEY_TEXT_LEN - 1) {
		memcpy(ret, said, len);
		ret[len] = '\0';
	} else {
		err = -EREMOTEIO;
	}
	free(said);
	return err;
}

static int make_keys(const struct tunnel_pair *pair, struct key_pair keys[static SIDES])
{
	int err = 0;

	for (enum side side = CLIENT; !err && side < SIDES; side++) {
		err = make_key(pair, "genkey", NULL, keys[side].private_key);
		if (!err)
			err = make_key(pair, "pubkey", keys[side].private_key,
			               keys[side].public_key);
	}
	return err;
}

/* ---- vtrunkd ---- */

static int start_vtrunkd(struct tunnel_pair *pair, enum side side, const struct key_pair *keys)
{
	const char *const argv[] = {vtrunkd_of(pair), "--config", "/dev/stdin", "--foreground",
	                            NULL};
	struct vtrunkd_config config = {
		.side = side,
		.links = pair->variant->links,
		.interface = pair->interface[side],
		.address = pair->address[side],
		.private_key = keys[side].private_key,
		.peer_public_key = keys[other(side)].public_key,
		.settings = pair->variant->settings,
	};
	char *text = vtrunkd_config_text(&config);
	struct process_spec spec = {.netns = &pair->bed->host[side],
	                            .argv = argv,
	                            .output = pair->bed->log,
	                            .errors = pair->bed->log};
	int err = process_start_with(&spec, text, &pair->daemon[side]);

	free(text);
	return err;
}

/* How many paths of the only peer are up, as `vtrunkd status --json` says. */
static unsigned paths_up(const char *status)
{
	json_t *root = json_loads(status, 0, NULL), *path;
	json_t *peer = json_array_get(json_object_get(root, "peers"), 0);
	unsigned up = 0;
	size_t i;

	json_array_foreach(json_object_get(peer, "paths"), i, path)
	{
		const char *state = json_string_value(json_object_get(path, "state"));

		up += state && !strcmp(state, "up");
	}
	json_decref(root);
	return up;
}

static int wait_paths(const struct tunnel_pair *pair, enum side side, uint64_t deadline_ns)
{
	const char *const argv[] = {vtrunkd_of(pair),      "status", "--json", "-i",
	                            pair->interface[side], NULL};

	for (;;) {
		char *status;
		int err = run(pair, argv, NULL, &status);
		if (err)
			return err;
		bool are_up = paths_up(status) >= pair->variant->links;
		free(status);
		if (are_up)
			return 0;
		if (wait_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
		err = wait_until(wait_deadline_ns(ASK_INTERVAL_NS));
		if (err)
			return err;
	}
}

static int start_vtrunkd_pair(struct tunnel_pair *pair)
{
	struct key_pair keys[SIDES];
	int err = make_keys(pair, keys);

	if (!err)
		err = start_vtrunkd(pair, SERVER, keys);
	if (!err)
		err = start_vtrunkd(pair, CLIENT, keys);
	return err;
}

/* ---- wireguard-go ---- */

struct wireguard_end {
	const struct tunnel_pair *pair;
	enum side side;
};

/* Its socket is there and answers. */
static int ask_wireguard(void *arg)
{
	const struct wireguard_end *end = arg;
	const char *interface = end->pair->interface[end->side];
	const char *const argv[] = {"wg", "show", interface, "listen-port", NULL};
	char path[sizeof WIREGUARD_SOCKETS + IF_NAMESIZE + 6];

	snprintf(path, sizeof path, WIREGUARD_SOCKETS "/%s.sock", interface);
	int err = access(path, F_OK) ? -EREMOTEIO : run(end->pair, argv, NULL, NULL);
	return err == -EREMOTEIO ? -EAGAIN : err;
}

static int wait_wireguard(const struct tunnel_pair *pair, enum side side)
{
	struct wireguard_end end = {.pair = pair, .side = side};

	return process_await(&pair->daemon[side], ask_wireguard, &end,
	                     wait_deadline_ns(START_LIMIT_NS));
}

static int set_wireguard(const struct tunnel_pair *pair, enum side side,
                         const struct key_pair *keys)
{
	char port[8], endpoint[32], allowed[32], at[TESTBED_ADDRESS_LEN];
	const char *const argv[] = {"wg",
	                            "set",
	                            pair->interface[side],
	                            "listen-port",
	                            side == SERVER ? port : "0",
	                            "private-key",
	                            "/dev/stdin",
	                            "peer",
	                            keys[other(side)].public_key,
	                            "allowed-ips",
	                            allowed,
	                            side == CLIENT ? "endpoint" : NULL,
	                            endpoint,
	                            NULL};

	snprintf(port, sizeof port, "%d", TUNNEL_PORT);
	snprintf(endpoint, sizeof endpoint, "%s:%d", testbed_address(SERVER, 1, at), TUNNEL_PORT);
	snprintf(allowed, sizeof allowed, "%s/32", pair->address[other(side)]);
	return run(pair, argv, keys[side].private_key, NULL);
}

static int start_wireguard(struct tunnel_pair *pair, enum side side, const struct key_pair *keys)
{
	const char *const argv[] = {pair->programs->wireguard_go, "-f", pair->interface[side],
	                            NULL};
	struct process_spec spec = {.netns = &pair->bed->host[side],
	                            .argv = argv,
	                            .output = pair->bed->log,
	                            .errors = pair->bed->log};
	char lines[160];
	int err = process_start(&spec, &pair->daemon[side]);

	if (!err)
		err = wait_wireguard(pair, side);
	if (!err)
		err = set_wireguard(pair, side, keys);
	snprintf(lines, sizeof lines, "addr add %s/24 dev %s\nlink set %s mtu %d up\n",
	         pair->address[side], pair->interface[side], pair->interface[side], TUNNEL_MTU);
	return err ? err : netns_ip(&pair->bed->host[side], lines, pair->bed->log);
}

static int start_wireguard_pair(struct tunnel_pair *pair)
{
	struct key_pair keys[SIDES];
	int err = make_keys(pair, keys);

	if (!err)
		err = start_wireguard(pair, SERVER, keys);
	if (!err)
		err = start_wireguard(pair, CLIENT, keys);
	return err;
}

/* ---- commands of the user's ---- */

static int start_command(struct tunnel_pair *pair, enum side side)
{
	struct process_spec spec = {.netns = &pair->bed->host[side],
	                            .argv = (const char *const *)pair->variant->argv[side],
	                            .output = pair->bed->log,
	                            .errors = pair->bed->log};

	return process_start(&spec, &pair->daemon[side]);
}

static int start_commands(struct tunnel_pair *pair)
{
	int err = start_command(pair, SERVER);

	return err ? err : start_command(pair, CLIENT);
}

/* The client's address is the one it uses towards the server. */
static int learn_client_address(struct tunnel_pair *pair)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(1)};
	socklen_t len = sizeof at;
	int fd = netns_socket(&pair->bed->host[CLIENT], AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return fd;
	inet_pton(AF_INET, pair->address[SERVER], &at.sin_addr);
	int err = connect(fd, (struct sockaddr *)&at, sizeof at) ||
	                          getsockname(fd, (struct sockaddr *)&at, &len)
	                  ? -errno
	                  : 0;
	close(fd);
	if (!err)
		inet_ntop(AF_INET, &at.sin_addr, pair->address[CLIENT], TESTBED_ADDRESS_LEN);
	return err;
}

/* ---- life ---- */

static void set_names(struct tunnel_pair *pair)
{
	const char *server = pair->variant->kind == VARIANT_EXEC ? pair->programs->exec_address
	                                                         : TUNNEL_SERVER_ADDRESS;

	for (enum side side = CLIENT; side < SIDES; side++) {
		/* Control sockets of all namespaces share a directory: no two runs may collide. */
		snprintf(pair->interface[side], IF_NAMESIZE, "vb%d%c", getpid(),
		         testbed_side_name(side)[0]);
		if (pair->variant->kind == VARIANT_NONE)
			testbed_address(side, 1, pair->address[side]);
		else
			snprintf(pair->address[side], TESTBED_ADDRESS_LEN, "%s",
			         side == CLIENT ? TUNNEL_CLIENT_ADDRESS : server);
	}
}

static int start_daemons(struct tunnel_pair *pair)
{
	switch (pair->variant->kind) {
	case VARIANT_VTRUNKD:
		return start_vtrunkd_pair(pair);
	case VARIANT_WIREGUARD_GO:
		return start_wireguard_pair(pair);
	case VARIANT_EXEC:
		return start_commands(pair);
	case VARIANT_NONE:
		break;
	}
	return 0;
}

static int wait_ready(struct tunnel_pair *pair)
{
	uint64_t deadline_ns = wait_deadline_ns(START_LIMIT_NS);
	int err = echo_wait_answer(&pair->bed->host[CLIENT], pair->address[SERVER], pair->daemon,
	                           SIDES, deadline_ns);

	if (!err && pair->variant->kind == VARIANT_EXEC)
		err = learn_client_address(pair);
	for (enum side side = CLIENT; side < SIDES; side++)
		if (!err && pair->variant->kind == VARIANT_VTRUNKD)
			err = wait_paths(pair, side, deadline_ns);
	return err;
}

int tunnel_pair_start(const struct testbed *bed, const struct variant *variant,
                      const struct tunnel_programs *programs, struct tunnel_pair *ret)
{
	*ret = (struct tunnel_pair){.bed = bed, .variant = variant, .programs = programs};
	set_names(ret);
	int err = start_daemons(ret);
	if (!err)
		err = wait_ready(ret);
	if (err)
		tunnel_pair_stop(ret);
	return err;
}

/* One that had to be killed leaves its control socket. */
static void remove_socket(const char *directory, const char *interface)
{
	char path[64];

	snprintf(path, sizeof path, "%s/%s.sock", directory, interface);
	unlink(path);
}

void tunnel_pair_stop(struct tunnel_pair *pair)
{
	for (enum side side = CLIENT; side < SIDES; side++)
		process_terminate(&pair->daemon[side]);
	for (enum side side = CLIENT; side < SIDES; side++) {
		if (process_stop(&pair->daemon[side]))
			continue;
		remove_socket(CTL_DIRECTORY, pair->interface[side]);
		remove_socket(WIREGUARD_SOCKETS, pair->interface[side]);
	}
}

uint64_t tunnel_pair_cpu_ns(const struct tunnel_pair *pair)
{
	return process_cpu_ns(&pair->daemon[CLIENT]) + process_cpu_ns(&pair->daemon[SERVER]);
}
