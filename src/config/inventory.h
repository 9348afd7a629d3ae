/* SPDX-License-Identifier: MIT */
/* inventory.h - the network devices and addresses of this machine, for people who have to name one.
 *
 * A look at the moment, for messages and starter files; what the daemon acts on comes from
 * netif_monitor.h. Any thread.
 */
#ifndef CONFIG_INVENTORY_H
#define CONFIG_INVENTORY_H

#include <net/if.h>
#include <stddef.h>

#define INVENTORY_TEXT_LEN 512u

/* Devices that a default route leaves by, IPv4 first, each once: most likely the uplinks. Returns
 * how many of the at most @max there are.
 */
unsigned inventory_uplinks(char ret[][IF_NAMESIZE], unsigned max);

/* Every device but loopback with its addresses, link-local ones left out: "eth0 (192.0.2.10,
 * 2001:db8::1), wwan0 (down, no address)", "none", or cut short with "...". Returns @buf.
 */
const char *inventory_text(char buf[static INVENTORY_TEXT_LEN]);

#endif
