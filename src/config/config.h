/* SPDX-License-Identifier: MIT */
/* config.h - the configuration file: YAML in, one checked struct out.
 *
 * Two passes over the text. check.c walks the YAML document against a table of keys and
 * collects every error with its place; load.c then lets libcyaml load a document that is known to
 * be good, and turns strings into addresses and keys. Nothing outside the file is touched but a
 * private key file it names.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/endpoint.h"
#include "base/log.h"
#include "base/prefix.h"
#include "crypto/cipher.h"
#include "sched/path_table.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

#define CONFIG_FILE_DEFAULT "/etc/vtrunkd.yaml"
#define CONFIG_ANY_DEVICE   "any" /* no name of a device, as a value of links[].device */
#define CONFIG_BYTES_MAX    (1u << 20)
#define CONFIG_DEPTH_MAX    16u
#define CONFIG_CPUS_MAX     64u
#define CONFIG_RUN_DIR_NONE "none" /* no control socket */

/* Fits into links of 1500 bytes in any case: 80 bytes are IPv6, UDP, WireGuard's header and tag. */
#define CONFIG_MTU_DEFAULT     1420u
#define CONFIG_TUNNEL_OVERHEAD 80u

enum bonding_policy {
	BONDING_POLICY_AUTO,    /* bond with vtrunkd, be plain WireGuard to others */
	BONDING_POLICY_REQUIRE, /* no data to a peer that is not vtrunkd */
	BONDING_POLICY_OFF,     /* plain WireGuard to everybody */
};

struct config_link {
	char name[NAME_LEN];
	struct endpoint bind; /* family AF_UNSPEC: by the families of what is contacted */
	bool both_families;   /* bind is any IPv6 address, and any IPv4 one as well */
	char *endpoint;       /* "HOST:PORT" as written, checked for form; NULL: none */
	uint32_t weight;      /* 1 .. 1,000,000 */
	char *device;         /* SO_BINDTODEVICE; NULL: that of the bound address, if any */
	bool any_device;      /* "any": rules for the source decide, not a device */
	uint32_t fwmark;      /* SO_MARK; 0: none */
	bool has_fwmark;
};

struct config_peer_endpoint {
	int link;      /* index of the link; -1: every link that can reach it */
	char *address; /* "HOST:PORT" */
};

struct config_peer {
	char name
		[NAME_LEN]; /* "peer" for the single-peer keys; else as given, or "peer-N" from 1 */
	uint8_t public_key[KEY_LEN];
	bool has_preshared_key;
	struct prefix *allowed_ips; /* masked; 0.0.0.0/0 and ::/0 for the single-peer keys */
	size_t allowed_ip_count;
	enum bonding_mode mode;        /* of the peer, else wireguard.bonding_mode */
	uint16_t persistent_keepalive; /* seconds; 0 off */
	struct config_peer_endpoint
		*endpoints; /* the single-peer keys: one per link with endpoint */
	size_t endpoint_count;
	uint8_t *preshared_key; /* KEY_LEN bytes of secret memory, or NULL */
};

/* A list of processors for the threads of one role, taken in turn; empty: not pinned. */
struct config_cpus {
	uint16_t cpu[CONFIG_CPUS_MAX];
	size_t count;
};

struct config {
	char *path; /* the file, for messages */

	uint32_t mtu;             /* inner */
	uint32_t buffer_size;     /* bytes, at least mtu; by default what a packet of mtu needs */
	char interface[16];       /* "": the kernel picks */
	struct prefix *addresses; /* host bits kept; from addresses, or address and netmask */
	size_t address_count;
	struct prefix destination; /* family 0: none; else point to point */
	bool routes_auto;          /* allowed IPs become routes, prefixes of length 0 excepted */

	uint8_t *private_key; /* KEY_LEN bytes of secret memory */
	enum bonding_policy bonding;
	uint64_t error_backoff_ns;
	uint64_t health_interval_ns;
	uint64_t health_timeout_ns;
	struct config_link *links;
	size_t link_count; /* 1 .. LINKS_MAX */
	struct config_peer *peers;
	size_t peer_count;      /* 1 .. PEERS_MAX */
	bool allows_everything; /* the keys of a single peer, which name no allowed IPs */

	unsigned workers; /* 0: auto */
	struct config_cpus cpus_control, cpus_tun, cpus_rx, cpus_workers;
	enum cipher_library crypto; /* as wanted: it may not be available here */
	unsigned busy_poll_us;      /* 0 .. 1,000; 0: sleep at once when there is nothing to do */
	bool has_offloads;          /* TUN and UDP segmentation where the kernel has them */

	char *run_dir; /* of the control socket, absolute, or CONFIG_RUN_DIR_NONE; NULL: the default */

	enum log_level log_level;
	enum log_format log_format;
};

/* Loads @path. On success *@ret is the caller's to config_free() and warnings were written to
 * @messages; else every error was, one line each, "FILE:LINE:COLUMN: key: what is wrong and what is
 * allowed", and -EINVAL (bad content), -EFBIG, -ENOMEM or the errno of reading is returned.
 */
int config_load(const char *path, FILE *messages, struct config **ret);

/* The public key of the private one that @path gives or names; whatever else is wrong in the file or
 * still to be filled in does not matter. Messages and errors as above.
 */
int config_public_key(const char *path, FILE *messages, uint8_t ret[static KEY_LEN]);

/* Takes the place of what the file says; @run_dir has passed config_check_run_dir(). Returns 0 or
 * -ENOMEM.
 */
int config_set_run_dir(struct config *config, const char *run_dir);

/* Wipes the keys. NULL is allowed. */
void config_free(struct config *config);

enum config_starter_kind {
	CONFIG_STARTER_PAIR,    /* this end, with a pair of keys for the other in a comment */
	CONFIG_STARTER_CLIENT,  /* the end that contacts the other, over this machine's uplinks */
	CONFIG_STARTER_GATEWAY, /* the end that waits, for any number of others */
};

/* What the file of one end says of the other; NULL: a placeholder, which config_load() refuses. */
struct config_starter {
	enum config_starter_kind kind;
	const char *peer_key; /* base64; of a client and a gateway */
	const char *endpoint; /* HOST:PORT; of a client */
};

/* Writes a commented starter file with fresh keys to @path, mode 0600, or to standard output for
 * "-". Never over an existing file unless @force. *@ret_public is our new public key. Returns 0 or a
 * negative errno (-EEXIST).
 */
int config_write_starter(const char *path, bool force, const struct config_starter *starter,
                         uint8_t ret_public[static KEY_LEN]);

#endif
