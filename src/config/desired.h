/* SPDX-License-Identifier: MIT */
/* desired.h - what the tunnel shall be: one checked, immutable description of its links and peers.
 *
 * Made from a configuration file (load.h) and compared with another (diff.h). It knows no running
 * object: links are known by their name, peers by their public key. Owned by whoever loaded it; the
 * keys are in secret memory.
 */
#ifndef CONFIG_DESIRED_H
#define CONFIG_DESIRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/log_level.h"
#include "base/prefix.h"
#include "config/bounds.h"
#include "crypto/cipher.h"
#include "sched/link_wishes.h"
#include "sched/path_table.h"
#include "sched/traffic_rules.h"
#include "vtrunkd/limits.h"
#include "vtrunkd/wire.h"

#define CONFIG_ANY_DEVICE   "any"  /* no name of a device, as a value of links[].device */
#define CONFIG_RUN_DIR_NONE "none" /* no control socket */

/* Fits into links of 1500 bytes in any case: 80 bytes are IPv6, UDP, WireGuard's header and tag. */
#define CONFIG_MTU_DEFAULT     1420u
#define CONFIG_TUNNEL_OVERHEAD 80u

enum bonding_policy {
	BONDING_POLICY_AUTO,    /* bond with vtrunkd, be plain WireGuard to others */
	BONDING_POLICY_REQUIRE, /* no data to a peer that is not vtrunkd */
	BONDING_POLICY_OFF,     /* plain WireGuard to everybody */
};

struct desired_link {
	char name[NAME_LEN];
	struct endpoint bind; /* family AF_UNSPEC: by the families of what is contacted */
	bool both_families;   /* bind is any IPv6 address, and any IPv4 one as well */
	char *endpoint;       /* "HOST:PORT" as written, checked for form; NULL: none */
	uint32_t weight;      /* 1 .. LINK_WEIGHT_MAX */
	enum link_role role;
	struct link_limits limits;
	char *device;         /* SO_BINDTODEVICE; NULL: that of the bound address, if any */
	bool any_device;      /* "any": rules for the source decide, not a device */
	uint32_t fwmark;      /* SO_MARK; 0: none */
	bool has_fwmark;
};

struct desired_endpoint {
	int link;      /* index of the link; -1: every link that can reach it */
	char *address; /* "HOST:PORT" */
};

struct desired_peer {
	char name[NAME_LEN]; /* "peer" of the single-peer keys; as given; "peer-N" from 1 */
	uint8_t public_key[KEY_LEN];
	bool has_preshared_key;
	struct prefix *allowed_ips; /* masked; 0.0.0.0/0 and ::/0 for the single-peer keys */
	size_t allowed_ip_count;
	enum bonding_mode mode;             /* of the peer, else wireguard.bonding_mode */
	uint16_t persistent_keepalive;      /* seconds; 0 off */
	struct desired_endpoint *endpoints; /* the single-peer keys: one per link with endpoint */
	size_t endpoint_count;
	uint8_t *preshared_key; /* KEY_LEN bytes of secret memory, or NULL */
};

/* A class of traffic. */
struct desired_class {
	char name[NAME_LEN];      /* as given; "class-N" from 1 */
	struct traffic_rule rule; /* but for the id of its link */
	char link[NAME_LEN];      /* of TREAT_LINK */
};

/* A list of processors for the threads of one role, taken in turn; empty: not pinned. */
struct desired_cpus {
	uint16_t cpu[CONFIG_CPUS_MAX];
	size_t count;
};

struct desired {
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
	struct desired_link *links;
	size_t link_count; /* 1 .. LINKS_MAX */
	struct desired_peer *peers;
	size_t peer_count;      /* 1 .. PEERS_MAX */
	struct desired_class *classes;
	size_t class_count;     /* 0 .. CLASSES_MAX */
	bool allows_everything; /* the keys of a single peer, which name no allowed IPs */

	unsigned workers; /* 0: auto */
	struct desired_cpus cpus_control, cpus_tun, cpus_rx, cpus_workers;
	enum cipher_library crypto; /* as wanted: it may not be available here */
	unsigned busy_poll_us;      /* 0 .. 1,000; 0: sleep at once when there is nothing to do */
	bool has_offloads;          /* TUN and UDP segmentation where the kernel has them */

	char *run_dir; /* of the control socket: absolute, CONFIG_RUN_DIR_NONE, or NULL: default */

	enum log_level log_level;
	enum log_format log_format;
};

/* What @text says of a class; whatever is no word for it is a link. */
enum traffic_treatment desired_treatment_of(const char *text);

/* Takes the place of what the file says; @run_dir has passed config_check_run_dir(). Returns 0 or
 * -ENOMEM.
 */
int desired_set_run_dir(struct desired *desired, const char *run_dir);

/* The name of the link that an endpoint of one of @desired's peers is for; "": for every link. */
const char *desired_endpoint_link(const struct desired *desired,
                                  const struct desired_endpoint *endpoint);

/* Wipes the keys. NULL is allowed. */
void desired_free(struct desired *desired);

#endif
