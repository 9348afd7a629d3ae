/* SPDX-License-Identifier: MIT */
/* vtrunkd_config.h - the configuration of one end of a measured tunnel. */
#ifndef BENCH_VTRUNKD_CONFIG_H
#define BENCH_VTRUNKD_CONFIG_H

#include <jansson.h>

#include "bench/testbed.h"

#define TUNNEL_MTU  1420
#define TUNNEL_PORT 51820 /* the server's, on every link */

struct vtrunkd_config {
	enum side side;
	unsigned links;
	const char *interface;
	const char *address; /* inside the tunnel */
	const char *private_key, *peer_public_key;
	const json_t *settings; /* by section; they come last and so win */
};

/* JSON, which is YAML too; the caller's to free(). NULL without memory. */
char *vtrunkd_config_text(const struct vtrunkd_config *config);

#endif
