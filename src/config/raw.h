/* SPDX-License-Identifier: MIT */
/* raw.h - the configuration as libcyaml loads its normal form, before build.h makes values of it.
 *
 * Zero and NULL mean absent everywhere, so the values of enumerations are one more than what they
 * stand for. Texts are as written, checked for form (check.h); a secret is its number among the
 * secrets (secrets.h). Owned by libcyaml.
 */
#ifndef CONFIG_RAW_H
#define CONFIG_RAW_H

#include <stdint.h>

struct raw_network {
	uint32_t mtu, buffer_size;
	char *interface, *address, *netmask, *destination;
	char **addresses;
	unsigned addresses_count;
	int routes;
};

struct raw_endpoint {
	char *link, *address;
};

struct raw_peer {
	char *name, *public_key;
	uint32_t preshared_key;
	char **allowed_ips;
	unsigned allowed_ips_count;
	int bonding_mode;
	uint16_t persistent_keepalive;
	struct raw_endpoint *endpoints;
	unsigned endpoints_count;
};

struct raw_rate_limit {
	uint32_t up, down; /* Mbit/s */
};

struct raw_link {
	char *name, *bind, *endpoint, *device;
	uint32_t weight;
	int role;
	struct raw_rate_limit rate_limit_mbps;
	uint32_t *fwmark; /* 0 is a value */
};

struct raw_match {
	char **dscp;
	unsigned dscp_count;
	uint32_t max_size;
	int protocol;
	uint16_t *ports;
	unsigned ports_count;
	char *source, *destination;
};

struct raw_class {
	char *name, *treat;
	struct raw_match match;
};

struct raw_wireguard {
	uint32_t private_key, private_key_file;
	char *peer_public_key;
	uint32_t preshared_key;
	uint16_t persistent_keepalive, listen_port;
	int bonding_mode, bonding;
	uint64_t error_backoff_secs, health_check_interval_ms, health_check_timeout_ms;
	struct raw_peer *peers;
	unsigned peers_count;
	struct raw_link *links;
	unsigned links_count;
	struct raw_class *classes;
	unsigned classes_count;
};

struct raw_cpus {
	uint16_t *control, *tun, *rx, *workers;
	unsigned control_count, tun_count, rx_count, workers_count;
};

struct raw_dataplane {
	char *workers;
	struct raw_cpus cpus;
	int crypto, offloads;
	uint32_t busy_poll_us;
};

struct raw_control {
	char *run_dir;
};

struct raw_logging {
	int level, format;
};

struct raw_config {
	struct raw_network network;
	struct raw_wireguard wireguard;
	struct raw_dataplane dataplane;
	struct raw_control control;
	struct raw_logging logging;
};

#endif
