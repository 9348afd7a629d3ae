/* SPDX-License-Identifier: MIT */
/* routes.h - the ways to the peers, as far as the file alone tells: whether allowed IPs, which
 * become routes into the tunnel, hold the address of an endpoint, and whether there are more ways
 * than a peer has paths.
 *
 * Only warnings: a link with a device is not led by such routes, and for others the daemon keeps a
 * route beside the tunnel. Endpoints are sorted, so that each prefix is held against all with one
 * search: a gateway has tens of thousands of both.
 */
#ifndef CONFIG_ROUTES_H
#define CONFIG_ROUTES_H

struct config_sections;

/* Returns 0 or -ENOMEM. */
int config_routes_check(const struct config_sections *s);

#endif
